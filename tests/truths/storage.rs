//! Tables, indexes, sequences, I/O, WAL.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use lab::{MONITOR_PASSWORD, Major, Postgres};
use postgres::{Client, NoTls};

use crate::support::outcome::scrape_until;
use crate::support::{LIMIT, Page, exporter, scrape};

/// Where the oldest and the newest version suffice.
const ENDS: [Major; 2] = [Major::V14, Major::V18];

/// The answer of the database `postgres` as a number.
pub fn number(server: &Postgres, sql: &str) -> f64 {
    let answer = server.psql("postgres", sql).unwrap();
    answer.parse().unwrap_or_else(|_| panic!("{sql}: {answer:?}"))
}

/// A session of the superuser.
fn session(server: &Postgres, database: &str) -> Client {
    Client::connect(&server.url("postgres", database), NoTls).unwrap()
}

/// What a page says between two answers of the server to the same question, of something that only grows.
pub fn assert_between(server: &Postgres, sql: &str, what: &str, read: impl FnOnce() -> Option<f64>) {
    let before = number(server, sql);
    let value = read();
    let after = number(server, sql);
    let fits = value.is_some_and(|value| (before..=after).contains(&value));
    assert!(fits, "{} {what}: {before} {value:?} {after}", server.major());
}

#[test]
fn sequences_tell_how_near_they_are_to_their_end() {
    for major in ENDS {
        let server = Postgres::start(major).unwrap();
        let sql = "
            create sequence ninety minvalue 0 maxvalue 1000 start 0; select setval('ninety', 900);
            create sequence down increment -1 minvalue -1000 maxvalue 0 start 0; select setval('down', -900);
            create sequence wide; create table narrow (id int default nextval('wide')); select setval('wide', 1073741824);
            create table small (id smallint generated always as identity); select setval('small_id_seq', 3277);
            create sequence round maxvalue 10 cycle; select setval('round', 9);
            create domain key as int; create sequence \"a.b\"; create table kept (id key default nextval('\"a.b\"'));
            select setval('\"a.b\"', 2147483647);
            create sequence fresh;";
        server.psql("postgres", sql).unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let used = |page: &Page, name: &str| page.value("pg_seq_used_ratio", &[("seqname", name)]);

        // pg_monitor alone does not read sequences, and the page says so.
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, without privilege"));
        assert_eq!(page.value("pg_seq_used_unreadable", &[]), Some(7.0), "{major}");
        assert_eq!((used(&page, "public.ninety"), page.value("pg_seq_used_max_ratio", &[])), (None, None), "{major}");

        server.psql("postgres", "grant pg_read_all_data to monitor").unwrap();
        let page = scrape(&exporter);
        let near = |name: &str, expected: f64| {
            let found = used(&page, name);
            assert!(found.is_some_and(|found| (found - expected).abs() < 1e-4), "{major} {name}: {found:?}");
        };
        near("public.ninety", 0.9);
        near("public.down", 0.9);
        near("public.wide", 0.5);
        near("public.small_id_seq", 0.1);
        near("public.\"a.b\"", 1.0);
        assert_eq!((used(&page, "public.round"), used(&page, "public.fresh")), (None, None), "{major}");
        let wide = [("seqname", "public.wide")];
        assert_eq!(page.value("pg_seq_end_value", &wide), Some(2_147_483_647.0), "{major}");
        assert_eq!(page.value("pg_seq_last_value", &wide), Some(1_073_741_824.0), "{major}");
        let summary = |name| page.value(name, &[("datname", "postgres")]);
        assert_eq!(summary("pg_seq_used_sequences"), Some(7.0), "{major}");
        assert_eq!(summary("pg_seq_used_unreadable"), Some(0.0), "{major}");
        assert_eq!(summary("pg_seq_used_max_ratio"), Some(1.0), "{major}");

        // One that is being altered is passed over, not waited for.
        let mut owner = session(&server, "postgres");
        let mut transaction = owner.transaction().unwrap();
        transaction.batch_execute("alter sequence ninety maxvalue 2000").unwrap();
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, locked"));
        assert_eq!((used(&page, "public.ninety"), used(&page, "public.wide").is_some()), (None, true), "{major}");
    }
}

/// More sequences than the lock table has room for.
#[test]
fn many_sequences_do_not_fill_the_lock_table() {
    let builder = Postgres::builder(Major::NEWEST).setting("max_locks_per_transaction", "10");
    let server = builder.setting("max_connections", "30").start().unwrap();
    let sql = "grant pg_read_all_data to monitor;
        do $$ begin for i in 1..1500 loop execute format('create sequence s%s', i); if i % 100 = 0 then commit; end if; end loop; end $$;
        create sequence late maxvalue 100; create table many (id int default nextval('late'));
        insert into many select from generate_series(1, 95); analyze many";
    server.psql("postgres", sql).unwrap();
    server.psql("postgres", "select pg_stat_reset()").unwrap();
    let page = scrape(&exporter(&server, "postgres", &["--disable-cache"]));
    assert_eq!(page.failed(), [], "{}", page.text);
    // The one that matters is read, whatever was counted of it, for the rows of its table.
    let found = page.value("pg_seq_used_max_ratio", &[]).unwrap();
    assert!((found - 94.0 / 99.0).abs() < 1e-6, "{found}");
}

