//! Scrapers that hang up, signals, a port that is taken, collector files that change.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use lab::{Postgres, Process};
use support::outcome::{collectors, exporter_of, scrape_until};
use support::{LIMIT, Page, binary, scrape, until};

use super::{NEWEST, WithinBudget, a_scrape_that_takes_its_time, calls, occurrences, sessions, wait_for_the_slow_one};

#[test]
fn a_scraper_that_hangs_up_does_not_stop_the_collection() {
    let (server, exporter) = a_scrape_that_takes_its_time();
    let _within = WithinBudget::of(1, &server);
    let mut impatient = TcpStream::connect(exporter.address()).unwrap();
    impatient.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    wait_for_the_slow_one(&server);
    thread::scope(|scope| {
        let patient = scope.spawn(|| scrape(&exporter));
        drop(impatient);
        let page = patient.join().unwrap();
        assert_eq!((page.value("slow_n", &[]), page.failed()), (Some(8.0), vec![]), "{}", page.text);
    });
    assert_eq!(calls(&server, "pg_sleep\\(\\$"), "1");
}

#[test]
fn a_signal_to_stop_lets_a_running_scrape_be_answered() {
    thread::scope(|scope| {
        for signal in ["TERM", "INT"] {
            scope.spawn(move || {
                let (server, exporter) = a_scrape_that_takes_its_time();
                thread::scope(|scope| {
                    let scraping = scope.spawn(|| scrape(&exporter));
                    wait_for_the_slow_one(&server);
                    exporter.signal(signal).unwrap();
                    until("it takes no more requests", || TcpStream::connect(exporter.address()).is_err());
                    let page = scraping.join().unwrap();
                    assert_eq!((page.value("slow_n", &[]), page.failed()), (Some(8.0), vec![]), "{}", page.text);
                });
                assert_eq!(exporter.process().wait(LIMIT).unwrap().code(), Some(0), "{}", exporter.log());
                until("no connection is left", || sessions(&server) == 0);
            });
        }
    });
}

#[test]
fn port_in_use_is_reported_and_ends_the_program() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let url = server.url("postgres", "postgres");
    let first = exporter_of(&url, &[]);
    let flag = format!("--web.listen-address={}", first.address());
    let second = Process::command(binary()).args([&flag, "--url", &url]).output().unwrap();
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{error}");
    let told = error.lines().last().unwrap();
    assert!(told.contains(&first.address().to_string()) && told.to_lowercase().contains("in use"), "{error}");
    assert!(scrape(&first).is_up());
}

#[test]
fn reload_applies_valid_files_and_keeps_connections() {
    let server = Postgres::start(NEWEST).unwrap();
    let _within = WithinBudget::of(1, &server);
    let yaml = |metric: &str| {
        format!("own: {{ query: 'select pg_backend_pid() AS {metric}', metrics: [ {metric}: {{ usage: GAUGE }} ] }}\n")
    };
    let config = collectors(&yaml("one"));
    let exporter = exporter_of(&server.url("postgres", "postgres"), &["--config", config.path().to_str().unwrap()]);
    let backend = scrape(&exporter).value("own_one", &[]).unwrap();
    let reload = |path: &str| exporter.request("POST", path, &[]).unwrap();
    let write = |text: &str| std::fs::write(config.path(), text).unwrap();
    let successful = |page: &Page| page.value("pg_exporter_config_last_reload_successful", &[]);

    write(&yaml("two"));
    assert_eq!(reload("/reload").status, 200);
    let page = scrape(&exporter);
    assert_eq!((page.value("own_one", &[]), page.value("own_two", &[])), (None, Some(backend)));

    write("own: { query: select 1, metrics: [ n: { usage: GUAGE } ], tll: 5 }\n");
    for path in ["/reload", "/-/reload"] {
        let answer = reload(path);
        assert_eq!(answer.status, 500);
        let file = config.path().display().to_string();
        for fault in ["GUAGE", "tll", &format!("{file}:1:")] {
            assert!(answer.text().contains(fault), "{fault}: {}", answer.text());
        }
    }
    exporter.signal("HUP").unwrap();
    until("the signal's reload is logged", || occurrences(&exporter.log(), "the previous ones stay in effect") == 3);
    let page = scrape(&exporter);
    assert_eq!((successful(&page), page.value("own_two", &[])), (Some(0.0), Some(backend)));
    assert_eq!(exporter.get("/reload").unwrap().status, 405);

    write(&yaml("three"));
    exporter.signal("HUP").unwrap();
    let page = scrape_until(&exporter, "the signal's reload", |page| page.value("own_three", &[]).is_some());
    assert_eq!((successful(&page), page.value("own_three", &[])), (Some(1.0), Some(backend)));
    write(&yaml("four"));
    assert_eq!(reload("/-/reload").status, 200);
    let page = scrape(&exporter);
    assert_eq!(
        (page.value("own_four", &[]), page.value("pg_exporter_connections_opened_total", &[])),
        (Some(backend), Some(1.0))
    );
}
