//! The metrics that pg_exporter has of itself are here, under their names.

use lab::{Major, Postgres};
use support::{exporter, scrape};

const SELF: &str = include_str!("../parity/pg_exporter_self.txt");

#[test]
fn keeps_pg_exporters_self_metrics() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let exporter = exporter(&server, "postgres", &[]);
    let page = scrape(&exporter);
    let missing: Vec<&str> = SELF.lines().filter(|name| page.kind(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
