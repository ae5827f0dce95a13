//! Collectors that wait for a lock, fail, are slow, go on for ever.

use std::thread;
use std::time::{Duration, Instant};

use lab::Postgres;
use support::outcome::{collectors, embedded_and, exporter_of, scrape_timed, scrape_until, scrape_within};
use support::{Page, scrape};

use super::{NEWEST, WITHIN_BUDGET, WithinBudget, calls, counted_url, outcomes, session, sessions};

#[test]
fn locked_table_costs_only_its_collectors() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(3, &server);
    server.psql("postgres", "create table locked (n int); create index on locked (n)").unwrap();
    let config = embedded_and(
        "needs_lock: { query: select pg_catalog.pg_total_relation_size('public.locked') AS bytes, metrics: [ bytes: { usage: GAUGE } ] }\n",
    );
    let url = server.url("monitor", "postgres");
    let embedded = exporter_of(&url, &["--disable-cache"]);
    let with_own = exporter_of(&url, &["--disable-cache", "--config", config.path().to_str().unwrap()]);
    for exporter in [&embedded, &with_own] {
        assert_eq!(scrape(exporter).failed(), [], "{}", exporter.log());
    }

    let mut holder = session(&server);
    let mut lock = holder.transaction().unwrap();
    lock.batch_execute("lock table locked in access exclusive mode").unwrap();

    let cold = scrape(&exporter_of(&url, &[]));
    assert!(cold.is_up() && cold.failed().is_empty() && cold.planned() >= 15, "{}", cold.text);
    for _ in 0..3 {
        let page = scrape_within(&embedded, 1.0);
        assert!(page.is_up() && page.failed().is_empty() && page.planned() >= 15, "{}", page.text);
        let page = scrape_within(&with_own, 1.0);
        assert!(page.is_up(), "{}", page.text);
        assert_eq!(page.failed(), [("needs_lock", "postgres")]);
        assert!(page.errors("needs_lock", "lock") >= 1.0, "{}", page.text);
        assert_eq!(page.value("needs_lock_bytes", &[]), None);
        assert!(page.value("pg_table_relid", &[("relname", "public.locked")]).is_some());
        let waiting = lock.query_one("select count(*) from pg_locks where not granted", &[]).unwrap();
        assert_eq!(waiting.get::<_, i64>(0), 0);
    }
    lock.rollback().unwrap();
    let page = scrape(&with_own);
    assert_eq!((page.failed(), page.value("needs_lock_bytes", &[])), (vec![], Some(8192.0)), "{}", with_own.log());
}

#[test]
fn failing_collector_fails_alone_and_is_logged_once() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let config = collectors(
        "
sound: { query: select 7 AS n, metrics: [ n: { usage: GAUGE } ] }
broken: { query: select n from public.wanted, ttl: 300, metrics: [ n: { usage: GAUGE } ] }
",
    );
    let exporter = exporter_of(&server.url("postgres", "postgres"), &["--config", config.path().to_str().unwrap()]);
    for tries in [1.0, 2.0, 2.0, 2.0] {
        let page = scrape(&exporter);
        assert!(page.is_up(), "{}", page.text);
        assert_eq!(page.value("sound_n", &[]), Some(7.0));
        assert_eq!(page.failed(), [("broken", "postgres")]);
        // The first failure is followed by a try, the second by a pause.
        assert_eq!(page.errors("broken", "sql"), tries, "{}", exporter.log());
    }
    let explained = exporter.get("/explain").unwrap().text();
    assert!(explained.contains("failed 2 times in a row (sql)"), "{explained}");
    let told = outcomes(&exporter.log(), "broken");
    assert!(told.len() == 1 && told[0].contains("public.wanted"), "{told:?}");
    server.psql("postgres", "create table wanted (n int); insert into wanted values (42)").unwrap();
    let page = scrape_until(&exporter, "tried again after the pause", |page| page.failed().is_empty());
    assert_eq!((page.value("broken_n", &[]), page.errors("broken", "sql")), (Some(42.0), 2.0));
    let told = outcomes(&exporter.log(), "broken");
    assert!(told.len() == 2 && told[1].contains("collector recovered"), "{told:?}");
}

#[test]
fn slow_collector_runs_once_and_is_served_later() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let config = collectors(
        "
quick: { query: select 7 AS n, metrics: [ n: { usage: GAUGE } ] }
slow: { query: select 8 AS n from pg_sleep(4), timeout: 10, ttl: 60, metrics: [ n: { usage: GAUGE } ] }
",
    );
    let exporter = exporter_of(&counted_url(&server), &["--config", config.path().to_str().unwrap()]);
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < Duration::from_millis(2500) {
        let (page, elapsed) = scrape_timed(&exporter, 1.5);
        assert!(page.is_up() && page.value("quick_n", &[]) == Some(7.0), "{}", page.text);
        assert_eq!((page.value("slow_n", &[]), page.failed()), (None, vec![("slow", "postgres")]));
        took.push(elapsed);
        thread::sleep(Duration::from_millis(100));
    }
    // Those that come after the first do not wait until their deadline for what it has left running.
    assert!(took.len() > 2 && took[1..].iter().min() < Some(&Duration::from_millis(1000)), "{took:?}");
    let page = scrape_until(&exporter, "the result in the cache", |page| page.failed().is_empty());
    assert_eq!((page.value("slow_n", &[]), page.value("quick_n", &[])), (Some(8.0), Some(7.0)));
    assert_eq!(calls(&server, "pg_sleep\\(\\$"), "1");
    assert!(outcomes(&exporter.log(), "slow").is_empty(), "{}", exporter.log());
}

