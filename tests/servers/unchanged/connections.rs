//! How many connections the exporter keeps, and which.

use lab::{Major, Postgres};
use support::{exporter, scrape};

fn budget(server: &Postgres) -> f64 {
    scrape(&exporter(server, "postgres", &[])).value("pg_exporter_connections_budget", &[]).unwrap()
}

fn with_databases(server: &Postgres, count: usize) {
    for number in 0..count {
        server.psql("postgres", &format!("create database d{number}")).unwrap();
    }
}

#[test]
fn the_default_budget_follows_what_the_server_allows() {
    let server = Postgres::builder(Major::NEWEST).setting("max_connections", "100").start().unwrap();
    assert_eq!(budget(&server), 16.0);
    server.psql("postgres", "alter role monitor connection limit 8").unwrap();
    assert_eq!(budget(&server), 6.0);
    server.psql("postgres", "alter role monitor connection limit 2").unwrap();
    assert_eq!(budget(&server), 2.0);
    server.psql("postgres", "alter role monitor connection limit -1").unwrap();
    let others: Vec<_> = (0..80)
        .map(|_| postgres::Client::connect(&server.url("postgres", "postgres"), postgres::NoTls).unwrap())
        .collect();
    assert_eq!(budget(&server), 8.0, "half of what {} others have left", others.len());
    let small = Postgres::builder(Major::NEWEST).setting("max_connections", "20").start().unwrap();
    assert_eq!(budget(&small), 3.0);
}

#[test]
fn connections_are_given_back_when_others_need_them() {
    let server = Postgres::builder(Major::NEWEST).setting("max_connections", "60").start().unwrap();
    with_databases(&server, 12);
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let connections = |budget: f64| {
        let page = scrape(&exporter);
        page.assert_clean("within the budget");
        assert_eq!(page.value("pg_exporter_connections_budget", &[]), Some(budget), "{}", page.text);
        page.value("pg_exporter_connections", &[]).unwrap()
    };
    assert_eq!(connections(9.0), 9.0);
    let others: Vec<_> = (0..45)
        .map(|_| postgres::Client::connect(&server.url("postgres", "postgres"), postgres::NoTls).unwrap())
        .collect();
    connections(6.0);
    support::until("they are given back", || connections(6.0) <= 6.0);
    drop(others);
    support::until("they are taken again", || scrape(&exporter).value("pg_exporter_connections", &[]) == Some(9.0));
}

#[test]
fn with_more_databases_than_connections_most_keep_theirs() {
    let server = Postgres::builder(Major::NEWEST).start().unwrap();
    with_databases(&server, 9);
    let exporter = exporter(&server, "postgres", &["--disable-cache", "--max-connections=7"]);
    let opened = || scrape(&exporter).value("pg_exporter_connections_opened_total", &[]).unwrap();
    opened();
    let before = opened();
    // Six of nine have a connection, and the other three take turns with one of those.
    assert_eq!(opened() - before, 4.0);
    assert_eq!(opened() - before, 8.0);
}
