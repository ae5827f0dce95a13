//! What several tests need: the programs, an exporter on a server of the lab, and its page as values.
#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(missing_docs, reason = "names of fields say what they hold")]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lab::{Exporter, Postgres};

pub mod catalogue;
pub mod certificates;
pub mod chart;
pub mod command_line;
pub mod dashboard;
pub mod doctor;
pub mod fenced;
pub mod golden;
pub mod layout;
pub mod notify;
pub mod outcome;
mod page;
mod programs;
pub mod promql_names;
pub mod promtool;
pub mod reference;
pub mod rules;
pub mod runbooks;
pub mod vector;

pub use page::{Page, Sample};
pub use programs::{binary, pgbackrest_exporter, pgbouncer_exporter, programs};

/// A target where nothing listens.
pub const DOWN: (&str, &str) = ("PG_EXPORTER_URL", "postgres://monitor@127.0.0.1:1/postgres");

/// The repository's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The path of something in the repository.
pub fn path(name: &str) -> PathBuf {
    root().join(name)
}

/// Keeps other tests that ask for it from running at the same time in this process: two architectures are too much for a
/// machine of two cores.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a test waits for what must come.
pub const LIMIT: Duration = Duration::from_secs(30);

/// An exporter that reads `database` of `server` as the role `monitor`.
pub fn exporter(server: &Postgres, database: &str, args: &[&str]) -> Exporter {
    Exporter::start(binary(), args, &[("PG_EXPORTER_URL", &server.url("monitor", database))]).unwrap()
}

/// Lets pg_stat_statements count the statements of `monitor`, as of a role that grants.sql did not make.
pub fn track_monitor(server: &Postgres) {
    server.psql("postgres", "alter role monitor reset pg_stat_statements.track").unwrap();
}

/// The page of one scrape, which must answer 200.
pub fn scrape(exporter: &Exporter) -> Page {
    let response = exporter.get("/metrics").unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    Page::parse(response.text())
}

/// Asks until `condition` holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Page {
    /// As [`Page::assert_clean_in`] for pg-exporter.
    pub fn assert_clean(&self, whose: &str) {
        self.assert_clean_in("pg", whose);
    }
}
