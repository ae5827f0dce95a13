//! The mistakes that are made most, and what the program says: docs/reference/mistakes.md is written from here.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lab::{BouncerRelease, Major, PgBouncer, Postgres};
use support::golden::expect;
use support::{path, programs};

/// A mistake: what is done, the program and its arguments, and the environment.
struct Mistake {
    what: &'static str,
    program: &'static str,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

const HEAD: &str = "# Mistakes and messages

What is done by mistake most often, and what the program prints. Written by a test that makes each
mistake: `make bless` writes it again.

| mistake | message |
|---|---|
";

#[test]
fn each_mistake_has_a_message_that_says_what_to_do() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create role nobody login password 'nobody-secret'").unwrap();
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST).database("postgres", &server, "").start().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, console) = (server.port().to_string(), pooler.port().to_string());
    let listener = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let folder_name = folder.path().display().to_string();
    let replaced = [(&*port, "5432"), (&*console, "6432"), (&*listener, "9630"), (&*folder_name, "/etc/pg_exporter")];
    let good = format!("postgres://monitor:monitor-secret@127.0.0.1:{port}/postgres");
    let mut page = HEAD.to_owned();
    for mistake in mistakes(&server, &pooler, &good, &listener, folder.path()) {
        let message = mistake.message(&replaced);
        page.push_str(&format!("| {} | `{message}` |\n", mistake.what));
    }
    assert!(page.lines().count() > 25, "{page}");
    assert!(!page.contains("secret") && !page.contains("RUST_BACKTRACE"), "{page}");
    expect(&path("docs/reference/mistakes.md"), &page);
}

fn mistakes(server: &Postgres, pooler: &PgBouncer, good: &str, taken: &str, folder: &Path) -> Vec<Mistake> {
    let file = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let url = |what: &'static str, url: String| Mistake::new(what, &["explain"]).with("PG_EXPORTER_URL", url);
    let host = format!("127.0.0.1:{}", server.port());
    let of = |user: &str, rest: &str| format!("postgres://{user}@{host}{rest}");
    let flag = |what, arguments: &[&str]| Mistake::new(what, arguments).with("PG_EXPORTER_URL", good.to_owned());
    vec![
        url("nothing listens on the port", "postgres://monitor@127.0.0.1:1/postgres".into()),
        url("`host:port` in place of a URL", host.clone()),
        url("a JDBC URL", format!("jdbc:postgresql://{host}/postgres")),
        url("an `http:` URL", format!("http://{host}")),
        url("quotes from an environment file", format!("\"{good}\"")),
        url("a wrong password", of("monitor:wrong", "/postgres")),
        url("no password", of("monitor", "/postgres")),
        url("a role that does not exist", of("monitr:monitor-secret", "/postgres")),
        url("no database in the URL", of("monitor:monitor-secret", "")),
        url("a database that does not exist", of("monitor:monitor-secret", "/shop")),
        url("a misspelt parameter of the URL", of("monitor:monitor-secret", "/postgres?sslmod=require")),
        url("a setting that the server does not have", of("monitor:monitor-secret", "/postgres?work_memory=4MB")),
        url("TLS required of a server without it", of("monitor:monitor-secret", "/postgres?sslmode=require")),
        url("a role that is not a member of pg_monitor", of("nobody:nobody-secret", "/postgres")),
        url("PgBouncer’s console read by pg-exporter", pooler.url("monitor", "pgbouncer")),
        Mistake { program: "pgbouncer-exporter", ..url("PostgreSQL read by pgbouncer-exporter", good.to_owned()) },
        Mistake::new("a password file that is not there", &["explain"])
            .with("PG_EXPORTER_URL_FILE", folder.join("url").display().to_string()),
        Mistake::new("`KEY=` before the URL in its file", &["explain"])
            .with("PG_EXPORTER_URL_FILE", file("with-key", &format!("PG_EXPORTER_URL={good}\n"))),
        Mistake::new("only `DATABASE_URL` is set", &["explain"])
            .with("DATABASE_URL", good.to_owned())
            .with("PGHOST", folder.display().to_string()),
        flag("a wrong value in a variable", &["explain"]).with("PG_EXPORTER_CACHE_TTLS", "fast".into()),
        flag("a flag of postgres_exporter", &["--extend.query-path=queries.yaml"]),
        flag("postgres_exporter’s queries.yaml as collectors", &["check", &file("queries.yaml", QUERIES)]),
        flag("a collector folder that is not there", &["--config", "/nonexistent"]),
        flag("a misspelt key in a collector", &["check", &file("typo.yml", TYPO)]),
        flag("a query that the server refuses", &["check", "--server", &file("query.yml", QUERY)]),
        flag("a port that is taken", &[&format!("--web.listen-address=127.0.0.1:{taken}")]),
    ]
}

const TYPO: &str = "pg_x:\n  query: select 1 as n\n  metric:\n    - n: { usage: GAUGE }\n";
const QUERIES: &str = "pg_x:\n  query: select 1 as n\n  master: true\n  metrics:\n    - n: { usage: GAUGE }\n";
const QUERY: &str = "pg_x:\n  query: select n from orders\n  metrics:\n    - n: { usage: GAUGE }\n";

impl Mistake {
    fn new(what: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Mistake { what, program: "pg-exporter", arguments, environment: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.environment.push((name, value));
        self
    }

    /// The line that says what is wrong, with what differs from run to run replaced.
    fn message(&self, replaced: &[(&str, &str)]) -> String {
        let mut command = Command::new(programs().join(self.program));
        command.env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
        let output = command.envs(self.environment.iter().cloned()).args(&self.arguments).output().unwrap();
        assert!(!output.status.success() || self.what.contains("pg_monitor"), "{}: {output:?}", self.what);
        let message = said(&output).unwrap_or_else(|| panic!("{}: {output:?}", self.what));
        let message = replaced.iter().fold(message, |message, (from, to)| message.replace(from, to));
        message.replace('|', "\\|").trim().to_owned()
    }
}

/// Why it did not start, or what it warns of, or of a server: why it is down, what it lacks, what fails.
fn said(output: &Output) -> Option<String> {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let line = |mark: &str| out.lines().find_map(|line| Some(line.split_once(mark)?.1.to_owned()));
    let down = line("# down: ").and_then(|line| Some(line.rsplit_once(", ")?.0.to_owned()));
    let failed = || Some(out.split_once("# needs attention\n")?.1.lines().next()?.to_owned());
    let is_error = |line: &&str| !line.trim().is_empty() && !line.starts_with("ts=");
    let is_told = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more information");
    let refused: Vec<&str> = err.lines().filter(is_error).filter(is_told).map(str::trim).collect();
    if !refused.is_empty() {
        return Some(refused.join("` `").trim_start_matches("error: ").to_owned());
    }
    let warned = err.lines().find(|line| line.contains("DATABASE_URL"));
    let warned =
        warned.and_then(|line| Some(line.split_once("message=\"")?.1.trim_end_matches('"').replace("\\'", "'")));
    warned
        .or(down)
        .or_else(|| {
            out.lines().find(|line| line.contains("pg_monitor")).map(|line| line.trim_start_matches("# ").to_owned())
        })
        .or_else(failed)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
