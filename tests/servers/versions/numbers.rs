//! Numbers of the page are those that the server gives when it is asked by itself.

use lab::{Exporter, Major, Postgres};
use support::{LIMIT, exporter, scrape};

use super::on_every_version;

/// The answer as a number.
fn number(server: &Postgres, sql: &str) -> f64 {
    let answer = server.psql("postgres", sql).unwrap();
    answer.parse().unwrap_or_else(|_| panic!("{sql}: {answer:?}"))
}

/// Waits until the server's own statistics say so, which they may do late.
fn wait_for_statistics(server: &Postgres, condition: &str) {
    server.wait_for(&format!("select {condition}"), LIMIT).unwrap();
}

#[test]
fn numbers_are_the_servers_own() {
    on_every_version(|major| {
        let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        server.psql("postgres", "create database bench; create database app").unwrap();
        server.psql("postgres", "create table counted (id int primary key)").unwrap();
        server.psql("postgres", "insert into counted select generate_series(1, 1234)").unwrap();
        server.psql("postgres", "set enable_seqscan = off; select id from counted where id = 5").unwrap();
        // Sessions of the exporter itself would count in these two.
        let exporter = exporter(&server, "postgres", &["--disable-cache", "--exclude-database=bench,app"]);
        assert_commits(&server, &exporter, major);
        assert_tables(&server, &exporter, major);
        assert_sessions_and_statements(&server, &exporter, major);

        let before = number(&server, "select pg_current_wal_lsn() - '0/0'");
        let page = scrape(&exporter);
        let after = number(&server, "select pg_current_wal_lsn() - '0/0'");
        let lsn = page.value("pg_lsn", &[]).unwrap();
        assert!(before > 0.0 && (before..=after).contains(&lsn), "{major}: {before} {lsn} {after}");
        let size = number(&server, "select pg_database_size('bench')");
        assert_eq!(page.value("pg_size_bytes", &[("datname", "bench")]), Some(size), "{major}");
        assert_eq!(page.value("pg_setting_max_connections", &[]), Some(100.0), "{major}");
        assert_eq!(page.value("pg_setting_shared_buffers", &[]), Some(16.0 * 1024.0 * 1024.0), "{major}");
    });
}

fn assert_commits(server: &Postgres, exporter: &Exporter, major: Major) {
    let sql = "select xact_commit from pg_stat_database where datname = 'bench'";
    let commits = || {
        let page = scrape(exporter);
        page.assert_clean(&format!("{major}, commits"));
        page.value("pg_db_xact_commit", &[("datname", "bench")]).unwrap()
    };
    let gone = "not exists (select from pg_stat_activity where datname = 'bench')";
    server.pgbench_init("bench", 1).unwrap();
    wait_for_statistics(server, &format!("{gone} and ({sql}) > 4"));
    let before = number(server, sql);
    assert_eq!(commits(), before, "{major}");
    let run = server.bin("pgbench").args(["-n", "-c", "1", "-t", "100", "bench"]).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    wait_for_statistics(server, &format!("{gone} and ({sql}) >= {}", before + 100.0));
    let grown = commits() - before;
    // pgbench looks at its tables first.
    assert!((100.0..=105.0).contains(&grown), "{major}: {grown}");
    assert_eq!(grown, number(server, sql) - before, "{major}");
}

/// Tables and indexes, also while someone holds the strongest lock on them.
fn assert_tables(server: &Postgres, exporter: &Exporter, major: Major) {
    wait_for_statistics(server, "n_tup_ins = 1234 from pg_stat_user_tables where relname = 'counted'");
    wait_for_statistics(server, "idx_scan > 0 from pg_stat_user_indexes where relname = 'counted'");
    let scans = number(server, "select idx_scan from pg_stat_user_indexes where relname = 'counted'");
    let mut owner = postgres::Client::connect(&server.url("postgres", "postgres"), postgres::NoTls).unwrap();
    let mut transaction = owner.transaction().unwrap();
    transaction.batch_execute("lock table counted in access exclusive mode").unwrap();
    let page = scrape(exporter);
    page.assert_clean(&format!("{major}, locked"));
    let table = [("datname", "postgres"), ("relname", "public.counted")];
    assert_eq!(page.value("pg_table_n_tup_ins", &table), Some(1234.0), "{major}");
    assert_eq!(page.value("pg_table_idx_scan", &table), Some(scans), "{major}");
    let index = [("datname", "postgres"), ("idxname", "public.counted_pkey"), ("relname", "public.counted")];
    assert_eq!(page.value("pg_index_idx_scan", &index), Some(scans), "{major}");
    let locks = page.value("pg_lock_count", &[("datname", "postgres"), ("mode", "AccessExclusiveLock")]);
    assert_eq!(locks, Some(1.0), "{major}");
}

fn assert_sessions_and_statements(server: &Postgres, exporter: &Exporter, major: Major) {
    let connect = || postgres::Client::connect(&server.url("postgres", "app"), postgres::NoTls).unwrap();
    let mut sessions = [connect(), connect(), connect()];
    sessions[0].batch_execute("begin").unwrap();
    for _ in 0..7 {
        sessions[1].batch_execute("select 42 as known_answer").unwrap();
    }
    let query =
        server.psql("postgres", "select queryid from pg_stat_statements where query ~ 'known_answer$'").unwrap();
    let page = scrape(exporter);
    let in_state = |state| page.value("pg_activity_count", &[("datname", "app"), ("state", state)]);
    assert_eq!(in_state("idle"), Some(2.0), "{major}");
    assert_eq!(in_state("idle in transaction"), Some(1.0), "{major}");
    assert_eq!(in_state("active"), Some(0.0), "{major}");
    assert_eq!(page.value("pg_db_numbackends", &[("datname", "app")]), Some(3.0), "{major}");
    let statement = [("datname", "app"), ("query", &*query)];
    assert_eq!(page.value("pg_query_calls", &statement), Some(7.0), "{major}");
    assert_eq!(page.value("pg_query_rows", &statement), Some(7.0), "{major}");
}
