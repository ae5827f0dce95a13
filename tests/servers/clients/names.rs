//! Names that would forge lines, command a terminal or turn round what stands beside them.

use std::process::Command;

use lab::{Exporter, Major, Postgres};
use support::outcome::{collectors, scrape_until};
use support::{binary, scrape};

/// Each of these is a database's name.
const NAMES: &[(&str, &str)] = &[
    ("shop\n## database forged, the main database", r"shop\n## database forged, the main database"),
    ("gnp\u{202e}exe.bak", r"gnp\u{202e}exe.bak"),
    ("red\u{1b}[31m\u{7}\u{9b}2J", r"red\u{1b}[31m\u{7}\u{9b}2J"),
    ("split\u{2028}cr\rtab\t", r"split\u{2028}cr\rtab\t"),
    ("iso\u{2066}late\u{200b}d", r"iso\u{2066}late\u{200b}d"),
];

/// What none of the texts may hold.
fn assert_visible(what: &str, text: &str) {
    let raw = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(|c| raw(*c)), None, "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("## database forged")), "{what}: {text}");
}

fn server() -> Postgres {
    let server = Postgres::start(Major::NEWEST).unwrap();
    for (name, _) in NAMES {
        server.psql("postgres", &format!("create database \"{name}\"")).unwrap();
    }
    server
}

/// One that tells a name in its error, one whose error is in the hands of a database.
const COLLECTORS: &str = r#"
bad: { query: "SELECT current_database()::int AS n", metrics: [ n: { usage: GAUGE } ] }
odd: { query: "SELECT current_database() AS n", metrics: [ n: { usage: GAUGE } ] }
"#;

#[test]
fn names_are_escaped_on_every_page_and_in_the_log() {
    let server = server();
    let config = collectors(COLLECTORS);
    let url = server.url("monitor", "postgres");
    for format in ["logfmt", "json"] {
        let format = format!("--log.format={format}");
        let args = ["--config", config.path().to_str().unwrap(), "--log.level=debug", &format];
        let exporter = Exporter::start(binary(), &args, &[("PG_EXPORTER_URL", &url)]).unwrap();
        let all_read = |page: &support::Page| {
            let labels = |name| [("collector", "bad"), ("datname", name), ("reason", "sql")];
            NAMES.iter().all(|(name, _)| page.value("pg_exporter_collector_errors_total", &labels(name)).is_some())
        };
        scrape_until(&exporter, "every database is read", all_read);
        for path in ["/", "/explain", "/stat", "/version", "/up", "/nothing"] {
            let text = exporter.get(path).unwrap().text();
            assert_visible(path, &text);
            if ["/", "/explain", "/stat"].contains(&path) {
                for (_, shown) in NAMES {
                    assert!(text.contains(shown), "{path}: {shown}: {text}");
                }
            }
        }
        let log = exporter.log();
        assert_visible("log", &log);
        assert!(log.contains("202e"), "{log}");
        if format.ends_with("json") {
            for line in log.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
        // On the page of metrics they are what they are.
        let page = scrape(&exporter);
        assert!(NAMES.iter().all(|(name, _)| page.text.contains(&name.replace('\n', "\\n"))));
    }
}

#[test]
fn names_are_escaped_in_a_terminal() {
    let server = server();
    let config = collectors(COLLECTORS);
    let config = config.path().to_str().unwrap();
    let run = |args: &[&str]| {
        let url = server.url("monitor", "postgres");
        let mut command = Command::new(binary());
        command.env_clear().env("PG_EXPORTER_URL", url);
        let output = command.args(["--config", config]).args(args).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_visible("standard output", &out);
        assert_visible("standard error", &err);
        (out, err)
    };
    let (out, _) = run(&["explain"]);
    for (_, shown) in NAMES {
        assert!(out.contains(shown), "{shown}: {out}");
    }
    // What a server says in its refusal, which quotes the name.
    let name = "no%0Apg-exporter:%20all%20is%20well%E2%80%AE%1B%5B2J";
    let gone = server.url("monitor", "postgres").replace("/postgres?", &format!("/{name}?"));
    let (_, err) = run(&["--fail-fast", "--url", &gone]);
    assert!(err.contains(r"no\npg-exporter: all is well\u{202e}\u{1b}[2J"), "{err}");
    assert!(!err.lines().any(|line| line.starts_with("pg-exporter: all is well")), "{err}");
}
