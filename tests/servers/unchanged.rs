//! A database in which nothing has happened is not visited, and whatever happens in one is seen in the next scrape.

mod connections;

use std::time::Duration;

use lab::{Exporter, Major, Postgres};
use support::outcome::scrape_until;
use support::{Page, exporter, scrape, until};

/// Each collector is due at each scrape, and an unchanged database is not visited for an hour.
const ALWAYS_DUE: [&str; 1] = ["--cache-ttls=0,0,0,3600"];

/// One kind of thing that happens in a database: SQL, and a sample that tells of it.
type Kind = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const TABLE: &[(&str, &str)] = &[("relname", "public.t")];

/// In this order, since each changes what the one before has left.
const KINDS: &[Kind] = &[
    ("rows inserted", "insert into t select generate_series(1, 100)", "pg_table_n_tup_ins", TABLE),
    ("rows updated", "update t set n = n + 1000", "pg_table_n_tup_upd", TABLE),
    ("rows deleted", "delete from t where n > 1050", "pg_table_n_tup_del", TABLE),
    ("a scan", "select * from t", "pg_table_seq_scan", TABLE),
    ("a rollback", "begin; insert into t values (7); rollback", "pg_table_n_dead_tup", TABLE),
    ("vacuum", "vacuum t", "pg_table_vacuum_count", TABLE),
    ("analyze", "analyze t", "pg_table_analyze_count", TABLE),
    ("a column", "alter table t add w text", "pg_table_ncols", TABLE),
    ("a sequence", "select nextval('s')", "pg_seq_last_value", &[("seqname", "public.s")]),
    ("a table", "create table more (n int)", "pg_table_relid", &[("relname", "public.more")]),
    ("a table goes", "drop table more", "pg_table_relid", &[("relname", "public.more")]),
    ("an index", "create index i on t (n)", "pg_index_relpages", &[("idxname", "public.i")]),
    ("autovacuum off", "alter table t set (autovacuum_enabled = off)", "pg_autovacuum_disabled_tables", &[]),
    (
        "statistics reset of a table",
        "select pg_stat_reset_single_table_counters('t'::regclass)",
        "pg_table_n_tup_ins",
        TABLE,
    ),
    ("rows again", "insert into t (n) values (1)", "pg_table_n_tup_ins", TABLE),
    ("statistics reset", "select pg_stat_reset()", "pg_table_n_tup_ins", TABLE),
    ("a publication", "create publication p for table t", "pg_pubrel_count", &[("pubname", "p")]),
];

fn server(major: Major) -> Postgres {
    let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
    server.psql("postgres", "create database app").unwrap();
    server
        .psql("app", "create table t (n int primary key); create sequence s; grant select on sequence s to monitor")
        .unwrap();
    server
}

/// A sample in the database.
fn sample(page: &Page, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Vec<_> = labels.iter().copied().chain([("datname", "app")]).collect();
    page.value(metric, &labels)
}

fn visits(page: &Page) -> f64 {
    sample(page, "pg_exporter_server_scrape_total_count", &[]).unwrap()
}

/// Scrapes until the database is not visited any more; then nothing has happened in it.
fn settle(exporter: &Exporter) -> Page {
    scrape_until(exporter, "nothing happens in the database", |page| {
        page.value("pg_exporter_unchanged_databases", &[]) == Some(1.0)
    })
}

/// Runs SQL in a session of its own, to the session's end.
fn run(server: &Postgres, sql: &str) {
    server.psql("app", sql).unwrap();
    let sessions = "select count(*) from pg_stat_activity where datname = 'app' and usename <> 'monitor'";
    until("the session is gone", || server.psql("postgres", sessions).unwrap() == "0");
}

#[test]
fn whatever_happens_is_in_the_next_scrape() {
    for major in [Major::V15, Major::V16, Major::V17, Major::NEWEST] {
        let server = server(major);
        let exporter = exporter(&server, "postgres", &ALWAYS_DUE);
        scrape(&exporter);
        for (what, sql, metric, labels) in KINDS {
            let before = settle(&exporter);
            run(&server, sql);
            let after = scrape(&exporter);
            let [was, is] = [&before, &after].map(|page| sample(page, metric, labels));
            assert_ne!(was, is, "{major}: {what}: {metric}");
            assert_eq!(visits(&after), visits(&before) + 1.0, "{major}: {what}");
        }
        exporter_stays_away(&exporter);
    }
}

fn exporter_stays_away(exporter: &Exporter) {
    let before = visits(&settle(exporter));
    for _ in 0..5 {
        let page = scrape(exporter);
        page.assert_clean("unchanged");
        assert_eq!(visits(&page), before);
        assert!(sample(&page, "pg_exporter_collector_age_seconds", &[("collector", "pg_table")]) > Some(0.0));
        assert!(sample(&page, "pg_table_n_tup_ins", TABLE).is_some());
    }
    let explained = exporter.get("/explain").unwrap().text();
    assert!(explained.contains("not queried again, since nothing has happened in this database"), "{explained}");
}

#[test]
fn an_open_transaction_is_seen_before_its_end() {
    let server = server(Major::NEWEST);
    let exporter = exporter(&server, "postgres", &ALWAYS_DUE);
    let before = settle(&exporter);
    let mut client = postgres::Client::connect(&server.url("postgres", "app"), postgres::NoTls).unwrap();
    let mut transaction = client.transaction().unwrap();
    transaction.batch_execute("insert into t select generate_series(1, 100000)").unwrap();
    let during = scrape(&exporter);
    assert_eq!(visits(&during), visits(&before) + 1.0);
    assert_eq!(visits(&scrape(&exporter)), visits(&during) + 1.0, "as long as it is open");
    transaction.commit().unwrap();
    // The session stays, and may report its statistics later.
    scrape_until(&exporter, "its rows are counted", |page| {
        sample(page, "pg_table_n_tup_ins", TABLE) == Some(100_000.0)
    });
    settle(&exporter);
}

