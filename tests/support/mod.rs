//! What several test files need: an exporter on a server of the lab, and its page as values.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

use std::path::Path;
use std::time::{Duration, Instant};

use lab::{Exporter, Postgres};

pub mod catalogue;
pub mod outcome;
mod page;

pub use page::{Page, Sample};

/// How long a test waits for what must come.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The program under test: that of the crate which declares the test.
pub fn binary() -> &'static Path {
    let programs = [option_env!("CARGO_BIN_EXE_pg-exporter"), option_env!("CARGO_BIN_EXE_pgbackrest-exporter")];
    Path::new(programs.into_iter().flatten().next().unwrap())
}

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
