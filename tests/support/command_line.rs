//! The command line of pg-exporter, and what it says.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use lab::{Exporter, Major, Postgres};

use super::binary;

/// One collector for every database, one that needs a tag.
pub const COLLECTORS: &str = "\
quick: { query: SELECT 1 AS one, ttl: norm, metrics: [ one: { usage: GAUGE, description: One } ] }
tagged: { query: SELECT 1 AS two, tags: [wanted], metrics: [ two: { usage: GAUGE, description: Two } ] }
";

/// Runs the program to its end, with no environment but this one.
pub fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary());
    command.env_clear().env("HOME", "/nonexistent").envs(env.iter().copied()).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// What was written to standard output.
pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What was written to standard error.
pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What the program says about these arguments, which it must refuse.
pub fn refusal(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(args, env);
    assert_eq!(output.status.code(), Some(1), "{args:?} {env:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{args:?} {env:?}: {output:?}");
    err(&output)
}

/// The page of an exporter started this way, or why it did not start.
pub fn page(args: &[&str], env: &[(&str, &str)], path: &str) -> String {
    match Exporter::start(binary(), args, env) {
        Ok(exporter) => exporter.get(path).unwrap().text(),
        Err(error) => error.to_string(),
    }
}

/// Two databases, and a folder with [`COLLECTORS`] in `quick.yml`.
pub fn shop() -> (Postgres, tempfile::TempDir, PathBuf) {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database shop").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quick.yml");
    std::fs::write(&file, COLLECTORS).unwrap();
    (server, folder, file)
}

/// A flag with a value: its names, and what is to be seen when it has this value and not otherwise.
pub struct Valued<'a> {
    pub long: &'a str,
    pub short: &'a str,
    pub variable: &'a str,
    pub value: &'a str,
    pub shows: &'a str,
}

impl Valued<'_> {
    /// Looks at the effect of the flag in each of its forms; `look` gives what these arguments and variables lead to.
    pub fn check(&self, look: impl Fn(&[&str], &[(&str, &str)]) -> String) {
        let Valued { long, short, variable, value, shows } = self;
        let sees = |args: &[&str], env: &[(&str, &str)], expected: bool| {
            let seen = look(args, env);
            assert_eq!(seen.contains(shows), expected, "{args:?} {env:?}, looking for {shows:?}:\n{seen}");
        };
        sees(&[], &[], false);
        sees(&[&format!("--{long}"), value], &[], true);
        sees(&[&format!("--{long}={value}")], &[], true);
        if !short.is_empty() {
            sees(&[short, value], &[], true);
            sees(&[&format!("{short}{value}")], &[], true);
            sees(&[&format!("{short}={value}")], &[], true);
        }
        if !variable.is_empty() {
            sees(&[], &[(variable, value)], true);
            sees(&[], &[(variable, "")], false);
        }
    }
}

/// A flag that is true or false, and what is to be seen when it is true and not otherwise.
pub struct Switch<'a> {
    pub long: &'a str,
    pub short: &'a str,
    pub variable: &'a str,
    pub default: bool,
    pub shows: &'a str,
}

impl Switch<'_> {
    /// Looks at its effect in each of its forms.
    pub fn check(&self, look: impl Fn(&[&str], &[(&str, &str)]) -> String) {
        let Switch { long, short, variable, default, shows } = self;
        let sees = |args: &[&str], env: &[(&str, &str)], expected: bool| {
            let seen = look(args, env);
            assert_eq!(seen.contains(shows), expected, "{args:?} {env:?}, looking for {shows:?}:\n{seen}");
        };
        sees(&[], &[], *default);
        sees(&[&format!("--{long}")], &[], true);
        sees(&[&format!("--no-{long}")], &[], false);
        sees(&[&format!("--{long}=false")], &[], false);
        if !short.is_empty() {
            sees(&[short], &[], true);
            sees(&[&format!("{short}=false")], &[], false);
        }
        if !variable.is_empty() {
            sees(&[], &[(variable, "t")], true);
            sees(&[], &[(variable, "F")], false);
            sees(&[], &[(variable, "")], *default);
            // The flag wins over the variable.
            sees(&[&format!("--no-{long}")], &[(variable, "true")], false);
            sees(&[&format!("--{long}")], &[(variable, "false")], true);
        }
    }
}
