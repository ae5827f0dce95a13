//! What goes wrong costs only what it must, and is told.
#![expect(clippy::unwrap_used, reason = "a test may")]

use lab::{Exporter, Major, Postgres};
use postgres::{Client, NoTls};

#[path = "faults/collector.rs"]
mod collector;
#[path = "faults/exporter.rs"]
mod exporter;
#[path = "faults/server.rs"]
mod server;
mod support;

use support::LIMIT;
use support::outcome::{collectors, exporter_of};

const NEWEST: Major = Major::NEWEST;

fn session(server: &Postgres) -> Client {
    Client::connect(&server.url("postgres", "postgres"), NoTls).unwrap()
}

/// Sessions on the server beside those that asked here, of which the one before may not be gone yet.
fn sessions(server: &Postgres) -> usize {
    let sql =
        "select count(*) from pg_stat_activity where backend_type = 'client backend' and application_name <> 'psql'";
    server.psql("postgres", sql).unwrap().parse().unwrap()
}

fn calls(server: &Postgres, pattern: &str) -> String {
    server.psql("postgres", &format!("select sum(calls) from pg_stat_statements where query ~ '{pattern}'")).unwrap()
}

fn occurrences(log: &str, words: &str) -> usize {
    log.matches(words).count()
}

/// All lines that speak of a collector's outcome.
fn outcomes(log: &str, collector: &str) -> Vec<String> {
    let of = format!("collector={collector} ");
    log.lines().filter(|line| line.contains("\"collector ") && line.contains(&of)).map(str::to_owned).collect()
}

/// Two collectors, of which one takes a second and a half, and a server for them.
fn a_scrape_that_takes_its_time() -> (Postgres, Exporter) {
    let server = Postgres::start(NEWEST).unwrap();
    let config = collectors(
        "
sound: { query: select 7 AS n, metrics: [ n: { usage: GAUGE } ] }
slow: { query: select 8 AS n from pg_sleep(1.5), timeout: 5, ttl: 60, metrics: [ n: { usage: GAUGE } ] }
",
    );
    let exporter = exporter_of(&server.url("postgres", "postgres"), &["--config", config.path().to_str().unwrap()]);
    (server, exporter)
}

fn wait_for_the_slow_one(server: &Postgres) {
    let runs = "select exists (select from pg_stat_activity where application_name = 'pg-exporter' and query ~ 'pg_sleep' and state = 'active')";
    server.wait_for(runs, LIMIT).unwrap();
}
