//! I/O, WAL and its files, checkpoints, the archiver.

use std::collections::BTreeSet;
use std::fs;

use lab::{Exporter, Major, Postgres};
use postgres::Client;
use support::outcome::scrape_until;
use support::{Page, exporter, scrape};

use super::storage::{ENDS, assert_between, number, session};

#[test]
fn a_log_directory_that_is_gone_costs_only_its_size() {
    let builder = Postgres::builder(Major::NEWEST).setting("logging_collector", "on");
    let server = builder.setting("log_directory", "own_log").start().unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let logged = number(&server, "select sum(size) from pg_ls_logdir()");
    let sizes = scrape(&exporter);
    assert!(sizes.value("pg_size_bytes", &[("datname", "log")]).is_some_and(|bytes| bytes >= logged));
    fs::remove_dir_all(server.data_dir().join("own_log")).unwrap();
    let page = scrape(&exporter);
    assert_eq!(page.failed(), [("pg_size_log", "postgres")]);
    assert!(page.value("pg_size_bytes", &[("datname", "postgres")]).is_some());
}

#[test]
fn wal_checkpoints_and_functions_are_counted() {
    for major in Major::ALL {
        let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        server.psql("postgres", "create table filled (id int)").unwrap();
        server.psql("postgres", "checkpoint").unwrap();
        let read = |name: &'static str| scrape(&exporter).value(name, &[]).unwrap();
        let (records, bytes, requested) = (read("pg_wal_records"), read("pg_wal_bytes"), read("pg_checkpointer_req"));
        let begin = number(&server, "select pg_current_wal_insert_lsn() - '0/0'");
        server.psql("postgres", "insert into filled select generate_series(1, 12345)").unwrap();
        let written = number(&server, &format!("select pg_current_wal_insert_lsn() - '0/0' - {begin}"));
        let grown = |page: &Page| page.value("pg_wal_records", &[]).is_some_and(|now| now >= records + 12345.0);
        scrape_until(&exporter, "the rows are in the WAL records", grown);
        assert_between(&server, "select wal_records from pg_stat_wal", "records", || Some(read("pg_wal_records")));
        assert_between(&server, "select wal_bytes from pg_stat_wal", "bytes", || Some(read("pg_wal_bytes")));
        // The position counts the headers of pages and files too.
        let counted = read("pg_wal_bytes") - bytes;
        assert!(counted > 0.9 * written && counted < 1.1 * written, "{major}: {counted} of {written}");

        let done = scrape(&exporter).value("pg_checkpointer_done", &[]);
        server.psql("postgres", "checkpoint; checkpoint; checkpoint").unwrap();
        let page = scrape_until(&exporter, "three checkpoints", |page| {
            page.value("pg_checkpointer_req", &[]) == Some(requested + 3.0)
                && page.value("pg_checkpointer_done", &[]) == done.map(|done| done + 3.0)
        });
        assert_eq!(done.is_some(), major >= Major::V18);
        let spent = page.value("pg_checkpoint_elapse", &[]).unwrap();
        assert!((0.0..60.0).contains(&spent), "{major}: {spent}");

        let of_files = |page: &Page, name| page.samples(name, &[]).iter().map(|sample| sample.value).sum::<f64>();
        let page = scrape(&exporter);
        assert_eq!(
            of_files(&page, "pg_wal_dir_files"),
            number(&server, "select count(*) from pg_ls_waldir()"),
            "{major}"
        );
        assert_eq!(
            Some(of_files(&page, "pg_wal_dir_bytes")),
            page.value("pg_size_bytes", &[("datname", "wal")]),
            "{major}"
        );
        assert_eq!(page.value("pg_wal_dir_files", &[("state", "recovery")]), Some(1.0), "{major}");

        let sql = "create function called(int) returns int language plpgsql as 'begin return 1; end';
                   create function called(text) returns int language plpgsql as 'begin return 1; end';
                   select called(i) from generate_series(1, 5) i; select called('x'); select called('y')";
        server.psql("postgres", sql).unwrap();
        let calls = |page: &Page| page.value("pg_func_calls", &[("funcname", "public.called")]) == Some(7.0);
        scrape_until(&exporter, "seven calls", calls).assert_clean(&format!("{major}, counted"));
    }
}

