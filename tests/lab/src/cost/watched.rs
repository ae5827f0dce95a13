//! One turn: pgbench at full speed, and scrapes in their interval.

use std::thread;
use std::time::{Duration, Instant};

use lab::{Exporter, LabError, Postgres, wait_until_gone};

use super::latency;
use crate::meter::{cpu, ended_children, exact, quantile};

/// Longer than this pgbench does not need to connect its clients.
const CONNECTED: Duration = Duration::from_secs(10);
/// In the titles of the exporter's sessions, and of pgbench's.
const SESSIONS: &str = " monitor ";
const CLIENTS: &str = " postgres bench ";

/// A server that works and is watched.
pub struct Watched<'a> {
    pub server: &'a Postgres,
    pub exporter: &'a Exporter,
    pub cores: usize,
}

/// What a turn has shown.
pub struct Round {
    pub tps: f64,
    pub p99: Duration,
    pub scrapes: usize,
    /// Median of the scrapes.
    pub scrape: Duration,
    /// CPU of the exporter, as a share of one core.
    pub exporter: f64,
    /// CPU of the exporter's sessions, as a share of all cores.
    pub sessions: f64,
}

impl Watched<'_> {
    /// Lets pgbench work for so long; scrapes meanwhile, if there is an interval.
    pub fn round(&self, interval: Option<Duration>, seconds: Duration) -> Result<Round, LabError> {
        let clients = 2 * self.cores;
        // It goes on for a second, so that none of its sessions ends while others are measured.
        let pgbench = self.server.pgbench_saturating("bench", clients, self.cores, seconds + Duration::from_secs(2))?;
        let backends = self.server.backends(CLIENTS);
        pgbench.wait_until("connected", CONNECTED, || backends.titles().len() >= clients)?;
        let sessions = backends.pids();

        let (begun, before) = (Instant::now(), Spent::now(self));
        let times = self.scrape(interval, begun + seconds)?;
        let spent = Spent::now(self).since(&before);
        let elapsed = begun.elapsed().as_secs_f64();

        pgbench.wait(2 * CONNECTED);
        // The postmaster must not inherit their time in the next turn.
        wait_until_gone(&sessions, CONNECTED);
        let output = std::fs::read_to_string(pgbench.log_file()).unwrap_or_default();
        let tps = latency::tps(&output).ok_or_else(|| LabError::Unexpected(format!("pgbench: {output}")))?;
        std::fs::remove_file(pgbench.log_file()).ok();
        let latencies = latency::take(self.server.socket_dir(), Postgres::LATENCIES)?;
        Ok(Round {
            tps,
            p99: quantile(&latencies, 0.99),
            scrapes: times.len(),
            scrape: quantile(&times, 0.5),
            exporter: spent.0.as_secs_f64() / elapsed,
            sessions: spent.1.as_secs_f64() / elapsed / self.cores as f64,
        })
    }

    /// Scrapes at each interval until then. The first one comes in the middle of the first interval.
    fn scrape(&self, interval: Option<Duration>, end: Instant) -> Result<Vec<Duration>, LabError> {
        let mut times = Vec::new();
        if let Some(interval) = interval {
            let mut due = Instant::now() + interval / 2;
            while due < end {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                times.push(self.exporter.get_with("/metrics", &[("Accept-Encoding", "gzip")])?.elapsed);
                due += interval;
            }
        }
        thread::sleep(end.saturating_duration_since(Instant::now()));
        Ok(times)
    }
}

/// CPU time of the exporter and of its sessions so far.
///
/// Sessions that have ended are children that the postmaster has waited for. While pgbench's sessions stay, nobody
/// else's end: what the postmaster has inherited between two looks is theirs.
struct Spent {
    exporter: Duration,
    sessions: Duration,
}

impl Spent {
    fn now(watched: &Watched<'_>) -> Self {
        let postmaster = watched.server.pids().first().copied().unwrap_or_default();
        let living: Duration = watched.server.backends(SESSIONS).pids().into_iter().filter_map(exact).sum();
        Self { exporter: cpu(watched.exporter.process().pid()), sessions: living + ended_children(postmaster) }
    }

    fn since(&self, before: &Self) -> (Duration, Duration) {
        (self.exporter.saturating_sub(before.exporter), self.sessions.saturating_sub(before.sessions))
    }
}
