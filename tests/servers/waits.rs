//! Seconds of sessions from samples, held against a load whose seconds are known.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lab::{Exporter, Major, Postgres};
use postgres::{Client, NoTls};
use support::outcome::{collectors, scrape_until};
use support::{LIMIT, Page, exporter, path, scrape};

/// How far the samples may be from the truth.
const TOLERANCE: f64 = 0.05;

const SECONDS: &str = "pg_session_seconds_total";

/// An exporter that samples sessions so often and does nothing else: scrapes of all collectors, one after another, would
/// leave the connection to samples less often than that.
fn sampling(server: &Postgres, seconds: f64) -> Exporter {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pg_session_seconds.yml", "pg_session_sample.sql"] {
        let text = std::fs::read_to_string(path("collectors/pg").join(name)).unwrap();
        let text = text.replace("\n  sample: 1\n", &format!("\n  sample: {seconds}\n"));
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let exporter = exporter(server, "postgres", &[&format!("--config={}", folder.path().display())]);
    scrape_until(&exporter, "samples", |page| taken(page) > 3.0);
    exporter
}

/// How many samples were taken.
fn taken(page: &Page) -> f64 {
    page.value("pg_exporter_samples_total", &[("collector", "pg_session_seconds")]).unwrap_or_default()
}

fn client(server: &Postgres) -> Client {
    Client::connect(&server.url("postgres", "postgres"), NoTls).unwrap()
}

/// How long a statement of a session of its own takes.
fn timed(server: &Postgres, sql: &str) -> JoinHandle<Duration> {
    let (mut client, sql) = (client(server), sql.to_owned());
    std::thread::spawn(move || {
        let begun = Instant::now();
        client.batch_execute(&sql).unwrap();
        begun.elapsed()
    })
}

/// The sum of all samples with these labels.
fn sum(page: &Page, name: &str, labels: &[(&str, &str)]) -> f64 {
    page.samples(name, labels).iter().map(|sample| sample.value).sum()
}

fn assert_within(what: &str, found: f64, expected: f64, resolution: f64) {
    let allowed = (expected * TOLERANCE).max(2.0 * resolution);
    assert!((found - expected).abs() <= allowed, "{what}: {found} s of {expected} s");
}

/// Two sessions wait for a row of one that is idle in transaction, the second of them behind the first; one sleeps: each for
/// so many seconds.
fn seconds_are_met(major: Major, sample: f64, load: Duration) {
    let server = Postgres::start(major).unwrap();
    server.psql("postgres", "create table t (id int); insert into t values (1)").unwrap();
    let exporter = sampling(&server, sample);
    let mut holder = client(&server);
    holder.batch_execute("begin; update t set id = 2").unwrap();
    let held = Instant::now();
    let waiters = [(); 2].map(|()| timed(&server, "set application_name = 'worker'; update t set id = 3"));
    let sleeper = timed(&server, &format!("select pg_sleep({})", load.as_secs_f64()));
    server.wait_for("select count(*) = 2 from pg_locks where not granted", LIMIT).unwrap();
    let slept = sleeper.join().unwrap().as_secs_f64();
    holder.batch_execute("commit").unwrap();
    let held = held.elapsed().as_secs_f64();
    let waited: f64 = waiters.map(|waiter| waiter.join().unwrap().as_secs_f64()).iter().sum();
    // The sample after the end, and the page after that.
    let before = taken(&scrape(&exporter));
    scrape_until(&exporter, "another sample", |page| taken(page) > before);
    let page = scrape(&exporter);
    page.assert_clean(&format!("{major}"));
    let of = |state, wait_event_type| [("datname", "postgres"), ("state", state), ("wait_event_type", wait_event_type)];
    assert_within("locks", sum(&page, SECONDS, &of("active", "Lock")), waited, sample);
    assert_within("sleep", sum(&page, SECONDS, &[("wait_event", "PgSleep")]), slept, sample);
    assert_within("idle in transaction", sum(&page, SECONDS, &of("idle in transaction", "Client")), held, sample);
    // To sleep is no load.
    for name in ["query", "user", "application"] {
        let load = sum(&page, &format!("pg_session_{name}_seconds_total"), &[]);
        assert_within(name, load, waited, 3.0 * sample);
    }
    assert_within(
        "worker",
        sum(&page, "pg_session_application_seconds_total", &[("application_name", "worker")]),
        waited,
        sample,
    );
    let blocked = [("datname", "postgres"), ("state", "idle in transaction")];
    assert_within("blocker", sum(&page, "pg_session_blocker_seconds_total", &blocked), waited, sample);
    // What waits, and what blocks it, are statements that pg_query knows; one that is being parsed is not known yet.
    let nameless = [("wait_event_type", "Lock"), ("query", "")];
    assert!(page.samples("pg_session_query_seconds_total", &nameless).is_empty(), "{}", page.text);
    assert!(page.samples("pg_session_blocker_seconds_total", &[("query", "")]).is_empty(), "{}", page.text);
    assert!(sum(&page, "pg_exporter_connections_opened_total", &[]) <= 2.0, "{}", page.text);
}

