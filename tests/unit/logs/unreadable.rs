//! What no program can read is shipped all the same.

use std::path::Path;

use support::vector::{Pipeline, READ_AT};

const SOURCES: [&str; 5] = ["postgres_json", "postgres_csv", "patroni", "pgbouncer", "pgbackrest"];

#[test]
fn unparsed_lines_keep_their_text() {
    let lines: [&[u8]; 10] = [
        b"",
        b"   ",
        b"{",
        b"[1]",
        b"5",
        b"null",
        b"some words",
        b"\xff\xfe",
        br#"{"timestamp":"2026-11-23 03:17:41.658 UTC","pid":7,"error_severity":"ERROR","message":"relat"#,
        br#"{"timestamp":"2026-11-23 03:17:41.658 UTC","pid":7}"#,
    ];
    for source in SOURCES {
        let events = Pipeline::of(source).read(Path::new("/var/log/some.log"), &lines.join(&b'\n'));
        assert_eq!(events.len(), lines.len(), "{source}");
        for (event, line) in events.iter().zip(lines) {
            assert_eq!(event["message"], *String::from_utf8_lossy(line), "{source}");
            assert_eq!(event["severity"], "UNKNOWN", "{source}: {event}");
            assert_eq!(event["timestamp"], READ_AT, "{source}: {event}");
            assert_eq!(event["cls"], "pg-main", "{source}: {event}");
            assert_eq!(event["file"], "/var/log/some.log", "{source}: {event}");
        }
    }
}

#[test]
fn shifted_columns_leave_the_severity_unknown() {
    let line = format!("2026-11-23 03:17:42.000 UTC{}", ",".repeat(25));
    let events = Pipeline::of("postgres_csv").read(Path::new("a.csv"), line.as_bytes());
    assert_eq!(events[0]["severity"], "UNKNOWN", "{}", events[0]);
    assert_eq!(events[0]["timestamp"], "2026-11-23T03:17:42Z");
}

#[test]
fn truncated_lines_keep_the_parsed_fields() {
    let cut = br#"2026-11-23 03:17:41.658 UTC,"app","shop",7,"[local]",6742.7,1,"SELECT",2026-11-23 03:17:41 UTC,3/4,0,ERROR"#;
    let next = br#"2026-11-23 03:17:42.000 UTC,"app","shop",8,"[local]",6742.8,1,"SELECT",2026-11-23 03:17:41 UTC,3/4,0,LOG,00000,"well",,,,,,,,,"psql","client backend",,0"#;
    let events = Pipeline::of("postgres_csv").read(Path::new("a.csv"), &[&cut[..], next].join(&b'\n'));
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["message"], *String::from_utf8_lossy(cut));
    assert_eq!(events[0]["src"], "postgres");
    assert_eq!((&events[1]["message"], &events[1]["pid"]), (&"well".into(), &"8".into()));
}

#[test]
fn timestamps_keep_their_zone_or_use_ingestion_time() {
    for (written, meant) in [
        ("2026-11-23 03:17:41.658 UTC", "2026-11-23T03:17:41.658Z"),
        ("2026-11-23 03:17:41.658 GMT", "2026-11-23T03:17:41.658Z"),
        ("2026-11-23 03:17:41.658 +03", "2026-11-23T00:17:41.658Z"),
        ("2026-11-23 03:17:41.658 -0330", "2026-11-23T06:47:41.658Z"),
        ("2026-11-23 03:17:41.658 CET", "2026-11-23T03:17:41.658Z"),
        ("2026-02-30 03:17:41.658 UTC", READ_AT),
    ] {
        let line = format!(r#"{{"timestamp":"{written}","error_severity":"LOG","message":"m"}}"#);
        let events = Pipeline::of("postgres_json").read(Path::new("a.json"), line.as_bytes());
        assert_eq!(events[0]["timestamp"], meant, "{written}");
        assert_eq!(events[0]["message"], "m");
    }
}

#[test]
fn patroni_traceback_is_one_event() {
    let text = "\
2026-11-23 03:17:41,658 ERROR: Exception when working with leader
Traceback (most recent call last):
  File \"patroni/dcs/etcd3.py\", line 1, in wrapper
ConnectionError: refused
2026-11-23 03:17:42,001 CRITICAL: system ID mismatch
";
    let events = Pipeline::of("patroni").read(Path::new("patroni.log"), text.as_bytes());
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["severity"], "ERROR");
    assert_eq!(events[0]["timestamp"], "2026-11-23T03:17:41.658Z");
    assert!(events[0]["message"].as_str().unwrap().ends_with("ConnectionError: refused"));
    assert_eq!(events[1]["severity"], "FATAL");
}

/// VictoriaLogs and Loki drop what is longer than 256 KiB by default.
#[test]
fn long_statements_are_truncated() {
    let line = format!(r#"{{"error_severity":"LOG","message":"{}"}}"#, "x".repeat(1 << 20));
    let events = Pipeline::of("postgres_json").read(Path::new("a.json"), line.as_bytes());
    let message = events[0]["message"].as_str().unwrap();
    assert!(message.len() < 70_000 && message.ends_with("x…"), "{}", message.len());
}