#[test]
fn autovacuum_at_work_is_seen_and_at_rest_is_not() {
    let builder = Postgres::builder(Major::NEWEST).setting("autovacuum_naptime", "20s");
    let server = builder.setting("autovacuum_vacuum_threshold", "10").start().unwrap();
    server.psql("postgres", "create database app").unwrap();
    server.psql("app", "create table t (n int)").unwrap();
    let exporter = exporter(&server, "postgres", &ALWAYS_DUE);
    let before = settle(&exporter);
    let workers = "select xact_commit from pg_stat_database where datname = 'app'";
    let first: i64 = server.psql("postgres", workers).unwrap().parse().unwrap();
    let mut page = before;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    // Often enough that no more than one worker comes between two scrapes.
    while server.psql("postgres", workers).unwrap().parse::<i64>().unwrap() < first + 2 {
        assert!(std::time::Instant::now() < deadline, "no autovacuum worker has come");
        page = scrape(&exporter);
        std::thread::sleep(Duration::from_millis(500));
    }
    let visited = visits(&page);
    let page = scrape_until(&exporter, "the worker is gone", |page| {
        page.value("pg_exporter_unchanged_databases", &[]) == Some(1.0)
    });
    assert!(visits(&page) <= visited + 1.0, "a worker that is seen at work is a change, and no other");

    run(&server, "insert into t select generate_series(1, 1000); delete from t");
    let deadline = std::time::Instant::now() + Duration::from_secs(90);
    let vacuums = "select autovacuum_count from pg_stat_user_tables where relname = 't'";
    while server.psql("app", vacuums).unwrap() == "0" {
        assert!(std::time::Instant::now() < deadline, "no vacuum");
        scrape(&exporter);
        std::thread::sleep(Duration::from_millis(500));
    }
    let page = scrape(&exporter);
    assert_eq!(sample(&page, "pg_table_autovacuum_count", TABLE), Some(1.0), "{}", page.text);
}

#[test]
fn what_happens_to_the_server_is_a_change() {
    let mut server = server(Major::NEWEST);
    let exporter = exporter(&server, "postgres", &ALWAYS_DUE);
    let due = |page: &Page| sample(page, "pg_autovacuum_analyze_due_tables", &[]);
    run(&server, "insert into t select generate_series(1, 30)");
    assert_eq!(due(&settle(&exporter)), Some(0.0));
    server.psql("postgres", "alter system set autovacuum_analyze_threshold = 5").unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    scrape_until(&exporter, "the new threshold holds", |page| due(page) > Some(0.0));

    let before = settle(&exporter);
    server.psql("postgres", "grant pg_read_all_data to monitor").unwrap();
    assert_eq!(visits(&scrape(&exporter)), visits(&before) + 1.0, "a role granted");

    let before = settle(&exporter);
    server.restart().unwrap();
    let page = scrape_until(&exporter, "up again", |page| page.is_up());
    assert!(visits(&page) > visits(&before), "a restart");

    settle(&exporter);
    let terminate = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = 'app'";
    server.psql("postgres", &format!("{terminate}; alter database app rename to other")).unwrap();
    let page = scrape(&exporter);
    assert!(page.value("pg_table_relid", &[("datname", "other"), ("relname", "public.t")]).is_some());
    assert_eq!(sample(&page, "pg_table_relid", TABLE), None);
}

#[test]
fn a_standby_is_visited_while_it_replays_and_after_its_promotion() {
    let server = server(Major::NEWEST);
    let standby = server.standby("replica").unwrap();
    let exporter = exporter(&standby, "postgres", &ALWAYS_DUE);
    settle(&exporter);
    server.psql("app", "create table more (n int)").unwrap();
    let more: &[(&str, &str)] = &[("relname", "public.more")];
    standby.wait_for("select pg_last_wal_replay_lsn() > '0/0'", support::LIMIT).unwrap();
    let seen = "select count(*) = 1 from pg_class where relname = 'more'";
    until("it is replayed", || standby.psql("app", seen).unwrap() == "t");
    assert!(sample(&scrape(&exporter), "pg_table_relid", more).is_some());
    let before = settle(&exporter);
    standby.promote().unwrap();
    let page = scrape_until(&exporter, "promoted", |page| page.value("pg_in_recovery", &[]) == Some(0.0));
    assert!(visits(&page) > visits(&before));
}

#[test]
fn without_the_means_to_tell_every_database_is_visited() {
    // Before 15, a session cannot be told to report its statistics.
    let old = server(Major::V14);
    // Without pg_monitor, the role does not see whether a session is idle.
    let blind = server(Major::NEWEST);
    blind.psql("postgres", "revoke pg_monitor from monitor").unwrap();
    let mut client = postgres::Client::connect(&blind.url("postgres", "app"), postgres::NoTls).unwrap();
    client.batch_execute("select 1").unwrap();
    for server in [&old, &blind] {
        let exporter = exporter(server, "postgres", &ALWAYS_DUE);
        for scrapes in 1..=4 {
            let page = scrape(&exporter);
            assert_eq!(
                (visits(&page), page.value("pg_exporter_unchanged_databases", &[])),
                (f64::from(scrapes), Some(0.0))
            );
        }
    }
    let exporter = exporter(&blind, "postgres", &["--disable-cache"]);
    assert_eq!((1..=3).map(|_| visits(&scrape(&exporter))).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
}
