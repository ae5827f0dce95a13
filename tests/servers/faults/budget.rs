//! Logins that hang and sessions that do not end: the server never has more of them than the budget.

use std::thread;

use lab::{Exporter, Postgres, Proxy};
use support::outcome::{exporter_of, scrape_until, scrape_within, status, url_by_port};
use support::{scrape, until};

use super::{BUDGET, NEWEST, WITHIN_BUDGET, WithinBudget, session};

/// Everything that asks the server, in bursts; it is answered in time, and the server is down for that reason.
fn is_asked_a_lot(exporter: &Exporter, reasons: &[&str]) {
    for _ in 0..4 {
        thread::scope(|scope| {
            for path in ["/up", "/primary", "/replica", "/readiness", "/explain"] {
                for _ in 0..3 {
                    scope.spawn(move || exporter.get(path).unwrap());
                }
            }
            let page = scrape_within(exporter, 5.0);
            let reason = page.reason().unwrap_or_default();
            assert!(!page.is_up() && reasons.contains(&reason), "{reason}\n{}", exporter.log());
        });
        assert_eq!(status(exporter, "/up"), 503, "{}", exporter.log());
        assert_eq!(exporter.request("POST", "/reload", &[]).unwrap().status, 200);
    }
}

/// What it says after a scrape.
fn explained(exporter: &Exporter) -> String {
    scrape(exporter);
    exporter.get("/explain").unwrap().text()
}

#[test]
fn pending_connects_stay_within_the_budget() {
    let server = Postgres::builder(NEWEST).setting("max_connections", "25").start().unwrap();
    server.psql("postgres", "create database shop; alter role monitor connection limit 5").unwrap();
    let url = server.url("monitor", "postgres");
    for catalog in ["pg_authid", "pg_database"] {
        let mut holder = session(&server);
        let mut lock = holder.transaction().unwrap();
        lock.batch_execute(&format!("lock table {catalog} in access exclusive mode")).unwrap();
        let within = WithinBudget::of(1, &server);
        let exporter = exporter_of(&url, &[]);
        is_asked_a_lot(&exporter, &["timeout"]);
        assert_eq!(within.now(), 1, "{catalog}: one login, which everybody waits for");
        let explained = explained(&exporter);
        assert!(explained.contains("did not complete the login"), "{explained}");
        // What pg_stat_activity shows without reading a catalog.
        let seen = "select count(*) from pg_stat_get_activity(null) where backend_type = 'client backend' and pid <> pg_backend_pid()";
        assert!(lock.query_one(seen, &[]).unwrap().get::<_, i64>(0) <= 1);

        lock.rollback().unwrap();
        let page = scrape_until(&exporter, "up again", |page| page.is_up() && page.failed().is_empty());
        // The login that hung is the connection of now.
        assert!(page.value("pg_exporter_connections_opened_total", &[]) <= Some(2.0), "{catalog}: {}", page.text);
        drop(exporter);
        until("its connections are gone", || within.now() == 0);
    }
}

#[test]
fn hung_logins_leave_the_main_database_a_connection() {
    let server = Postgres::start(NEWEST).unwrap();
    let exporter = exporter_of(&server.url("monitor", "postgres"), &["--disable-cache", WITHIN_BUDGET]);
    assert!(scrape(&exporter).is_up());
    let create: String = (0..5).map(|n| format!("create database d{n};")).collect();
    server.psql("postgres", &create).unwrap();
    let _within = WithinBudget::of(1, &server);
    let mut holder = session(&server);
    let mut lock = holder.transaction().unwrap();
    // Who renames a database lets nobody into it.
    let rename: String = (0..5).map(|n| format!("alter database d{n} rename to other{n};")).collect();
    lock.batch_execute(&rename).unwrap();
    for _ in 0..4 {
        let page = scrape_within(&exporter, 4.0);
        assert!(page.is_up(), "{}", exporter.log());
        assert!(page.value("pg_db_xact_total", &[("datname", "postgres")]).is_some(), "{}", page.text);
        assert_eq!(status(&exporter, "/up"), 200);
    }
    let told = "no free connection (--max-connections=3)";
    until("the others' failure is told", || exporter.log().contains(told));
    lock.rollback().unwrap();
    let all = |page: &support::Page| {
        (0..5).all(|n| {
            page.value("pg_exporter_collector_success", &[("collector", "pg_table"), ("datname", &format!("d{n}"))])
                == Some(1.0)
        })
    };
    scrape_until(&exporter, "all databases are read", all);
}

