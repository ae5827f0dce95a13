//! Settings, privileges, extensions.

use std::collections::BTreeMap;
use std::fs;

use lab::{MONITOR_PASSWORD, Major, Postgres};
use postgres::NoTls;
use support::outcome::scrape_until;
use support::{exporter, scrape};

use super::storage::{assert_between, number, session};

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
fn grants_are_idempotent_and_optional_grants_work() {
    let file = support::path("collectors/pg/grants.sql");
    let grants = fs::read_to_string(file).unwrap();
    for major in Major::ALL {
        let server = Postgres::start(major).unwrap();
        server
            .psql(
                "postgres",
                "drop owned by monitor; drop role monitor; create schema elsewhere; alter extension pg_stat_statements set schema elsewhere",
            )
            .unwrap();
        server.psql("postgres", &grants).unwrap();
        server.psql("postgres", &grants).unwrap();
        let role = "select rolcanlogin, rolconnlimit, rolsuper, pg_has_role('monitor', 'pg_monitor', 'usage') from pg_roles where rolname = 'monitor'";
        assert_eq!(server.psql("postgres", role).unwrap(), "t|18|f|t", "{major}");
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
    for major in [Major::V16, Major::V18, Major::V19] {
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
fn reads_third_party_extensions_in_their_schema() {
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
    let seconds = |kind| page.samples(&format!("pg_kcache_{kind}_seconds_total"), &[("datname", "app")]);
    let used: f64 = [seconds("user"), seconds("system")].iter().flatten().map(|sample| sample.value).sum();
    assert!(used > 0.0 && used < spent + 0.1, "{used} of {spent} s");

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

    // Its profile takes the place of our own samples.
    server.psql("postgres", "create table held (id int); insert into held values (1)").unwrap();
    let mut holder = session(&server, "postgres");
    holder.batch_execute("begin; update held set id = 2").unwrap();
    let mut waiter = session(&server, "postgres");
    let wait = std::thread::spawn(move || waiter.batch_execute("update held set id = 3").unwrap());
    let waits = |source| [("source", source), ("wait_event_type", "Lock"), ("datname", "")];
    let page = scrape_until(&exporter, "a wait for a lock", |page| {
        let found = page.samples("pg_session_query_seconds_total", &waits("pg_wait_sampling"));
        found.iter().any(|sample| sample.value > 0.5)
    });
    assert!(page.samples("pg_session_query_seconds_total", &[("source", "sample")]).is_empty(), "{}", page.text);
    holder.batch_execute("commit").unwrap();
    wait.join().unwrap();
}
