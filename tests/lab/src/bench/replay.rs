//! The statements of a scrape without the exporter: as fast as they can be run, and as a straightforward exporter does.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use lab::{Executed, LabError, Postgres, Proxy};

use super::client::Client;
use super::program::{Caching, Program};
use super::subject::{Scrape, Subject};

/// The statements of one cold scrape, by database.
pub struct Statements(BTreeMap<String, Vec<Executed>>);

/// How they are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Prepared on a connection for each database, all at once, rows discarded: no exporter can be faster.
    Bare,
    /// One after another, unprepared, a connection for each database: what a straightforward exporter does.
    OneByOne,
}

/// A client that runs the statements again and again.
pub struct Replay {
    manner: Manner,
    sessions: Vec<(Client, Vec<Executed>)>,
}

impl Statements {
    /// Records those of the exporter.
    pub fn record(program: &Program, server: &Postgres) -> Result<Self, LabError> {
        let proxy = Proxy::start(server.port())?;
        let exporter = program.start(proxy.port(), Caching::Cold)?;
        for _ in 0..3 {
            exporter.get("/metrics")?;
        }
        proxy.record();
        exporter.get("/metrics")?;
        let mut databases = BTreeMap::<String, Vec<Executed>>::new();
        for statement in proxy.recorded() {
            databases.entry(statement.database().to_owned()).or_default().push(statement);
        }
        if databases.is_empty() {
            return Err(LabError::Unexpected(format!("{}: no statement seen in a scrape", program.name)));
        }
        Ok(Self(databases))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// All, by database.
    pub fn databases(&self) -> impl Iterator<Item = &Vec<Executed>> {
        self.0.values()
    }

    /// A client for the server at that port, or the proxy.
    pub fn replay(&self, manner: Manner, port: u16) -> Result<Replay, LabError> {
        let session = |statements: &Vec<Executed>| {
            let mut client = Client::connect(port, &statements[0].startup)?;
            if manner == Manner::Bare {
                client.prepare(statements)?;
            }
            Ok((client, statements.clone()))
        };
        let sessions = self.0.values().map(session).collect::<Result<_, LabError>>()?;
        Ok(Replay { manner, sessions })
    }
}

impl Manner {
    /// The name of its row.
    pub fn name(self) -> &'static str {
        match self {
            Manner::Bare => "bare limit, 12 connections",
            Manner::OneByOne => "one by one, 12 connections",
        }
    }
}

impl Replay {
    fn run(&mut self) -> Result<(), LabError> {
        if self.manner == Manner::OneByOne {
            for (client, statements) in &mut self.sessions {
                statements.iter().try_for_each(|statement| client.simple(statement))?;
            }
            return Ok(());
        }
        thread::scope(|scope| {
            let running: Vec<_> = self
                .sessions
                .iter_mut()
                .map(|(client, statements)| scope.spawn(|| client.pipelined(statements, 0..statements.len())))
                .collect();
            let panicked = || LabError::Unexpected("a thread of the bare limit panicked".to_owned());
            running.into_iter().try_for_each(|thread| thread.join().map_err(|_| panicked())?)
        })
    }

    fn received(&self) -> u64 {
        self.sessions.iter().map(|(client, _)| client.received()).sum()
    }
}

impl Subject for Replay {
    fn scrape(&mut self, _: bool) -> Result<Scrape, LabError> {
        let (begun, before) = (Instant::now(), self.received());
        self.run()?;
        Ok(Scrape { elapsed: begun.elapsed(), bytes: (self.received() - before) as usize, series: None })
    }

    fn pid(&self) -> Option<u32> {
        None
    }
}