#[test]
fn known_seconds_are_met_within_5_percent() {
    std::thread::scope(|scope| {
        for major in [Major::V14, Major::NEWEST] {
            scope.spawn(move || seconds_are_met(major, 0.1, Duration::from_secs(8)));
        }
    });
}

#[test]
#[ignore = "takes a minute: make majors"]
fn known_seconds_are_met_within_5_percent_over_a_minute() {
    std::thread::scope(|scope| {
        for major in [Major::V14, Major::NEWEST] {
            scope.spawn(move || seconds_are_met(major, 1.0, Duration::from_secs(60)));
        }
    });
}

#[test]
fn standbys_are_sampled_before_and_after_their_promotion() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    let standby = primary.standby("standby").unwrap();
    let exporter = sampling(&standby, 0.1);
    let sleeper = timed(&standby, "select pg_sleep(6)");
    let slept = |page: &Page| sum(page, SECONDS, &[("wait_event", "PgSleep")]);
    scrape_until(&exporter, "a sleeper on the standby", |page| slept(page) >= 1.0);
    standby.promote().unwrap();
    let expected = sleeper.join().unwrap().as_secs_f64();
    let page = scrape_until(&exporter, "the role", |page| page.value("pg_in_recovery", &[]) == Some(0.0));
    page.assert_clean("promoted");
    scrape_until(&exporter, "all of it", |page| slept(page) >= expected * (1.0 - TOLERANCE));
    assert_within("sleep", slept(&scrape(&exporter)), expected, 0.1);
}

#[test]
fn a_restart_of_the_server_adds_no_seconds() {
    let mut server = Postgres::start(Major::NEWEST).unwrap();
    let exporter = sampling(&server, 0.1);
    let slept = |page: &Page| sum(page, SECONDS, &[("wait_event", "PgSleep")]);
    for seconds in [2.0, 4.0] {
        let sleeper = timed(&server, "select pg_sleep(2)");
        scrape_until(&exporter, "a sleeper", |page| slept(page) > seconds - 2.0);
        sleeper.join().unwrap();
        let before = taken(&scrape(&exporter));
        scrape_until(&exporter, "another sample", |page| taken(page) > before);
        assert_within("sleep", slept(&scrape(&exporter)), seconds, 0.2);
        if seconds < 4.0 {
            server.stop().unwrap();
            scrape_until(&exporter, "the server is down", |page| page.value("pg_up", &[]) == Some(0.0));
            server.start_again().unwrap();
            scrape_until(&exporter, "the server is up", |page| page.value("pg_up", &[]) == Some(1.0));
        }
    }
}

#[test]
fn a_slow_sample_backs_off_and_one_connection_is_enough() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let file = collectors(
        "slow: { query: \"SELECT 1 AS n FROM pg_catalog.pg_sleep(0.1)\", sample: 0.5, tags: [cluster], metrics: [ n: { usage: COUNTER } ] }",
    );
    let exporter =
        exporter(&server, "postgres", &[&format!("--config={}", file.path().display()), "--max-connections=1"]);
    let interval = |page: &Page| page.value("pg_exporter_sample_interval_seconds", &[("collector", "slow")]);
    let page = scrape_until(&exporter, "a longer interval", |page| interval(page) >= Some(1.0));
    assert_eq!(page.value("pg_exporter_connections_opened_total", &[]), Some(1.0), "{}", page.text);
}

#[test]
fn sampling_can_be_switched_off() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-sampling"]);
    let page = scrape(&exporter);
    page.assert_clean("off");
    assert!(!page.text.contains("\npg_session_seconds_total"), "{}", page.text);
    let explained = exporter.get("/explain").unwrap().text();
    assert!(explained.contains("not planned: sampling is off (--disable-sampling)"), "{explained}");
}
