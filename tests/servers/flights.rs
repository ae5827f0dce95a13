//! What a scrape sends to the server: each statement once however many scrape, nothing but a look while all is fresh,
//! prepared statements on few connections, few round trips. Counted in the server's own log.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use lab::{Exporter, Major, Postgres, Proxy};
use support::outcome::{collectors, embedded_and, exporter_of, exporter_with_log, scrape_until, url_by_port};
use support::{Page, scrape, until};

/// Begins every message of the log; nothing else contains it.
const MARK: &str = "|~|";

/// One protocol step that the exporter made the server take.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    database: String,
    backend: String,
    /// `parse`, `bind` or `execute`.
    kind: String,
    sql: String,
}

fn server() -> Postgres {
    let prefix = format!("{MARK}%a|%d|%p|");
    let server = Postgres::builder(Major::NEWEST)
        .setting("log_line_prefix", &prefix)
        .setting("log_min_duration_statement", "0")
        .start()
        .unwrap();
    server.psql("postgres", "create database shop; create database blog").unwrap();
    server
}

/// What the server has logged of the exporter while `act` ran.
fn steps(server: &Postgres, act: impl FnOnce()) -> Vec<Step> {
    let log = || String::from_utf8_lossy(&std::fs::read(server.log_file()).unwrap()).into_owned();
    let before = log().len();
    act();
    log()[before..].split(MARK).filter_map(step).collect()
}

/// `pg-exporter|shop|4711|LOG:  duration: 0.1 ms  execute s1: SELECT …`
fn step(message: &str) -> Option<Step> {
    let mut parts = message.splitn(4, '|');
    let (application, database, backend, text) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (_, step) = text.split_once(" ms  ").filter(|_| application == "pg-exporter")?;
    let (kind, rest) = step.split_once(' ')?;
    let (_, sql) = rest.split_once(": ")?;
    Some(Step { database: database.into(), backend: backend.into(), kind: kind.into(), sql: sql.trim().into() })
}

fn of_kind<'a>(steps: &'a [Step], kind: &str) -> Vec<&'a Step> {
    steps.iter().filter(|step| step.kind == kind).collect()
}

fn is_look(step: &Step) -> bool {
    step.sql.contains("e.extnamespace")
}