#[test]
fn sessions_that_do_not_end_count_against_the_budget() {
    let server = Postgres::start(NEWEST).unwrap();
    let exporter = exporter_of(&server.url("monitor", "postgres"), &["--disable-cache"]);
    assert!(scrape(&exporter).is_up());
    let within = WithinBudget::of(1, &server);
    let backends = server.backends("127.0.0.1(");
    // Each session stands still in the middle, hears no cancellation, and does not see that its client has gone.
    for given_up in 1..=BUDGET {
        backends.freeze();
        let page = scrape_within(&exporter, 5.0);
        assert_eq!((page.is_up(), page.reason()), (false, Some("timeout")), "{given_up}: {}", exporter.log());
        if given_up < BUDGET {
            until("another connection is used", || scrape(&exporter).is_up() && within.now() == given_up + 1);
        }
    }
    scrape_until(&exporter, "no place is left", |page| page.reason() == Some("backends_not_ended"));
    is_asked_a_lot(&exporter, &["backends_not_ended"]);
    let explained = explained(&exporter);
    let told = "the server has not ended 3 abandoned sessions and 0 hanging logins";
    assert!(explained.contains(told), "{}\n{}", explained.lines().take(3).collect::<String>(), exporter.log());
    let page = scrape(&exporter);
    assert_eq!(page.value("pg_exporter_connections", &[]), Some(3.0), "{}", page.text);
    backends.thaw();
    scrape_until(&exporter, "up again", |page| page.is_up() && page.failed().is_empty());
}

#[test]
fn hung_server_does_not_delay_the_next_target() {
    let (hung, sound) = (Postgres::start(NEWEST).unwrap(), Postgres::start(NEWEST).unwrap());
    let proxy = Proxy::start(hung.port()).unwrap();
    proxy.freeze();
    let list = |url: String| url.replace("@127.0.0.1:", &format!("@127.0.0.1:{},127.0.0.1:", proxy.port()));
    for (mode, budget) in [("disable", 1), ("prefer", 1), ("allow", 2)] {
        let url = list(sound.url("monitor", "postgres")).replace("sslmode=disable", &format!("sslmode={mode}"));
        let before = proxy.connections();
        let exporter = exporter_of(&url, &["--no-auto-discovery", &format!("--max-connections={budget}")]);
        for _ in 0..3 {
            until("the second server is read", || scrape_within(&exporter, 5.0).is_up());
            let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'monitor'";
            sound.psql("postgres", end).unwrap();
        }
        let asked = proxy.connections() - before;
        assert!(asked <= budget, "{mode}: {asked} logins at a server that answers none");
    }
}

#[test]
fn logins_are_not_repeated_behind_a_blackholed_network() {
    let server = Postgres::start(NEWEST).unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    proxy.freeze();
    let exporter = exporter_of(&url_by_port(&server, "monitor", "postgres", proxy.port()), &[]);
    is_asked_a_lot(&exporter, &["timeout"]);
    assert_eq!(proxy.connections(), 1);
    let _within = WithinBudget::of(1, &server);
    proxy.thaw();
    scrape_until(&exporter, "up again", |page| page.is_up() && page.failed().is_empty());
    assert!(scrape(&exporter).value("process_open_fds", &[]).unwrap() < 40.0);
}