#[test]
fn new_slow_collector_does_not_delay_others() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let quick = "quick: { query: select 7 AS n, timeout: 0.5, metrics: [ n: { usage: GAUGE } ] }\n";
    let slow =
        "slow: { query: select 8 AS n from pg_sleep(3), timeout: 10, ttl: 60, metrics: [ n: { usage: GAUGE } ] }\n";
    let config = collectors(quick);
    let exporter = exporter_of(&counted_url(&server), &["--config", config.path().to_str().unwrap()]);
    scrape(&exporter);
    // The next flight has the look and the quick one for the second time, the slow one for the first.
    std::fs::write(config.path(), format!("{quick}{slow}")).unwrap();
    assert_eq!(exporter.request("POST", "/reload", &[]).unwrap().status, 200);
    for _ in 0..2 {
        let page = scrape_within(&exporter, 1.5);
        assert!(page.is_up() && page.value("quick_n", &[]) == Some(7.0), "{}\n{}", page.text, exporter.log());
    }
    let page = scrape_until(&exporter, "the slow one", |page| page.value("slow_n", &[]) == Some(8.0));
    assert_eq!((page.failed(), page.errors("quick", "timeout"), page.errors("slow", "timeout")), (vec![], 0.0, 0.0));
    assert_eq!(calls(&server, "pg_sleep\\(\\$"), "1");
}

#[test]
fn slow_collector_stands_behind_others_that_are_as_new() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let slow =
        "slow: { query: select 8 AS n from pg_sleep(3), timeout: 10, ttl: 60, metrics: [ n: { usage: GAUGE } ] }\n";
    // By its place in the file it would run first.
    let config = collectors(&format!("{slow}quick: {{ query: select 7 AS n, metrics: [ n: {{ usage: GAUGE }} ] }}\n"));
    let exporter = exporter_of(&counted_url(&server), &["--config", config.path().to_str().unwrap()]);
    for _ in 0..2 {
        let page = scrape_within(&exporter, 2.0);
        assert!(page.is_up() && page.value("quick_n", &[]) == Some(7.0), "{}\n{}", page.text, exporter.log());
    }
    // It has not ended yet.
    assert_eq!(calls(&server, "pg_sleep\\(\\$"), "");
}

#[test]
fn slow_collectors_leave_the_probe_a_connection() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let names: Vec<String> = (0..4).map(|n| format!("d{n}")).collect();
    server.psql("postgres", &names.iter().map(|name| format!("create database {name};")).collect::<String>()).unwrap();
    let config = collectors(
        "
slow:
  query: select current_database() AS datname, 8 AS n from pg_sleep(2)
  timeout: 10
  ttl: 60
  metrics: [ datname: { usage: LABEL }, n: { usage: GAUGE } ]
",
    );
    let exporter = exporter_of(&counted_url(&server), &["--config", config.path().to_str().unwrap(), WITHIN_BUDGET]);
    let page = loop {
        let page = scrape_within(&exporter, 1.0);
        assert!(page.is_up(), "{}\n{}", page.text, exporter.log());
        assert!(sessions(&server) <= 3, "the budget holds on the server too");
        if page.planned() == 5 && page.failed().is_empty() {
            break page;
        }
    };
    for name in names {
        assert_eq!(page.value("slow_n", &[("datname", &name)]), Some(8.0), "{}", page.text);
    }
    assert_eq!(calls(&server, "pg_sleep\\(\\$"), "5");
}

#[test]
fn query_past_its_timeout_is_cancelled_on_the_server() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let config = collectors(
        "
endless: { query: select 1 AS n from pg_sleep(600), timeout: 0.5, metrics: [ n: { usage: GAUGE } ] }
sound: { query: select 7 AS n, priority: 1, metrics: [ n: { usage: GAUGE } ] }
",
    );
    let exporter = exporter_of(&server.url("postgres", "postgres"), &["--config", config.path().to_str().unwrap()]);
    for tries in [1.0, 2.0, 3.0] {
        let page = scrape_within(&exporter, 5.0);
        assert!(page.is_up() && page.value("sound_n", &[]) == Some(7.0), "{}", page.text);
        assert_eq!((page.failed(), page.errors("endless", "timeout")), (vec![("endless", "postgres")], tries));
        assert_eq!(page.value("pg_exporter_connections_opened_total", &[]), Some(1.0), "the connection is kept");
        let running = "select count(*) from pg_stat_activity where state = 'active' and query ~ 'pg_sleep' and pid <> pg_backend_pid()";
        assert_eq!(server.psql("postgres", running).unwrap(), "0");
    }
}

#[test]
fn a_stale_result_is_served_with_its_age_while_fetching_fails() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    server.psql("postgres", "create table kept as select 42 as n").unwrap();
    let config = collectors("kept: { query: select n from public.kept, stale: 3, metrics: [ n: { usage: GAUGE } ] }\n");
    let exporter = exporter_of(&server.url("postgres", "postgres"), &["--config", config.path().to_str().unwrap()]);
    let success = |page: &Page| page.value("pg_exporter_collector_success", &[("collector", "kept")]).unwrap();
    let age = |page: &Page| page.value("pg_exporter_collector_age_seconds", &[("collector", "kept")]);
    let page = scrape(&exporter);
    assert_eq!((page.value("kept_n", &[]), success(&page)), (Some(42.0), 1.0));
    server.psql("postgres", "drop table kept").unwrap();
    let first = scrape(&exporter);
    assert_eq!((first.value("kept_n", &[]), success(&first)), (Some(42.0), 0.0), "{}", first.text);
    let second = scrape(&exporter);
    assert!(age(&second) > age(&first), "{}", second.text);
    let gone = scrape_until(&exporter, "no longer served", |page| page.value("kept_n", &[]).is_none());
    assert_eq!((age(&gone), success(&gone)), (None, 0.0));
}
