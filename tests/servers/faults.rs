//! What goes wrong costs only what it must, and is told.

use lab::{BackendWatch, Exporter, Major, Postgres};
use postgres::{Client, NoTls};

mod budget;
mod collector;
mod exporter;
mod server;

use support::LIMIT;
use support::outcome::{collectors, exporter_of};

const NEWEST: Major = Major::NEWEST;

/// Connections that an exporter may have here, with [`WITHIN_BUDGET`] or with no database beside the main one.
const BUDGET: usize = 3;
const WITHIN_BUDGET: &str = "--max-connections=3";

/// A session of the superuser over the Unix socket; exporters come by TCP.
fn session(server: &Postgres) -> Client {
    let (folder, port) = (server.socket_dir().display(), server.port());
    Client::connect(&format!("host={folder} port={port} user=postgres dbname=postgres"), NoTls).unwrap()
}

/// Holds that so many exporters never have more server processes than their budgets, hung logins included.
struct WithinBudget(Option<BackendWatch>, usize);

impl WithinBudget {
    fn of(exporters: usize, server: &Postgres) -> Self {
        Self(Some(server.backends("127.0.0.1(").watch()), exporters * BUDGET)
    }

    /// The server processes that there are now.
    fn now(&self) -> usize {
        self.0.as_ref().unwrap().now().len()
    }
}

impl Drop for WithinBudget {
    fn drop(&mut self) {
        let most = self.0.take().unwrap().most();
        let found = format!("{} server processes, {} allowed: {most:#?}", most.len(), self.1);
        if std::thread::panicking() {
            println!("{found}");
        } else {
            assert!(most.len() <= self.1, "{found}");
        }
    }
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

/// The URL for a role whose statements pg_stat_statements counts: a superuser's exporter switches that off.
fn counted_url(server: &Postgres) -> String {
    support::track_monitor(server);
    server.url("monitor", "postgres")
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
    let exporter = exporter_of(&counted_url(&server), &["--config", config.path().to_str().unwrap()]);
    (server, exporter)
}

fn wait_for_the_slow_one(server: &Postgres) {
    let runs = "select exists (select from pg_stat_activity where application_name = 'pg-exporter' and query ~ 'pg_sleep' and state = 'active')";
    server.wait_for(runs, LIMIT).unwrap();
}
