//! A pair of servers that is never at rest.

use std::thread;
use std::time::{Duration, Instant};

use lab::{LabError, Major, Postgres};

const STANDBY: &str = "standby";

/// Between two changes of tables.
const TICK: Duration = Duration::from_millis(500);
/// How many tables and databases there are at a time.
const TABLES: u64 = 20;
const DATABASES: u64 = 3;
/// Ticks between two changes of databases.
const DATABASE_TICKS: u64 = 4;

/// A primary and its standby, whose roles change.
#[derive(Debug)]
pub struct Churn {
    pub primary: Postgres,
    pub standby: Postgres,
    ticks: u64,
}

/// What has happened, at which second.
#[derive(Debug, Default)]
pub struct Events {
    pub restarts: Vec<u64>,
    pub switchovers: Vec<u64>,
    pub tables: u64,
    pub databases: u64,
}

impl Churn {
    /// Starts both.
    pub fn start() -> Result<Churn, LabError> {
        // WAL is in memory, and a standby keeps as much. The statements that come are soon as many as there may be: the
        // exporter remembers the counters of each.
        let settings = [("max_wal_size", "128MB"), ("pg_stat_statements.max", "500")];
        let primary = Postgres::builder(Major::NEWEST);
        let primary = settings.iter().fold(primary, |primary, (name, value)| primary.setting(name, value)).start()?;
        let standby = primary.standby(STANDBY)?;
        Ok(Churn { primary, standby, ticks: 0 })
    }

    /// A URL of both, for the one that is the primary.
    pub fn url(&self) -> String {
        let (port, other) = (self.primary.port(), self.standby.port());
        let url = self.primary.url("monitor", "postgres");
        url.replace(&format!(":{port}/"), &format!(":{port},127.0.0.1:{other}/")) + "&target_session_attrs=primary"
    }

    /// Changes them until so much time has passed.
    pub fn run(&mut self, duration: Duration) -> Result<Events, LabError> {
        let begun = Instant::now();
        let seconds = duration.as_secs();
        // Of a short soak as often as of a long one, but not so often that it does nothing else.
        let [restart, switchover] = [(30, 10, 60), (10, 25, 300)]
            .map(|(times, least, most)| Duration::from_secs((seconds / times).clamp(least, most)));
        let (mut next_restart, mut next_switchover) = (restart, switchover / 2);
        let mut events = Events::default();
        while begun.elapsed() < duration {
            self.tick(&mut events)?;
            let elapsed = begun.elapsed();
            if elapsed >= next_switchover {
                events.switchovers.push(elapsed.as_secs());
                self.primary.switch_over(&mut self.standby, STANDBY)?;
                next_switchover = elapsed + switchover;
            } else if elapsed >= next_restart {
                events.restarts.push(elapsed.as_secs());
                self.primary.restart()?;
                next_restart = elapsed + restart;
            }
            thread::sleep(TICK);
        }
        Ok(events)
    }

    /// Creates a table and drops an old one; databases more seldom.
    fn tick(&mut self, events: &mut Events) -> Result<(), LabError> {
        let new = self.ticks;
        let old = new.wrapping_sub(TABLES);
        self.primary.psql(
            "postgres",
            &format!(
                "create table churn_{new} (id int primary key, note text);
                 insert into churn_{new} select n, 'note' from generate_series(1, 100) as n;
                 drop table if exists churn_{old}"
            ),
        )?;
        events.tables += 1;
        if new.is_multiple_of(DATABASE_TICKS) {
            let number = new / DATABASE_TICKS;
            let old = number.wrapping_sub(DATABASES);
            self.primary.psql("postgres", &format!("create database churn_{number}"))?;
            self.primary.psql(&format!("churn_{number}"), "create table inside (id int primary key)")?;
            self.primary.psql("postgres", &format!("drop database if exists churn_{old} with (force)"))?;
            events.databases += 1;
        }
        self.ticks += 1;
        Ok(())
    }
}
