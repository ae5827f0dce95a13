//! The exporter's own statements take no place in pg_stat_statements.

use std::fs;

use lab::{Exporter, MONITOR_PASSWORD, Major, Postgres};
use support::outcome::{exporter_of, scrape_until};
use support::{Page, exporter, track_monitor};

/// With the statements of a few scrapes in each, more than the smallest pg_stat_statements has entries.
const DATABASES: usize = 12;
const ADVICE: &str = "SET pg_stat_statements.track = 'none'";

fn server(major: Major, libraries: &str) -> Postgres {
    let builder = Postgres::builder(major).setting("pg_stat_statements.max", "100");
    let server = builder.setting("shared_preload_libraries", libraries).start().unwrap();
    let create: String = (0..DATABASES).map(|n| format!("create database d{n} strategy file_copy;\n")).collect();
    let create = if major == Major::V14 { create.replace(" strategy file_copy", "") } else { create };
    server.psql("postgres", &create).unwrap();
    server
}

/// Gives the role what `grants.sql` gives, and nothing else.
fn grant(server: &Postgres) {
    let file = support::path("collectors/pg/grants.sql");
    server.psql("postgres", "drop owned by monitor; drop role monitor").unwrap();
    server.psql("postgres", &fs::read_to_string(file).unwrap()).unwrap();
    server.psql("postgres", &format!("alter role monitor password '{MONITOR_PASSWORD}'")).unwrap();
}

/// Scrapes until every database has been read more than once.
fn read_all(exporter: &Exporter) -> Page {
    scrape_until(exporter, "all databases are read", |page| {
        let visits = page.samples("pg_exporter_server_scrape_total_count", &[]);
        visits.len() > DATABASES && visits.iter().all(|visits| visits.value >= 2.0)
    })
}

/// Entries of a role, and of those the ones in databases beside the main one.
fn entries(server: &Postgres, role: &str) -> (usize, usize) {
    let sql = format!(
        "select count(*), count(*) filter (where d.datname <> 'postgres') from pg_stat_statements s
           join pg_database d on d.oid = s.dbid where userid = '{role}'::regrole"
    );
    let counts = server.psql("postgres", &sql).unwrap();
    let (all, others) = counts.split_once('|').unwrap();
    (all.parse().unwrap(), others.parse().unwrap())
}

fn evictions(server: &Postgres) -> u64 {
    server.psql("postgres", "select dealloc from pg_stat_statements_info").unwrap().parse().unwrap()
}

fn told(exporter: &Exporter) -> [bool; 3] {
    let [explain, page] = ["/explain", "/"].map(|path| exporter.get(path).unwrap().text());
    [explain, page, exporter.log()].map(|text| text.replace("&#39;", "'").replace("\\'", "'").contains(ADVICE))
}

#[test]
fn role_made_by_grants_evicts_no_statement() {
    for major in Major::ALL {
        let server = server(major, "pg_stat_statements");
        grant(&server);
        server.psql("postgres", "select pg_stat_statements_reset()").unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        read_all(&exporter).assert_clean(&major.to_string());
        assert_eq!((entries(&server, "monitor"), evictions(&server)), ((0, 0), 0), "{major}");
        assert_eq!(told(&exporter), [false; 3], "{major}");
    }
}

#[test]
fn grants_hold_for_a_library_that_is_loaded_later() {
    let mut server = server(Major::V14, "");
    grant(&server);
    server.psql("postgres", "alter system set shared_preload_libraries = 'pg_stat_statements'").unwrap();
    server.restart().unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    read_all(&exporter);
    assert_eq!((entries(&server, "monitor"), evictions(&server)), ((0, 0), 0));
    assert_eq!(told(&exporter), [false; 3]);
}

#[test]
fn tracked_role_is_advised_to_switch_tracking_off() {
    let server = server(Major::NEWEST, "pg_stat_statements");
    track_monitor(&server);
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    read_all(&exporter).assert_clean("tracked");
    assert!(evictions(&server) > 0);
    assert_eq!(told(&exporter), [true; 3]);
    assert_eq!(exporter.log().matches("SET pg_stat_statements.track").count(), 1, "{}", exporter.log());
    // Nothing was tried that the server refuses.
    let log = fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("permission denied to set parameter"), "{log}");
}

#[test]
fn privileged_session_switches_tracking_off() {
    for (major, user, grant) in [
        (Major::V14, "postgres", "select 1"),
        (Major::NEWEST, "monitor", "grant set on parameter pg_stat_statements.track to monitor"),
    ] {
        let server = server(major, "pg_stat_statements");
        track_monitor(&server);
        server.psql("postgres", grant).unwrap();
        server.psql("postgres", "select pg_stat_statements_reset()").unwrap();
        let exporter = exporter_of(&server.url(user, "postgres"), &["--disable-cache"]);
        read_all(&exporter).assert_clean(user);
        // Of the main database those that had gone out before it was known; psql is the superuser, too.
        let (all, others) = entries(&server, user);
        assert!(others == 0 && evictions(&server) == 0, "{user}: {all} entries, {others} in other databases");
        assert_eq!(told(&exporter), [false; 3], "{user}");

        // A right that is lost costs no connection.
        if user == "monitor" {
            server.psql("postgres", "revoke set on parameter pg_stat_statements.track from monitor").unwrap();
            let others = "pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'";
            server.psql("postgres", &format!("select {others}")).unwrap();
            scrape_until(&exporter, "it connects again", |page| page.is_up() && told(&exporter)[0]);
        }
    }
}