fn scrape_at_once(exporter: &Exporter, scrapers: usize) -> Vec<Page> {
    let barrier = Barrier::new(scrapers);
    let scrape = || {
        barrier.wait();
        scrape(exporter)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..scrapers).map(|_| scope.spawn(scrape)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// Every statement was executed once in each database that it was executed in.
fn assert_each_once(steps: &[Step]) {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for step in of_kind(steps, "execute") {
        *counts.entry((&step.database, &step.sql)).or_default() += 1;
    }
    // All 15 and more collectors of the main database, its look, and some of the two others.
    assert!(counts.len() > 20, "{counts:?}");
    let more: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(more.is_empty(), "{more:#?}");
}

#[test]
fn twenty_scrapes_at_once_execute_each_statement_once() {
    let server = server();
    // It holds the pass until the last of the twenty is in it, and is no slow collector that a second visit is made for.
    let config = embedded_and(
        "pause: { query: select 1 AS n from pg_sleep(0.4), priority: 9, metrics: [ n: { usage: GAUGE } ] }\n",
    );
    // With the last one, databases are visited though nothing happens in them.
    let args = ["--config", config.path().to_str().unwrap(), "--cache-ttls", "1,1,1,0", "--disable-sampling"];
    let exporter = exporter_with_log(&server.url("monitor", "postgres"), &args);
    until("the probe of the start has come", || exporter.log().contains("server is up"));
    let check = |what: &str| {
        let executed = steps(&server, || {
            for page in scrape_at_once(&exporter, 20) {
                assert!(page.is_up() && page.failed().is_empty(), "{what}: {}", page.text);
                assert!(page.planned() >= 20, "{what}: {}", page.text);
            }
        });
        assert_each_once(&executed);
        assert_eq!(
            of_kind(&executed, "execute").into_iter().filter(|step| is_look(step)).count(),
            3,
            "{what}: one per database"
        );
    };
    check("cold");
    for round in 2..=4 {
        // The time to live has to pass: nothing tells.
        thread::sleep(Duration::from_secs(1));
        check(&format!("warm, round {round}"));
    }
}

#[test]
fn fresh_cache_costs_only_the_probe() {
    let server = server();
    let exporter = exporter_with_log(
        &server.url("monitor", "postgres"),
        &["--cache-ttls", "300,300,300,300", "--disable-sampling"],
    );
    let first = scrape_until(&exporter, "everything is in the cache", |page| page.failed().is_empty());
    let mut pages = Vec::new();
    for _ in 0..3 {
        let sent = steps(&server, || pages.push(scrape(&exporter)));
        let executed = of_kind(&sent, "execute");
        let is_probe = |step: &Step| {
            is_look(step)
                || step.sql == "SHOW in_hot_standby"
                || ["pg_conf_load_time", "pg_stat_get_db_xact_commit"].iter().any(|name| step.sql.contains(name))
        };
        assert_eq!(executed.len(), 4, "{sent:#?}");
        assert!(executed.iter().all(|step| is_probe(step) && step.database == "postgres"), "{sent:#?}");
    }
    // Who comes later gets the same values; lines of the log are counted as they come.
    let collected = |page: &Page| {
        let own = ["pg_exporter_", "process_", "pg_log_", "pg_statement_", "#"];
        let own = |line: &&str| own.iter().any(|own| line.starts_with(own));
        page.text.lines().filter(|line| !own(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    for page in &pages {
        let (page, first) = (collected(page), collected(&first));
        let other: Vec<_> = page.iter().zip(&first).filter(|(one, other)| one != other).collect();
        assert!(page.len() == first.len() && other.is_empty(), "{other:#?}");
    }
    let opened = |page: &Page| page.value("pg_exporter_connections_opened_total", &[]);
    assert_eq!(opened(&pages[2]), opened(&first));
}

#[test]
fn results_that_expire_during_a_scrape_are_served() {
    let server = server();
    let config = collectors(
        "
held: { query: select 1 AS n from pg_sleep(0.6), metrics: [ n: { usage: GAUGE } ] }
short: { query: select 7 AS n, ttl: 1, metrics: [ n: { usage: GAUGE } ] }
",
    );
    let args = ["--config", config.path().to_str().unwrap(), "--auto-discovery=false"];
    let exporter = exporter_of(&server.url("postgres", "postgres"), &args);
    for _ in 0..5 {
        let page = scrape(&exporter);
        assert_eq!((page.value("short_n", &[]), page.failed()), (Some(7.0), vec![]), "{}", page.text);
    }
}

#[test]
fn statements_are_prepared_and_connections_kept() {
    let server = server();
    server.psql("postgres", "drop database blog").unwrap();
    let exporter = exporter_with_log(&server.url("monitor", "postgres"), &["--disable-cache", "--disable-sampling"]);
    for _ in 0..3 {
        scrape(&exporter);
    }
    let before = scrape(&exporter);
    let sent = steps(&server, || {
        for _ in 0..5 {
            let page = scrape(&exporter);
            assert!(page.failed().is_empty(), "{}", page.text);
        }
    });
    assert!(of_kind(&sent, "parse").is_empty(), "{sent:#?}");
    assert_eq!(of_kind(&sent, "bind").len(), of_kind(&sent, "execute").len());
    // A few statements, by name, five times each.
    let executed = of_kind(&sent, "execute");
    assert!(executed.len() > 5 * 18 && executed.len().is_multiple_of(5), "{}", executed.len());
    for datname in ["postgres", "shop"] {
        let mut backends: Vec<_> =
            sent.iter().filter(|step| step.database == datname).map(|step| &step.backend).collect();
        backends.dedup();
        backends.sort();
        backends.dedup();
        assert_eq!(backends.len(), 1, "{datname}");
    }
    let after = scrape(&exporter);
    for name in ["pg_exporter_connections_opened_total", "pg_exporter_connections"] {
        assert_eq!((before.value(name, &[]), after.value(name, &[])), (Some(2.0), Some(2.0)), "{name}");
    }
}

#[test]
fn each_database_costs_one_round_trip() {
    let server = server();
    server.psql("postgres", "drop database shop; drop database blog").unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let url = url_by_port(&server, "monitor", "postgres", proxy.port());
    let exporter = exporter_with_log(&url, &["--disable-cache", "--disable-sampling"]);
    for _ in 0..3 {
        assert_eq!(scrape(&exporter).failed(), []);
    }
    for _ in 0..5 {
        let before = proxy.round_trips();
        scrape(&exporter);
        // The look and all queries go out together; the kernel may cut them in two.
        assert!((1..=2).contains(&(proxy.round_trips() - before)), "{}", proxy.round_trips() - before);
    }
}

#[test]
fn many_databases_are_read_within_the_budget_and_the_main_one_keeps_its_connection() {
    let server = server();
    let create: String = (0..12).map(|n| format!("create database d{n} strategy file_copy;")).collect();
    server.psql("postgres", &create).unwrap();
    let exporter = exporter_with_log(
        &server.url("postgres", "postgres"),
        &["--disable-cache", "--max-connections", "3", "--scrape-timeout", "25"],
    );
    for _ in 0..3 {
        let page = scrape(&exporter);
        assert!(page.is_up() && page.failed().is_empty(), "{}\n{}", page.text, exporter.log());
        assert!(page.value("pg_exporter_connections", &[]).unwrap() <= 3.0);
        assert_eq!(page.label_values("pg_exporter_server_scrape_total_count", "datname").len(), 15);
    }
    // The main database keeps its connection: it is opened once.
    let log = String::from_utf8_lossy(&std::fs::read(server.log_file()).unwrap()).into_owned();
    let mut backends: Vec<_> =
        log.split(MARK).filter_map(step).filter(|step| step.database == "postgres").map(|step| step.backend).collect();
    backends.sort();
    backends.dedup();
    assert_eq!(backends.len(), 1, "{backends:?}");
}
