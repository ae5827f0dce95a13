//! What is measured, and the figures of it.

use std::time::Duration;

use lab::{Exporter, LabError, Postgres, Proxy};

use crate::meter::{cpu, memory_mib, quantile, server_cpu};

/// Something that can be scraped.
pub trait Subject: Send {
    /// Scrapes it once.
    fn scrape(&mut self, gzip: bool) -> Result<Scrape, LabError>;

    /// Its process, unless it is part of this one.
    fn pid(&self) -> Option<u32>;
}

/// One scrape.
pub struct Scrape {
    pub elapsed: Duration,
    pub bytes: usize,
    /// Nothing where the page is compressed, or is none.
    pub series: Option<usize>,
}

impl Subject for Exporter {
    fn scrape(&mut self, gzip: bool) -> Result<Scrape, LabError> {
        let headers: &[(&str, &str)] = if gzip { &[("Accept-Encoding", "gzip")] } else { &[] };
        let response = self.get_with("/metrics", headers)?;
        if response.status != 200 {
            let (status, body) = (response.status, response.text());
            return Err(LabError::Unexpected(format!("/metrics: status {status}: {}", &body[..body.len().min(200)])));
        }
        let is_text = response.header("content-encoding").is_none();
        let series = is_text.then(|| response.text().lines().filter(|line| !line.starts_with('#')).count());
        Ok(Scrape { elapsed: response.elapsed, bytes: response.body.len(), series })
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process().pid())
    }
}

/// What some scrapes of one kind took.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub series: Option<usize>,
    pub bytes: usize,
    pub first: Duration,
    pub times: Vec<Duration>,
    /// CPU for each scrape: the exporter's, and the server's.
    pub own: Option<Duration>,
    pub server: Duration,
    /// MiB before the first scrape, after the last one, and at most.
    pub idle: f64,
    pub resident: f64,
    pub peak: f64,
}

impl Figures {
    pub fn median(&self) -> Duration {
        quantile(&self.times, 0.5)
    }

    pub fn p99(&self) -> Duration {
        quantile(&self.times, 0.99)
    }

    /// Adds what the process of the subject says of its memory.
    pub fn add_memory(&mut self, subject: &dyn Subject) {
        (self.resident, self.peak) = subject.pid().map_or((0.0, 0.0), memory_mib);
    }
}

/// What both sides have used so far.
pub struct Usage {
    own: Option<Duration>,
    server: Duration,
}

impl Usage {
    pub fn now(subject: Option<&dyn Subject>, server: &Postgres) -> Self {
        Self { own: subject.and_then(|subject| subject.pid()).map(cpu), server: server_cpu(&server.pids()) }
    }

    /// For each of so many scrapes since then: the exporter's, and the server's.
    pub fn since(&self, before: &Self, scrapes: usize) -> (Option<Duration>, Duration) {
        let scrapes = u32::try_from(scrapes).unwrap_or(u32::MAX).max(1);
        let own = self.own.zip(before.own).map(|(after, before)| after.saturating_sub(before) / scrapes);
        (own, self.server.saturating_sub(before.server) / scrapes)
    }
}

/// Scrapes one after another.
pub fn repeat(subject: &mut dyn Subject, server: &Postgres, scrapes: usize, gzip: bool) -> Result<Figures, LabError> {
    let mut figures = Figures { idle: subject.pid().map_or(0.0, |pid| memory_mib(pid).0), ..Figures::default() };
    let first = subject.scrape(false)?;
    (figures.first, figures.series) = (first.elapsed, first.series);
    // The second use of a connection prepares its statements, and the first compressed page compresses.
    for _ in 0..3 {
        subject.scrape(gzip)?;
    }
    let before = Usage::now(Some(subject), server);
    for _ in 0..scrapes {
        let scrape = subject.scrape(gzip)?;
        figures.bytes = scrape.bytes;
        figures.times.push(scrape.elapsed);
    }
    (figures.own, figures.server) = Usage::now(Some(subject), server).since(&before, scrapes);
    figures.add_memory(subject);
    Ok(figures)
}

/// What has passed a proxy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wire {
    pub statements: u64,
    pub round_trips: u64,
    pub connections: u64,
    pub bytes: u64,
}

impl Wire {
    pub fn now(proxy: &Proxy) -> Self {
        Self {
            statements: proxy.statements(),
            round_trips: proxy.round_trips(),
            connections: proxy.connections(),
            bytes: proxy.bytes_down(),
        }
    }

    /// For each of so many scrapes since then: statements, round trips, connections, bytes.
    pub fn since(self, before: Self, scrapes: usize) -> [f64; 4] {
        let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / scrapes.max(1) as f64;
        [
            each(self.statements, before.statements),
            each(self.round_trips, before.round_trips),
            each(self.connections, before.connections),
            each(self.bytes, before.bytes),
        ]
    }
}
