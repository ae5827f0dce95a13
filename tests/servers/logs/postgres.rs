//! PostgreSQL's csvlog and jsonlog.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lab::{LabError, Major, Postgres};
use serde_json::Value;
use support::vector::{Pipeline, READ_AT};

const LIMIT: Duration = Duration::from_secs(30);

/// Several lines, quotes of both kinds, a comma and a backslash.
const STATEMENT: &str = "select 'it''s \"quoted\", \\ and\n\nlong'\nfrom nowhere_at_all";

#[test]
fn parses_csvlog_of_postgresql_14() {
    let log = Log::of(Major::V14, "csvlog");
    check(&log.events("postgres_csv", "csv"), &log.begun);
}

#[test]
fn csvlog_and_jsonlog_give_the_same_events() {
    let log = Log::of(Major::NEWEST, "csvlog,jsonlog");
    let json = log.events("postgres_json", "json");
    check(&json, &log.begun);
    let csv = log.events("postgres_csv", "csv");
    assert_eq!(csv.len(), json.len());
    for (csv, json) in comparable(csv).iter().zip(comparable(json)) {
        assert_eq!(*csv, json);
    }
}

/// The log of a server that has ended.
struct Log {
    server: Postgres,
    begun: String,
}

impl Log {
    fn of(major: Major, destination: &str) -> Log {
        let server = Postgres::builder(major)
            .setting("logging_collector", "on")
            .setting("log_destination", destination)
            .setting("log_directory", "log")
            .setting("log_filename", "postgresql.log")
            .setting("log_timezone", "UTC")
            .setting("log_min_duration_statement", "0")
            .setting("log_lock_waits", "on")
            .setting("deadlock_timeout", "50ms")
            .start();
        let mut server = server.unwrap();
        let now = r#"select to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS')"#;
        let begun = server.psql("postgres", now).unwrap();
        provoke(&server);
        server.stop().unwrap();
        Log { server, begun }
    }

    fn events(&self, source: &str, ending: &str) -> Vec<Value> {
        let file = self.server.data_dir().join(format!("log/postgresql.{ending}"));
        let bytes = whole(&file);
        let pipeline = Pipeline::of(source);
        let events = pipeline.read(&file, &bytes);
        let begins = bytes.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"2") || line.starts_with(b"{"));
        assert_eq!(events.len(), begins.count(), "events of {}", file.display());
        events
    }
}

/// The file, once the collector, which outlives the server, has written its end.
fn whole(file: &PathBuf) -> Vec<u8> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let bytes = std::fs::read(file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if text.ends_with('\n') && text.contains("database system is shut down") {
            return bytes;
        }
        assert!(Instant::now() < deadline, "no end of the log: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn provoke(server: &Postgres) {
    server.psql("postgres", STATEMENT).unwrap_err();
    server.psql("postgres", "create role reader password 'top,''secret'").unwrap();
    let mut over_tcp = server.bin("psql");
    over_tcp.env("PGHOST", "127.0.0.1").args(["-X", "-c", "select no_such_column", "postgres"]);
    assert!(!over_tcp.output().unwrap().status.success());
    let is_told = "position('still waiting'::bytea in pg_read_binary_file('log/postgresql.csv')) > 0";
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| session(server, &["select pg_advisory_lock(3)", &until(is_told)]));
        session(server, &[&until(&is_held(3)), "select pg_advisory_lock(3)"]).unwrap();
        holder.join().unwrap().unwrap();
    });
    // Each holds one lock and wants the other's, once that is held.
    let cross = |own: u8, other: u8| {
        let lock = |number: u8| format!("select pg_advisory_lock({number})");
        session(server, &[&lock(own), &until(&is_held(other)), &lock(other)])
    };
    let outcomes = std::thread::scope(|scope| {
        let one = scope.spawn(|| cross(1, 2));
        [cross(2, 1), one.join().unwrap()]
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1, "{outcomes:?}");
    server.psql("postgres", "create database bytes encoding 'SQL_ASCII' template template0").unwrap();
    let invalid = r"do $$ begin raise log '%', convert_from('\x41ff42'::bytea, 'SQL_ASCII'); end $$";
    server.psql("bytes", invalid).unwrap();
}

fn session(server: &Postgres, statements: &[&str]) -> Result<String, LabError> {
    server.psql("postgres", &statements.join(";\n"))
}

fn until(condition: &str) -> String {
    format!("do $$ begin while not {condition} loop perform pg_sleep(0.01); end loop; end $$")
}

fn is_held(lock: u8) -> String {
    format!("exists (select from pg_locks where locktype = 'advisory' and objid = {lock} and granted)")
}

fn check(events: &[Value], begun: &str) {
    for event in events {
        assert_ne!(event["timestamp"], READ_AT, "{event}");
        assert_ne!(event["severity"], "UNKNOWN", "{event}");
        for (label, value) in [("src", "postgres"), ("cls", "pg-main"), ("ins", "pg-main-1"), ("ip", "10.0.0.1")] {
            assert_eq!(event[label], value, "{event}");
        }
        assert!(event["pid"].as_str().unwrap().parse::<u32>().is_ok(), "{event}");
        assert!(!event.to_string().contains("secret"), "{event}");
    }
    let one = |field: &str, value: &str| {
        let mut found = events.iter().filter(|event| event[field].as_str().is_some_and(|text| text.contains(value)));
        let one = found.next().unwrap_or_else(|| panic!("no event whose {field} is {value}"));
        assert!(one["timestamp"].as_str().unwrap() >= begun || one["backend_type"] != "client backend", "{one}");
        one
    };
    let error = one("code", "42P01");
    assert_eq!(error["severity"], "ERROR");
    assert_eq!(error["message"], "relation \"nowhere_at_all\" does not exist");
    assert_eq!(error["query"], STATEMENT);
    for (field, value) in [("datname", "postgres"), ("user", "postgres"), ("application_name", "psql")] {
        assert_eq!(error[field], value, "{field}");
    }
    assert_eq!(error["remote_host"], "[local]");
    assert_eq!(one("code", "42703")["remote_host"], "127.0.0.1");
    let deadlock = one("code", "40P01");
    assert_eq!(deadlock["message"], "deadlock detected");
    assert_eq!(deadlock["severity"], "ERROR");
    assert!(deadlock["detail"].as_str().unwrap().contains("waits for"), "{deadlock}");
    let waiting = one("message", "still waiting for ExclusiveLock on advisory lock");
    assert_eq!(waiting["severity"], "LOG");
    assert!(one("message", "create role reader")["message"].as_str().unwrap().ends_with("password '***'"));
    assert_eq!(one("message", "A\u{fffd}B")["datname"], "bytes");
}

/// Without the name of the file, and by session: what two of them write at once may stand in either order.
fn comparable(mut events: Vec<Value>) -> Vec<Value> {
    for event in &mut events {
        event.as_object_mut().unwrap().remove("file");
    }
    let line = |event: &Value| event["session_line"].as_str().unwrap().parse::<u32>().unwrap();
    events.sort_by_key(|event| (event["session_id"].to_string(), line(event)));
    events
}
