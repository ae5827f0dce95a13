//! `builtin:postgres_exporter` beside the exporter whose names it has.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Cache, Exporter, Major, Postgres};
use support::{Page, exporter, scrape};

/// Names that rules and dashboards read, by whom, and where they are.
const READ: &str = include_str!("postgres_exporter/read.tsv");

/// Settings that an exporter has for its own session: what the server has is not known to it.
const OF_SESSION: [&str; 18] = [
    "client_connection_check_interval",
    "default_transaction_deferrable",
    "default_transaction_read_only",
    "extra_float_digits",
    "idle_session_timeout",
    "jit",
    "lock_timeout",
    "quote_all_identifiers",
    "standard_conforming_strings",
    "statement_timeout",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_user_timeout",
    "transaction_deferrable",
    "transaction_read_only",
    "transaction_timeout",
    "transform_null_equals",
];

/// The names in one of these states.
fn names(states: &[&str]) -> Vec<&'static str> {
    let lines = READ.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
    let found = lines.filter(|line| states.contains(&line[2])).map(|line| line[0]);
    found.collect()
}

/// A server on which nothing happens but what the exporters do, with tables, a role and a slot.
fn quiet(major: Major) -> Postgres {
    let server = Postgres::builder(major).setting("autovacuum", "off").setting("track_functions", "none");
    let server = server.start().unwrap();
    let statements = [
        "create schema shop",
        "create table shop.orders (id int primary key, note text)",
        "insert into shop.orders select n, repeat('x', 5000) from generate_series(1, 100) as n",
        "update shop.orders set note = 'y' where id < 50",
        "delete from shop.orders where id > 90",
        "vacuum analyze shop.orders",
        "create role limited connection limit 7",
        "alter database postgres connection limit 90",
        "select pg_create_physical_replication_slot('standby', true)",
        "checkpoint",
    ];
    for statement in statements {
        server.psql("postgres", statement).unwrap();
    }
    server
}

/// The other exporter on that server.
fn community(server: &Postgres) -> Exporter {
    let program = Cache::open().unwrap().newer_postgres_exporter().unwrap();
    let names = ["database_wraparound", "long_running_transactions", "postmaster"];
    let flags = names.map(|name| format!("--collector.{name}"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let url = server.url("monitor", "postgres");
    Exporter::start(&program, &flags, &[("DATA_SOURCE_NAME", &url)]).unwrap()
}

fn ours(server: &Postgres) -> Page {
    let page = scrape(&exporter(server, "postgres", &["--config=builtin:postgres_exporter"]));
    page.assert_clean("builtin:postgres_exporter");
    page
}

fn label_names(page: &Page, name: &str) -> BTreeSet<String> {
    page.samples(name, &[]).iter().flat_map(|sample| sample.labels.keys().cloned()).collect()
}

/// Values by labels; `server` is the address in the connection string there.
fn values(page: &Page, name: &str) -> BTreeMap<Vec<(String, String)>, f64> {
    let labels = |labels: &BTreeMap<String, String>| {
        let said = labels.iter().filter(|(label, value)| *label != "server" && !value.is_empty());
        said.map(|(label, value)| (label.clone(), value.clone())).collect()
    };
    page.samples(name, &[]).iter().map(|sample| (labels(&sample.labels), sample.value)).collect()
}

#[test]
fn names_labels_and_settled_values_are_those_of_postgres_exporter() {
    let server = quiet(Major::V16);
    let (theirs, ours) = (scrape(&community(&server)), ours(&server));
    let mut faults = Vec::new();
    for name in names(&["both", "still", "until 16"]) {
        let labels = [&theirs, &ours].map(|page| label_names(page, name));
        let found = [&theirs, &ours].map(|page| !page.samples(name, &[]).is_empty());
        if found != [true, true] {
            faults.push(format!("{name}: there {}, here {}", found[0], found[1]));
        } else if labels[0] != labels[1] {
            faults.push(format!("{name}: labels {:?} there, {:?} here", labels[0], labels[1]));
        }
    }
    for name in names(&["still"]) {
        let values = [&theirs, &ours].map(|page| values(page, name));
        let differs = |(labels, value): &(&Vec<_>, &f64)| values[1].get(*labels) != Some(value);
        for (labels, value) in values[0].iter().filter(differs) {
            faults.push(format!("{name}{labels:?}: {value} there, {:?} here", values[1].get(labels)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_setting_of_postgresql_is_there_with_its_value() {
    for major in [Major::V14, Major::V17] {
        let server = Postgres::start(major).unwrap();
        let (theirs, ours) = (scrape(&community(&server)), ours(&server));
        let families = theirs.families();
        let settings: Vec<_> = families.iter().filter(|name| name.starts_with("pg_settings_")).collect();
        assert!(settings.len() > 200, "{major}: {}", settings.len());
        let is_of_session = |name: &str| {
            let setting = name.trim_start_matches("pg_settings_");
            OF_SESSION.iter().any(|known| setting == *known || setting == format!("{known}_seconds"))
        };
        let differs = |name: &&&&str| {
            let values = [&theirs, &ours].map(|page| page.samples(name, &[]).first().map(|sample| sample.value));
            values[0] != values[1] && !is_of_session(name)
        };
        let differing: Vec<_> = settings.iter().filter(differs).collect();
        assert!(differing.is_empty(), "{major}: {differing:?}");
    }
}

#[test]
fn what_rules_and_dashboards_read_resolves_on_every_version() {
    for major in Major::ALL {
        let page = ours(&quiet(major));
        let is_there = |name: &&&str| !page.samples(name, &[]).is_empty();
        let mut wanted = names(&["both", "still", "here"]);
        if major <= Major::V16 {
            wanted.extend(names(&["until 16"]));
        }
        let missing: Vec<_> = wanted.iter().filter(|name| !is_there(name)).collect();
        assert!(missing.is_empty(), "{major}: {missing:?}");
        let absent = names(&["none"]);
        let surprising: Vec<_> = absent.iter().filter(is_there).collect();
        assert!(surprising.is_empty(), "{major}: documented as absent: {surprising:?}");
    }
}

#[test]
fn a_primary_and_its_standby_say_what_they_are() {
    for major in [Major::V14, Major::V16, Major::V19] {
        let primary = Postgres::start(major).unwrap();
        let standby = primary.standby("standby1").unwrap();
        let (on_primary, on_standby) = (ours(&primary), ours(&standby));
        for (page, is_replica) in [(&on_primary, 0.0), (&on_standby, 1.0)] {
            assert_eq!(page.value("pg_replication_is_replica", &[]), Some(is_replica), "{major}");
            assert!(page.value("pg_replication_lag_seconds", &[]).is_some_and(|lag| lag < 60.0), "{major}");
            assert!(page.value("pg_xlog_location_bytes", &[]).is_some_and(|bytes| bytes > 0.0), "{major}");
        }
        let lag = on_primary.samples("pg_stat_replication_pg_wal_lsn_diff", &[("application_name", "standby1")]);
        assert_eq!(lag.len(), 1, "{major}");
        if major == Major::V16 {
            let name = "pg_stat_replication_pg_wal_lsn_diff";
            assert_eq!(label_names(&scrape(&community(&primary)), name), label_names(&on_primary, name));
        }
    }
}
