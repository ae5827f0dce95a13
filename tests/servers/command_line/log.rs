//! The log: its forms and its levels.

use std::collections::BTreeSet;

use lab::{Exporter, Major, Postgres};
use serde_json::Value;
use support::{binary, until};

/// The fields of a line of logfmt, or none if it is not one.
fn logfmt(line: &str) -> Option<Vec<(String, String)>> {
    let (mut fields, mut rest) = (Vec::new(), line);
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let end = if after.starts_with('"') {
            let mut escaped = false;
            let closing = after.char_indices().skip(1).find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            closing?.0 + 1
        } else {
            after.find(' ').unwrap_or(after.len())
        };
        if key.is_empty() || key.contains([' ', '"']) || after[..end].trim_matches('"').contains('\n') {
            return None;
        }
        fields.push((key.to_owned(), after[..end].trim_matches('"').to_owned()));
        rest = after[end..].strip_prefix(' ').unwrap_or(&after[end..]);
    }
    Some(fields)
}

/// Level and message of each line of a log.
fn lines(log: &str, format: &str) -> Vec<(String, String)> {
    let of = |line: &str| {
        if format == "json" {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(line["timestamp"].is_string(), "{line}");
            return (line["level"].as_str().unwrap().to_lowercase(), line["message"].as_str().unwrap().to_owned());
        }
        let fields = logfmt(line).unwrap_or_else(|| panic!("not logfmt: {line}"));
        let field =
            |name| fields.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name}: {line}")).1.clone();
        assert!(!field("ts").is_empty());
        (field("level"), field("message"))
    };
    log.lines().map(of).collect()
}

#[test]
fn log_has_the_configured_format_and_level() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.yml");
    // Its error holds quotes and an equals sign.
    std::fs::write(
        &bad,
        "bad: { query: 'SELECT 1 AS a FROM \"no = \"\"such\"\" table\"', metrics: [ a: { usage: GAUGE } ] }\n",
    )
    .unwrap();
    let server = Postgres::start(Major::NEWEST).unwrap();
    let url = server.url("monitor", "postgres");
    for (level, format, heard) in [
        ("debug", "logfmt", &["debug", "info", "warn"][..]),
        ("debug", "json", &["debug", "info", "warn"]),
        ("info", "logfmt", &["info", "warn"]),
        ("warn", "json", &["warn"]),
        ("error", "logfmt", &[]),
        ("loud", "xml", &["info", "warn"]),
    ] {
        let (level_flag, format_flag) = (format!("--log.level={level}"), format!("--log.format={format}"));
        let args = [&level_flag, &format_flag, "--config", bad.to_str().unwrap()];
        let exporter = Exporter::start(binary(), &args, &[("PG_EXPORTER_URL", &url)]).unwrap();
        let failing =
            |page: String| page.contains("pg_exporter_collector_success{collector=\"bad\",datname=\"postgres\"} 0");
        // The second failure in a row is of interest only to who debugs.
        for _ in 0..2 {
            until("a failure", || failing(exporter.get("/metrics").unwrap().text()));
        }
        let found = lines(&exporter.log(), if format == "json" { "json" } else { "logfmt" });
        let levels: BTreeSet<&str> = found.iter().map(|(level, _)| level.as_str()).collect();
        assert_eq!(levels, heard.iter().copied().collect(), "{level} {format}: {}", exporter.log());
        let has = |message: &str| found.iter().any(|(_, text)| text == message);
        assert_eq!(has("started"), heard.contains(&"info"), "{level}");
        assert_eq!(has("collector failed"), heard.contains(&"warn"), "{level}");
        // Libraries do not chime in.
        for word in ["tokio_postgres", "rustls", "hyper", ".cargo"] {
            assert!(!exporter.log().contains(word), "{}", exporter.log());
        }
    }
}

/// A person who starts the exporter sees at once whether it reads the server, before anybody scrapes.
#[test]
fn the_state_of_the_server_is_logged_at_the_start() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let logged = |url: &str, what: &str| {
        let exporter = Exporter::start(binary(), &[], &[("PG_EXPORTER_URL", url)]).unwrap();
        until(what, || exporter.log().contains(what));
        exporter.log()
    };
    let up = logged(&server.url("monitor", "postgres"), "server is up");
    assert!(up.contains("role=primary version=1"), "{up}");
    let wrong = server.url("monitor", "postgres").replace(":monitor-secret@", ":wrong@");
    let down = logged(&wrong, "server is down");
    assert!(down.contains("reason=auth") && !down.contains("wrong@"), "{down}");
}
