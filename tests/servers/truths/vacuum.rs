//! Vacuum, ages of transactions, and what holds them back.

use lab::{Exporter, Major, Postgres};
use postgres::NoTls;
use support::{LIMIT, exporter, scrape, until};

use super::activity::{assert_between, number, session, waiting};

mod due;
mod progress;

/// Uses up so many transaction ids.
fn consume(server: &Postgres, xids: u32) {
    let sql = format!("do $$ begin for i in 1..{xids} loop perform pg_current_xact_id(); commit; end loop; end $$");
    server.psql("postgres", &sql).unwrap();
}

/// Uses up so many multixact ids: each is a row that two lock.
fn consume_multixacts(server: &Postgres, mxids: usize) {
    server.psql("postgres", "create table if not exists shared (id int); insert into shared values (1)").unwrap();
    let lock = "begin; select from shared for share";
    let first = session(server, "postgres", lock);
    for _ in 0..mxids {
        drop(session(server, "postgres", lock));
    }
    drop(first);
}

/// Makes a table look as if it had not been vacuumed for so many transactions, or multixacts: an id that went round.
fn make_old(server: &Postgres, column: &str, table: &str, age: u32) {
    let next = match column {
        "relfrozenxid" => "split_part(next_xid, ':', 2)",
        _ => "next_multixact_id::text",
    };
    let sql = format!(
        "checkpoint;
         update pg_class set {column} = (({next}::bigint - {age} + 4294967296) % 4294967296)::text::xid
           from pg_control_checkpoint() where oid = {table}"
    );
    server.psql("postgres", &sql).unwrap();
}

/// A server on which nothing is vacuumed but by command, and its exporter.
fn quiet(major: Major) -> (Postgres, Exporter) {
    let settings = Postgres::builder(major).setting("autovacuum", "off").setting("wal_receiver_status_interval", "1s");
    let server = settings.setting("max_prepared_transactions", "5").start().unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    (server, exporter)
}