#[test]
fn indexes_that_are_waste_are_counted_and_named() {
    for major in ENDS {
        let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        let sql = "
            create table thing (id int primary key, a int, b text, c int);
            insert into thing select i, i / 2, i, i from generate_series(1, 10000) i;
            create index by_a on thing (a); create index by_a_again on thing (a);
            create index by_a_desc on thing (a desc); create index by_a_some on thing (a) where c > 5;
            create unique index by_c on thing (c); create index by_c_plain on thing (c);
            create index by_b on thing (lower(b)); create index by_b_spelt on thing (  lower( b )  );
            create index by_b_c on thing (b, c); create index by_b_first on thing (b);
            create index by_b_collated on thing (b collate \"C\" desc);
            vacuum analyze thing";
        server.psql("postgres", sql).unwrap();
        let failed = server.psql("postgres", "create unique index concurrently broken on thing (a)");
        assert!(failed.is_err(), "{major}");
        server.psql("postgres", "set enable_seqscan = off; select from thing where a = 5 and c > 5").unwrap();
        server
            .wait_for("select sum(idx_scan) > 0 from pg_stat_user_indexes where indexrelname ~ '^by_a'", LIMIT)
            .unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, waste"));

        let named = |reason: &str| -> BTreeMap<&str, &str> {
            let samples = page.samples("pg_index_worst_bytes", &[("reason", reason)]).into_iter();
            samples.map(|sample| (&*sample.labels["idxname"], &*sample.labels["twin"])).collect()
        };
        assert_eq!(named("invalid"), BTreeMap::from([("public.broken", "")]), "{major}");
        let duplicate = [
            ("public.by_a_again", "public.by_a"),
            ("public.by_b_spelt", "public.by_b"),
            ("public.by_c_plain", "public.by_c"),
        ];
        assert_eq!(named("duplicate"), BTreeMap::from(duplicate), "{major}");
        assert_eq!(named("prefix"), BTreeMap::from([("public.by_b_first", "public.by_b_c")]), "{major}");
        let unused = "select string_agg('public.' || indexrelname, ' ') from pg_stat_user_indexes
                       where idx_scan = 0 and indexrelname not in ('thing_pkey', 'by_c', 'broken')";
        let unused = server.psql("postgres", unused).unwrap();
        let unused = unused.split(' ').map(|name| (name, "")).collect::<BTreeMap<_, _>>();
        assert_eq!(named("unused"), unused, "{major}");

        let count = |name: &str| page.value(&format!("pg_index_waste_{name}"), &[]).unwrap();
        assert_eq!([count("invalid"), count("duplicate"), count("prefix")], [1.0, 3.0, 1.0], "{major}");
        assert_eq!(count("unused"), named("unused").len() as f64, "{major}");
        let bytes = "select sum(pg_relation_size(indexrelid)) from pg_index
                      where indexrelid in ('by_a_again'::regclass, 'by_b_spelt'::regclass, 'by_c_plain'::regclass)";
        assert_eq!(count("duplicate_bytes"), number(&server, bytes), "{major}");

        let index = |name: &str, index: &str| page.value(name, &[("idxname", index)]);
        assert_eq!(index("pg_index_valid", "public.broken"), Some(0.0), "{major}");
        for (name, kind) in [("public.thing_pkey", 2.0), ("public.broken", 1.0), ("public.by_b_c", 0.0)] {
            assert_eq!(index("pg_index_kind", name), Some(kind), "{major}: {name}");
        }
        let size = number(&server, "select pg_relation_size('by_b_c')");
        assert_eq!(index("pg_index_size_bytes", "public.by_b_c"), Some(size), "{major}");
        if major == Major::NEWEST {
            let scanned =
                "select extract(epoch from max(last_idx_scan)) from pg_stat_user_indexes where indexrelname ~ '^by_a'";
            let last = page.samples("pg_index_last_idx_scan", &[]).into_iter().map(|sample| sample.value);
            assert!((last.fold(0.0, f64::max) - number(&server, scanned)).abs() < 1e-3);
        }
        server.psql("postgres", "drop index broken, by_a_again, by_b_spelt, by_c_plain, by_b_first").unwrap();
        let page = scrape(&exporter);
        for reason in ["invalid", "duplicate", "prefix"] {
            assert_eq!(page.value(&format!("pg_index_waste_{reason}"), &[]), Some(0.0), "{major}: {reason}");
        }
    }
}

#[test]
fn exact_sizes_come_on_request_and_pass_over_what_is_locked() {
    for major in ENDS {
        let server = Postgres::builder(major).setting("autovacuum", "off").start().unwrap();
        let sql = "create table free (id int primary key, t text); create table held (id int primary key, t text);
            insert into free select i, repeat(md5(i::text), 200) from generate_series(1, 500) i; insert into held select * from free;
            vacuum analyze";
        server.psql("postgres", sql).unwrap();
        assert!(scrape(&exporter(&server, "postgres", &[])).samples("pg_table_size_bytes", &[]).is_empty(), "{major}");
        let exporter = exporter(&server, "postgres", &["--disable-cache", "--tag=exact_size"]);
        let mut owner = session(&server, "postgres");
        let mut transaction = owner.transaction().unwrap();
        transaction.batch_execute("lock table held in access exclusive mode").unwrap();
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}, locked"));
        assert_eq!(page.label_values("pg_table_size_bytes", "relname"), BTreeSet::from(["public.free"]), "{major}");
        for (name, function) in
            [("bytes", "pg_total_relation_size"), ("relsize", "pg_table_size"), ("indexsize", "pg_indexes_size")]
        {
            let toast = if name == "relsize" {
                "- (select pg_total_relation_size(reltoastrelid) from pg_class where relname = 'free')"
            } else {
                ""
            };
            let size = number(&server, &format!("select {function}('free') {toast}"));
            assert_eq!(page.value(&format!("pg_table_size_{name}"), &[]), Some(size), "{major}: {name}");
        }
        let pages = number(&server, "select pg_relation_size('free') / 8192");
        assert_eq!(page.value("pg_table_pages", &[("relname", "public.free")]), Some(pages), "{major}");
        transaction.rollback().unwrap();
        scrape_until(&exporter, "the table is measured", |page| page.samples("pg_table_size_bytes", &[]).len() == 2);
    }
}

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
    for major in [Major::V16, Major::V17, Major::V18] {
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
fn assert_sessions(exporter: &lab::Exporter, writer: Client, size: f64) {
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
fn what_waits_for_the_archiver_is_counted() {
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
fn settings_are_those_of_pg_settings_in_base_units() {
    const CHANGED: [(&str, &str); 8] = [
        ("work_mem", "12345kB"),
        ("checkpoint_timeout", "7min"),
        ("wal_keep_size", "48MB"),
        ("deadlock_timeout", "1500ms"),
        ("idle_in_transaction_session_timeout", "25h"),
        ("recovery_min_apply_delay", "2d"),
        ("hot_standby_feedback", "on"),
        ("max_slot_wal_keep_size", "-1"),
    ];
    for major in Major::ALL {
        let builder =
            CHANGED.iter().fold(Postgres::builder(major), |builder, (name, value)| builder.setting(name, value));
        let server = builder.start().unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let page = scrape(&exporter);
        let sql = "select name || ' ' || case vartype when 'bool' then (setting = 'on')::int::numeric else setting::numeric * case
                     when setting::numeric = -1 then 1 when unit is null then 1 when unit = 'B' then 1 when unit = '8kB' then 8192 when unit = 'kB' then 1024
                     when unit = 'MB' then 1048576 when unit = 'ms' then 0.001 when unit = 's' then 1 when unit = 'min' then 60 end end
                     from pg_settings where vartype in ('bool', 'integer', 'real')";
        let answer = server.psql("postgres", sql).unwrap();
        let told: BTreeMap<&str, f64> = answer
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect();
        let mut compared = 0;
        for family in page.families().into_iter().filter_map(|family| family.strip_prefix("pg_setting_")) {
            if let Some(expected) = told.get(family) {
                let found = page.value(&format!("pg_setting_{family}"), &[]).unwrap();
                assert!((found - expected).abs() < 1e-9, "{major}: {family} {found} {expected}");
                compared += 1;
            }
        }
        // All but enumerations, and what has another name.
        assert!(compared >= 42, "{major}: {compared}");
        assert_eq!(page.value("pg_setting_work_mem", &[]), Some(12_641_280.0), "{major}");
        assert_eq!(page.value("pg_setting_recovery_min_apply_delay", &[]), Some(172_800.0), "{major}");
        assert_eq!(page.value("pg_setting_pending_restart", &[]), Some(0.0), "{major}");
        server.psql("postgres", "alter system set max_connections = 90; select pg_reload_conf()").unwrap();
        scrape_until(&exporter, "a restart is due", |page| page.value("pg_setting_pending_restart", &[]) == Some(1.0));
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

#[test]
fn grants_make_the_role_twice_and_what_they_offer_can_be_taken() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../collectors/pg/grants.sql");
    let grants = fs::read_to_string(file).unwrap();
    for major in Major::ALL {
        let server = Postgres::start(major).unwrap();
        server
            .psql(
                "postgres",
                "drop role monitor; create schema elsewhere; alter extension pg_stat_statements set schema elsewhere",
            )
            .unwrap();
        server.psql("postgres", &grants).unwrap();
        server.psql("postgres", &grants).unwrap();
        let role = "select rolcanlogin, rolconnlimit, rolsuper, pg_has_role('monitor', 'pg_monitor', 'usage') from pg_roles where rolname = 'monitor'";
        assert_eq!(server.psql("postgres", role).unwrap(), "t|5|f|t", "{major}");
        server.psql("postgres", &format!("alter role monitor password '{MONITOR_PASSWORD}'")).unwrap();
        let page = scrape(&exporter(&server, "postgres", &[]));
        page.assert_clean(&format!("{major}, granted"));
        assert!(!page.samples("pg_query_calls", &[]).is_empty(), "{major}");

        let offered = grants.lines().filter_map(|line| line.strip_prefix("-- GRANT ")).collect::<Vec<_>>();
        assert_eq!(offered.len(), 4);
        for grant in offered.iter().filter(|grant| major >= Major::V16 || !grant.contains("reserved")) {
            server.psql("postgres", &format!("GRANT {grant}")).unwrap();
        }
        let origin = "set role monitor; select count(*) from pg_replication_origin_status";
        assert_eq!(server.psql("postgres", origin).unwrap(), "0", "{major}");
    }
}

#[test]
fn buffers_add_up_to_shared_buffers() {
    for major in [Major::V16, Major::V18] {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", "create schema \"Ext\"; create extension pg_buffercache schema \"Ext\"; grant usage on schema \"Ext\" to monitor").unwrap();
        let page = scrape(&exporter(&server, "postgres", &[]));
        page.assert_clean(&format!("{major}, buffers"));
        let value = |name: &str| page.value(&format!("pg_buffercache_{name}_buffers"), &[]).unwrap();
        assert_eq!(value("used") + value("unused"), 2048.0, "{major}");
        let by_count: f64 = page.samples("pg_buffercache_usage_buffers", &[]).iter().map(|sample| sample.value).sum();
        assert_eq!(by_count, 2048.0, "{major}");
    }
}

#[test]
fn extensions_of_others_are_read_where_they_are() {
    let builder = Postgres::builder(Major::V15).with_extensions();
    let server = builder
        .setting("shared_preload_libraries", "pg_stat_statements, pg_stat_kcache, pg_wait_sampling")
        .start()
        .unwrap();
    let sql = "create schema ext; grant usage on schema ext to monitor; create database app;
               create extension pg_stat_kcache schema ext; create extension pg_wait_sampling schema ext";
    server.psql("postgres", sql).unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache", "--exclude-database=app"]);
    server.psql("app", "select count(*) from generate_series(1, 3000000)").unwrap();
    let spent =
        "select total_exec_time / 1000 from pg_stat_statements where query ~ '^select count.* from generate_series'";
    let spent = number(&server, spent);
    let page = scrape(&exporter);
    page.assert_clean("extensions");
    let cpu = |labels: &[(&str, &str)], prefix: &str| -> f64 {
        let value = |kind| page.value(&format!("{prefix}_{kind}_seconds_total"), labels).unwrap();
        value("user") + value("system")
    };
    let used = cpu(&[("datname", "app")], "pg_kcache");
    assert!(used > 0.0 && used < spent + 0.1, "{used} of {spent} s");
    let statements = page.samples("pg_kcache_query_user_seconds_total", &[("datname", "app")]);
    assert!(!statements.is_empty());

    let sleeping = [("etype", "Timeout"), ("event", "PgSleep")];
    assert_eq!(page.value("pg_wait_event_count", &sleeping), None);
    let mut sleeper = session(&server, "app");
    let cancel = sleeper.cancel_token();
    let sleep = std::thread::spawn(move || sleeper.batch_execute("select pg_sleep(60)").is_err());
    scrape_until(&exporter, "a sleeper is sampled", |page| {
        let seen = |name| page.value(name, &sleeping).is_some_and(|count| count > 0.0);
        seen("pg_wait_event_count") && seen("pg_wait_event_1s_count")
    });
    cancel.cancel_query(NoTls).unwrap();
    assert!(sleep.join().unwrap());
    let sql = "select sum(count) from ext.pg_wait_sampling_profile where event = 'PgSleep'";
    assert_between(&server, sql, "samples", || scrape(&exporter).value("pg_wait_event_count", &sleeping));
}
