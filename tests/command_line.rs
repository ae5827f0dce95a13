//! The command line: every flag in every spelling, the tasks, what errors say, the log, and that passwords stay secret.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use lab::{Exporter, Major, Postgres};

#[path = "command_line/flags.rs"]
mod flags;
#[path = "command_line/log.rs"]
mod log;
#[path = "command_line/secrets.rs"]
mod secrets;
mod support;
#[path = "command_line/tasks.rs"]
mod tasks;
#[path = "command_line/usage.rs"]
mod usage;

use support::binary;

/// One collector for every database, one that needs a tag.
const COLLECTORS: &str = "\
quick: { query: SELECT 1 AS one, ttl: norm, metrics: [ one: { usage: GAUGE, description: One } ] }
tagged: { query: SELECT 1 AS two, tags: [wanted], metrics: [ two: { usage: GAUGE, description: Two } ] }
";

/// Nothing listens there.
const DOWN: (&str, &str) = ("PG_EXPORTER_URL", "postgres://monitor@127.0.0.1:1/postgres");

/// Runs the program to its end, with no environment but this one.
fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary());
    command.env_clear().env("HOME", "/nonexistent").envs(env.iter().copied()).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What the program says about these arguments, which it must refuse.
fn refusal(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(args, env);
    assert_eq!(output.status.code(), Some(1), "{args:?} {env:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{args:?} {env:?}: {output:?}");
    err(&output)
}

/// The page of an exporter started this way, or why it did not start.
fn page(args: &[&str], env: &[(&str, &str)], path: &str) -> String {
    match Exporter::start(binary(), args, env) {
        Ok(exporter) => exporter.get(path).unwrap().text(),
        Err(error) => error.to_string(),
    }
}

/// Two databases, and a folder with [`COLLECTORS`] in `quick.yml`.
fn shop() -> (Postgres, tempfile::TempDir, PathBuf) {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database shop").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quick.yml");
    std::fs::write(&file, COLLECTORS).unwrap();
    (server, folder, file)
}