#[test]
fn io_is_counted_in_bytes_on_all_versions_that_count_it() {
    for major in [Major::V16, Major::V17, Major::V18, Major::V19] {
        let builder = Postgres::builder(major).setting("autovacuum", "off");
        let server = builder.setting("bgwriter_lru_maxpages", "0").start().unwrap();
        server.psql("postgres", "create table filled (t text)").unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let extended = [("type", "client backend"), ("object", "relation"), ("context", "normal")];
        let before = scrape(&exporter).value("pg_io_extend_bytes", &extended).unwrap();
        let mut writer = session(&server, "postgres");
        let filling = "insert into filled select repeat('x', 1000) from generate_series(1, 5000)";
        writer.batch_execute(filling).unwrap();
        // A session that has just told its statistics would otherwise keep these for ten seconds.
        writer.batch_execute("select pg_stat_force_next_flush()").unwrap();
        let size = number(&server, "select pg_relation_size('filled')");
        scrape_until(&exporter, "the table is counted", |page| {
            page.value("pg_io_extend_bytes", &extended).is_some_and(|now| now >= before + size)
        });
        let condition = "backend_type = 'client backend' and object = 'relation' and context = 'normal'";
        let bytes = if major >= Major::V18 { "extend_bytes" } else { "extends * op_bytes" };
        let sql = format!("select {bytes} from pg_stat_io where {condition}");
        assert_between(&server, &sql, "extended", || scrape(&exporter).value("pg_io_extend_bytes", &extended));
        if major >= Major::V18 {
            let wal = [("type", "client backend"), ("object", "wal"), ("context", "normal")];
            assert!(scrape(&exporter).value("pg_io_write_bytes", &wal).unwrap() > 5_000_000.0);
            assert_sessions(&exporter, writer, size);
        }
    }
}

/// The session that wrote is seen with its database while it is there.
fn assert_sessions(exporter: &Exporter, writer: Client, size: f64) {
    let mine = [("datname", "postgres"), ("type", "client backend")];
    let page = scrape_until(exporter, "the session's writes are counted", |page| {
        page.value("pg_session_io_extend_bytes", &mine).is_some_and(|bytes| bytes >= size)
            && page.value("pg_session_io_wal_records", &mine).is_some_and(|records| records >= 5000.0)
    });
    page.assert_clean("sessions");
    // The writer and the exporter's own.
    assert_eq!(page.value("pg_session_io_sessions", &mine), Some(2.0));
    drop(writer);
    let alone = |page: &Page| page.value("pg_session_io_sessions", &mine) == Some(1.0);
    let page = scrape_until(exporter, "the writer has left", alone);
    assert!(page.value("pg_session_io_extend_bytes", &mine).unwrap() < size);
}

#[test]
fn counts_wal_files_ready_for_archiving() {
    for major in ENDS {
        let builder = Postgres::builder(major).setting("archive_mode", "on");
        let server = builder.setting("archive_command", "false").start().unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        assert_eq!(scrape(&exporter).value("pg_setting_archive_mode", &[]), Some(1.0), "{major}");
        for id in 1..=3 {
            server.psql("postgres", &format!("create table t{id} (); select pg_switch_wal()")).unwrap();
        }
        let page = scrape_until(&exporter, "the archiver has failed", |page| {
            page.value("pg_archiver_failed_count", &[]).is_some_and(|count| count > 0.0)
        });
        assert_eq!(page.value("pg_archive_status_ready_files", &[]), Some(3.0), "{major}");
        let age = page.value("pg_archive_status_oldest_ready_age_seconds", &[]).unwrap();
        // Times of files are whole seconds.
        let limit = number(&server, "select 1 + extract(epoch from clock_timestamp() - pg_postmaster_start_time())");
        assert!((0.0..limit).contains(&age), "{major}: {age}");
        assert_eq!(page.value("pg_archiver_finish_count", &[]), Some(0.0), "{major}");

        server.psql("postgres", "alter system set archive_command = 'true'; select pg_reload_conf()").unwrap();
        server.psql("postgres", "create table more (); select pg_switch_wal()").unwrap();
        let page = scrape_until(&exporter, "all is archived", |page| {
            page.value("pg_archiver_finish_count", &[]) == Some(4.0)
                && page.value("pg_archive_status_ready_files", &[]) == Some(0.0)
        });
        assert!(page.samples("pg_archive_status_oldest_ready_age_seconds", &[]).is_empty(), "{major}");
        assert!(page.value("pg_archive_status_done_files", &[]).is_some_and(|done| done > 0.0), "{major}");
    }
}

#[test]
fn caches_of_transactions_have_the_same_names_on_all_versions() {
    let names = Major::ALL.map(|major| {
        let server = Postgres::start(major).unwrap();
        let page = scrape(&exporter(&server, "postgres", &[]));
        page.label_values("pg_slru_blks_hit", "name").into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    });
    assert!(names[0].contains("multixact_member"), "{names:?}");
    for (major, found) in Major::ALL.iter().zip(&names) {
        assert_eq!(found, &names[0], "{major}");
    }
}
