//! PgBouncer's log file.

use lab::{BouncerRelease, Major, PgBouncer, Postgres};
use support::vector::{Pipeline, READ_AT};

#[test]
fn parses_logs_of_every_pgbouncer_release() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let pipeline = Pipeline::of("pgbouncer");
    for release in BouncerRelease::ALL {
        let pooler = PgBouncer::builder(release).database("app", &server, "").start().unwrap();
        pooler.psql("app", "app", "select 1").unwrap();
        pooler.psql("nobody", "app", "select 1").unwrap_err();
        let bytes = std::fs::read(pooler.process().log_file()).unwrap();
        let events = pipeline.read(pooler.process().log_file(), &bytes);
        assert_eq!(events.len(), bytes.iter().filter(|byte| **byte == b'\n').count());
        for event in &events {
            assert_eq!((&event["src"], &event["cls"]), (&"pgbouncer".into(), &"pg-main".into()), "{event}");
            assert_ne!(event["timestamp"], READ_AT, "{event}");
            assert_eq!(event["pid"], pooler.process().pid().to_string(), "{event}");
        }
        let of = |user: &str, words: &str| {
            let is_wanted = |event: &&serde_json::Value| {
                event["user"] == user && event["message"].as_str().unwrap().contains(words)
            };
            let found = events.iter().find(is_wanted);
            found.unwrap_or_else(|| panic!("{release}: no {words:?} of {user} in {events:#?}"))
        };
        let client = of("app", "login attempt");
        for (field, value) in [("side", "C"), ("datname", "app"), ("remote_host", "127.0.0.1"), ("severity", "LOG")] {
            assert_eq!(client[field], value, "{client}");
        }
        assert_eq!(of("postgres", "new connection to server")["side"], "S");
        assert_eq!(of("nobody", "pooler error")["severity"], "WARNING");
    }
}