#[test]
fn ages_are_the_servers_own() {
    let (server, exporter) = quiet(Major::NEWEST);
    let weird = r#"create schema "a.b"; create table "a.b"."c""d" (id int); create table toasted (line text)"#;
    server.psql("postgres", weird).unwrap();
    consume(&server, 50);
    consume_multixacts(&server, 5);
    make_old(&server, "relfrozenxid", r#"'"a.b"."c""d"'::regclass"#, 3000);
    make_old(&server, "relminmxid", r#"'"a.b"."c""d"'::regclass"#, 4000);
    make_old(&server, "relminmxid", "'shared'::regclass", 5000);
    let toast = "(select reltoastrelid from pg_class where oid = 'toasted'::regclass)";
    make_old(&server, "relfrozenxid", toast, 2000);

    let page = scrape(&exporter);
    page.assert_clean("ages");
    for (name, age) in [("pg_db_age", "age(datfrozenxid)"), ("pg_db_mxid_age", "mxid_age(datminmxid)")] {
        for database in ["postgres", "template0", "template1"] {
            let age =
                number(&server, "postgres", &format!("select {age} from pg_database where datname = '{database}'"));
            assert_eq!(page.value(name, &[("datname", database)]), Some(age), "{database}");
            assert!(age >= 5.0, "{name} of {database}: {age}");
        }
    }
    let (xids, mxids) = ("pg_oldest_table_age_xids", "pg_oldest_table_age_mxids");
    let age = |sql: &str, table: &str| {
        Some(number(&server, "postgres", &format!("select {sql} from pg_class where oid = {table}")))
    };
    let named = |name| [("datname", "postgres"), ("relname", name)];
    let (table, name) = (r#"'"a.b"."c""d"'::regclass"#, r#""a.b".c"d"#);
    assert_eq!(page.value(xids, &named(name)), age("age(relfrozenxid)", table));
    assert_eq!(page.value(mxids, &named(name)), age("mxid_age(relminmxid)", table));
    assert_eq!(page.value(xids, &named("public.toasted")), age("age(relfrozenxid)", toast));
    assert_eq!(page.value(mxids, &named("public.shared")), age("mxid_age(relminmxid)", "'shared'::regclass"));
    let mut found: Vec<f64> = page.samples(xids, &[]).iter().map(|sample| sample.value).collect();
    assert!((10..=20).contains(&found.len()), "{found:?}");
    found.sort_by(|a, b| b.total_cmp(a));
    let tables = "pg_class c left join pg_class t on t.oid = c.reltoastrelid where c.relkind in ('r', 'm')";
    let age = "max(greatest(age(c.relfrozenxid), case when t.oid is not null then age(t.relfrozenxid) end))";
    assert_eq!(Some(&number(&server, "postgres", &format!("select {age} from {tables}"))), found.first());
    assert!(found[0] >= 3000.0 && found[1] >= 2000.0, "{found:?}");
}

#[test]
fn dead_rows_and_times_of_vacuum_are_seen() {
    let (server, exporter) = quiet(Major::NEWEST);
    let sql = "create table worn (id int, line text);
               alter table worn alter line set storage external;
               insert into worn select id, repeat('x', 3000) from generate_series(1, 100) as id;
               create table parts (id int) partition by list (id)";
    server.psql("postgres", sql).unwrap();
    // It has no relfrozenxid.
    assert_eq!(scrape(&exporter).value("pg_table_age", &[("relname", "public.parts")]), Some(0.0));
    let table = [("datname", "postgres"), ("relname", "public.worn")];
    let value = |name: &str| scrape(&exporter).value(&format!("pg_table_{name}"), &table);
    let times = ["last_vacuum", "last_analyze", "last_autovacuum", "last_autoanalyze"];
    let time = |name: &str| value(&format!("{name}_timestamp_seconds"));
    assert_eq!(times.map(time), [None; 4]);
    server.psql("postgres", "delete from worn where id <= 37").unwrap();
    until("37 rows are dead", || value("n_dead_tup") == Some(37.0));
    let now = || number(&server, "postgres", "select extract(epoch from clock_timestamp())");
    let before = now();
    server.psql("postgres", "vacuum analyze worn").unwrap();
    let after = now();
    until("none is dead", || value("n_dead_tup") == Some(0.0));
    for name in ["last_vacuum", "last_analyze"] {
        assert!((before..=after).contains(&time(name).unwrap()), "{name}");
    }
    assert_eq!([time("last_autovacuum"), time("last_autoanalyze")], [None; 2]);
    server.psql("postgres", "select sum(length(line)) from worn").unwrap();
    for name in ["toast_blks_read", "toast_blks_hit", "tidx_blks_read", "tidx_blks_hit"] {
        let sql = format!("select {name} from pg_statio_user_tables where relname = 'worn'");
        server.wait_for("select tidx_blks_hit > 63 from pg_statio_user_tables where relname = 'worn'", LIMIT).unwrap();
        assert_eq!(value(name), Some(number(&server, "postgres", &sql)), "{name}");
    }
}

#[test]
fn shows_every_holder_of_the_xmin_horizon() {
    let (server, exporter) = quiet(Major::NEWEST);
    let standby = server.standby("standby1").unwrap();
    standby.psql("postgres", "alter system set hot_standby_feedback = on").unwrap();
    standby.psql("postgres", "select pg_reload_conf()").unwrap();
    server.psql("postgres", "create table t (id int); create database app").unwrap();
    let held = |holder: &str, datname: &str, name: &str, sql: &str| {
        consume(&server, 10);
        let labels = [("holder", holder), ("datname", datname), ("name", name)];
        // A standby's feedback may move the horizon between the two looks.
        until(holder, || {
            let age = number(&server, "postgres", sql);
            let page = scrape(&exporter);
            page.assert_clean(holder);
            age >= 10.0 && page.value("pg_xmin_age_xids", &labels) == Some(age)
        });
    };

    // A snapshot, and an id without a snapshot.
    let reader = session(&server, "app", "begin isolation level repeatable read; select 1");
    let age = "select max(age(backend_xmin)) from pg_stat_activity where datname = 'app'";
    held("backend", "app", "", age);
    let labels = [("holder", "backend"), ("datname", "app")];
    let since = "select extract(epoch from clock_timestamp() - xact_start) from pg_stat_activity where datname = 'app'";
    assert_between(&server, since, || scrape(&exporter).value("pg_xmin_age_seconds", &labels));
    drop(reader);
    let writer = session(&server, "app", "begin; select pg_current_xact_id()");
    let age = "select max(age(backend_xid)) from pg_stat_activity where datname = 'app' and backend_xmin is null";
    held("backend", "app", "", age);
    drop(writer);
    until("they are gone", || scrape(&exporter).value("pg_xmin_age_xids", &labels).is_none());

    let prepared = [("datname", "app")];
    let count = || scrape(&exporter).value("pg_prepared_transactions", &prepared);
    assert_eq!(count(), Some(0.0));
    server.psql("app", "begin; create table made (id int); prepare transaction 'forgotten'").unwrap();
    held("prepared", "app", "", "select age(transaction) from pg_prepared_xacts");
    let age = number(&server, "postgres", "select age(transaction) from pg_prepared_xacts");
    assert_eq!(scrape(&exporter).value("pg_prepared_max_age_xids", &prepared), Some(age));
    assert_eq!(count(), Some(1.0));
    let since = "select extract(epoch from clock_timestamp() - prepared) from pg_prepared_xacts";
    assert_between(&server, since, || scrape(&exporter).value("pg_prepared_max_age_seconds", &prepared));
    server.psql("app", "rollback prepared 'forgotten'").unwrap();
    assert_eq!((count(), scrape(&exporter).value("pg_prepared_max_age_xids", &prepared)), (Some(0.0), None));

    server.psql("app", "select pg_create_logical_replication_slot('decoded', 'pgoutput')").unwrap();
    held(
        "slot catalog",
        "app",
        "decoded",
        "select age(catalog_xmin) from pg_replication_slots where slot_name = 'decoded'",
    );

    // A standby's reader holds the slot that feeds it, and without a slot the walsender.
    let reader = session(&standby, "postgres", "begin isolation level repeatable read; select 1");
    server.wait_for("select xmin is not null from pg_replication_slots where slot_name = 'standby1'", LIMIT).unwrap();
    held("slot", "", "standby1", "select age(xmin) from pg_replication_slots where slot_name = 'standby1'");
    standby.psql("postgres", "alter system set primary_slot_name = ''").unwrap();
    standby.psql("postgres", "select pg_reload_conf()").unwrap();
    server.wait_for("select backend_xmin is not null from pg_stat_replication", LIMIT).unwrap();
    held("standby", "", "standby1", "select age(backend_xmin) from pg_stat_replication");
    drop(reader);
}

#[test]
fn a_vacuum_is_no_long_transaction() {
    let slow = Postgres::builder(Major::NEWEST).setting("vacuum_cost_delay", "50").setting("vacuum_cost_limit", "1");
    let server = slow.setting("autovacuum", "off").start().unwrap();
    server.psql("postgres", "create table t as select generate_series(1, 200000) as id").unwrap();
    let watcher = exporter(&server, "postgres", &["--disable-cache"]);
    let vacuum = waiting(&server, "postgres", "vacuum t");
    let of_vacuum = "from pg_stat_activity where query = 'vacuum t'";
    server.wait_for(&format!("select bool_and(clock_timestamp() - xact_start > '1 s') {of_vacuum}"), LIMIT).unwrap();
    let labels = [("datname", "postgres"), ("state", "active")];
    let oldest = scrape(&watcher).value("pg_activity_max_tx_duration", &labels);
    assert!(oldest.is_some_and(|seconds| seconds < 1.0), "{oldest:?}");
    server.psql("postgres", &format!("select pg_terminate_backend(pid) {of_vacuum}")).unwrap();
    vacuum.join().unwrap().unwrap_err();
}
