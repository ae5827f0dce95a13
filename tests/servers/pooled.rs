//! pg-exporter behind PgBouncer, which gives each transaction to another server process.

use std::fs;
use std::sync::mpsc::{Sender, channel};
use std::thread::{JoinHandle, spawn};

use lab::{BouncerRelease, Exporter, Major, PgBouncer, PgBouncerBuilder, Postgres};
use support::outcome::{exporter_of, exporter_with_log, status};
use support::{Page, scrape, until};

const SCRAPES: usize = 6;

/// A pooler with few server processes, so that its clients take turns.
fn pooler(server: &Postgres, release: BouncerRelease, parameters: &str) -> PgBouncerBuilder {
    let port = server.port();
    PgBouncer::builder(release)
        .database_line(&format!("postgres = host=127.0.0.1 port={port} dbname=postgres {parameters}"))
        .setting("default_pool_size", "3")
}

/// An exporter that reads one database through the pooler.
fn through(pooler: &PgBouncer) -> Exporter {
    exporter_of(&pooler.url("monitor", "postgres"), &["--no-auto-discovery", "--disable-cache"])
}

fn advice(exporter: &Exporter) -> bool {
    exporter.get("/explain").unwrap().text().contains("connected through a connection pooler")
}

fn assert_whole(page: &Page, usual: &Page, what: &str) {
    page.assert_clean(what);
    assert_eq!(page.planned(), usual.planned(), "{what}");
}

#[test]
fn scrapes_are_whole_behind_a_pooler() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let usual = scrape(&exporter_with_log(&server.url("monitor", "postgres"), &["--no-auto-discovery"]));
    for (release, mode, ignored) in [
        (BouncerRelease::V1_18, "transaction", ""),
        (BouncerRelease::V1_18, "transaction", "options"),
        (BouncerRelease::V1_24, "transaction", ""),
        (BouncerRelease::NEWEST, "transaction", ""),
        (BouncerRelease::NEWEST, "transaction", "options"),
        (BouncerRelease::NEWEST, "session", ""),
    ] {
        let what = format!("{release}, {mode}, ignores {ignored:?}");
        let pooler = pooler(&server, release, &format!("pool_mode={mode}"))
            .setting("ignore_startup_parameters", &format!("extra_float_digits,{ignored}"))
            .start()
            .unwrap();
        let exporter = through(&pooler);
        until("the log is found", || exporter.log().contains("log found"));
        let other = (mode == "transaction").then(|| Client::start(&pooler));
        for scrapes in 0..SCRAPES {
            assert_whole(&scrape(&exporter), &usual, &format!("{what}, scrape {scrapes}: {}", exporter.log()));
            assert_eq!(status(&exporter, "/primary"), 200, "{what}");
        }
        if let Some(other) = other {
            other.assert_undisturbed(&what);
        }
        assert!(advice(&exporter), "{what}");
        let log = exporter.log();
        assert_eq!(log.matches("connected through a connection pooler").count(), 1, "{what}: {log}");
        let refused = pooler.log().matches("closing because: unsupported startup parameter").count();
        assert!(refused <= 1, "{what}: {refused}\n{}", pooler.log());
    }
    let log = fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("prepared statement"), "{log}");
}

/// A client of the pool that looks at what its transactions get: settings of other clients would show.
struct Client {
    stop: Sender<()>,
    seen: JoinHandle<Vec<String>>,
}

impl Client {
    fn start(pooler: &PgBouncer) -> Client {
        let (stop, stopped) = channel();
        let url = pooler.url("monitor", "postgres");
        let seen = spawn(move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            let mut seen = Vec::new();
            let sql = "select current_setting('search_path') || current_setting('default_transaction_read_only')
                              || current_setting('lock_timeout') || (select count(*) from pg_prepared_statements)";
            while stopped.try_recv().is_err() {
                for message in client.simple_query(sql).unwrap() {
                    if let postgres::SimpleQueryMessage::Row(row) = message {
                        seen.push(row.get(0).unwrap().to_owned());
                    }
                }
            }
            seen.dedup();
            seen
        });
        Client { stop, seen }
    }

    fn assert_undisturbed(self, what: &str) {
        self.stop.send(()).unwrap();
        assert_eq!(self.seen.join().unwrap(), ["\"$user\", publicoff00"], "{what}");
    }
}

#[test]
fn statement_pooling_is_named() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let pooler = pooler(&server, BouncerRelease::NEWEST, "pool_mode=statement").start().unwrap();
    let exporter = through(&pooler);
    let page = scrape(&exporter);
    let explain = exporter.get("/explain").unwrap().text();
    assert!(!page.is_up() && explain.contains("the pooler pools statements"), "{explain}\n{}", exporter.log());
}
