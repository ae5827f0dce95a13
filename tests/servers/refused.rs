//! What does not let the exporter in, or lets in few of its sessions: limits of the role, rules, closed databases.

use std::fs;

use lab::{Major, Postgres};
use support::outcome::{exporter_of, scrape_until, status};
use support::{exporter, scrape};

fn refusals(server: &Postgres) -> usize {
    fs::read_to_string(server.log_file()).unwrap().matches("FATAL:").count()
}

#[test]
fn role_with_few_connections_reads_every_database() {
    let server = Postgres::builder(Major::NEWEST).hba_line("host all all 127.0.0.1/32 trust").start().unwrap();
    server.psql("postgres", "create database app; create database shop").unwrap();
    for limit in [1, 2] {
        server.psql("postgres", &format!("alter role monitor connection limit {limit}")).unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        scrape_until(&exporter, "the limit is known", |page| {
            page.value("pg_exporter_connections_budget", &[]) == Some(f64::from(limit))
        });
        let before = refusals(&server);
        for scrapes in 0..3 {
            let page = scrape(&exporter);
            page.assert_clean(&format!("limit {limit}, scrape {scrapes}"));
            assert_eq!(page.label_values("pg_exporter_collector_success", "datname").len(), 3, "limit {limit}");
            assert_eq!(status(&exporter, "/primary"), 200, "limit {limit}");
        }
        assert_eq!(refusals(&server), before, "limit {limit}: {}", exporter.log());
    }
}

#[test]
fn database_that_pg_hba_refuses_is_tried_again_at_growing_intervals() {
    let server = Postgres::builder(Major::NEWEST).hba_line("host closed monitor 127.0.0.1/32 reject").start().unwrap();
    server.psql("postgres", "create database closed; create database app").unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    for _ in 0..20 {
        let page = scrape(&exporter);
        assert!(page.is_up() && page.failed().is_empty(), "{}", exporter.log());
    }
    let explain = exporter.get("/explain").unwrap().text();
    assert!(explain.contains("pg_hba.conf rejects") && explain.contains("--exclude-database"), "{explain}");
    // One now, and one more if the scrapes took so long.
    assert!((1..=3).contains(&refusals(&server)), "{}", fs::read_to_string(server.log_file()).unwrap());
    // With another configuration it is tried at once.
    let rules = server.data_dir().join("pg_hba.conf");
    let text = fs::read_to_string(&rules).unwrap().replace("host closed monitor 127.0.0.1/32 reject", "");
    fs::write(&rules, text).unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    scrape_until(&exporter, "it is read", |page| {
        page.label_values("pg_exporter_collector_success", "datname").contains("closed")
    });
}

#[test]
fn databases_that_cannot_be_read_are_named() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database closed; create database full_one; create database secret").unwrap();
    let exporter = exporter_of(&server.url("monitor", "postgres"), &[]);
    scrape(&exporter);
    assert!(!exporter.get("/explain").unwrap().text().contains("not read"));
    let close = "alter database closed allow_connections false; alter database full_one connection limit 0;
                 revoke connect on database secret from public";
    server.psql("postgres", close).unwrap();
    for _ in 0..3 {
        scrape(&exporter).assert_clean("closed");
    }
    let [explain, page] = ["/explain", "/"].map(|path| exporter.get(path).unwrap().text());
    for (name, obstacle) in [
        ("closed", "it has ALLOW_CONNECTIONS false"),
        ("full_one", "it has CONNECTION LIMIT 0"),
        ("secret", "the role has no privilege CONNECT on it"),
    ] {
        assert!(explain.contains(&format!("database {name}: not read: {obstacle}")), "{explain}");
        assert!(page.contains(obstacle), "{page}");
        let log = exporter.log();
        let lines = log.lines().filter(|line| line.contains("database not read") && line.contains(name));
        assert_eq!(lines.count(), 1, "{log}");
    }
    let silent = exporter_of(&server.url("monitor", "postgres"), &["--exclude-database=closed,full_one,secret"]);
    scrape(&silent);
    assert!(!silent.get("/explain").unwrap().text().contains("not read"));
}

#[test]
fn what_prevents_a_session_is_named() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let mut holder = postgres::Client::connect(&server.url("postgres", "postgres"), postgres::NoTls).unwrap();
    // It is read after the settings of the session are known.
    holder.batch_execute("begin; lock table pg_db_role_setting").unwrap();
    let exporter = exporter(&server, "postgres", &["--no-auto-discovery"]);
    let page = scrape(&exporter);
    assert_eq!(page.reason(), Some("lock"), "{}", exporter.log());
    holder.batch_execute("rollback").unwrap();
    assert!(scrape(&exporter).is_up());

    server.psql("postgres", "alter role monitor set session_preload_libraries = missing").unwrap();
    let exporter = support::exporter(&server, "postgres", &["--no-auto-discovery"]);
    assert!(!scrape(&exporter).is_up());
    let log = exporter.log();
    assert!(log.contains("session_preload_libraries of the role"), "{log}");
}
