//! A page as one script.

use std::fmt::Write as _;

use super::page::{Page, Step};

/// What a page takes for granted, done before its first command.
const BEFORE: [(&str, &str); 5] = [
    // That an exporter was installed and runs.
    ("docs/guide/first-scrape.md", "PG_EXPORTER_URL=postgres://monitor:secret@db1.example/postgres pg-exporter"),
    (
        "docs/guide/migrate.md",
        "cp -r collectors/pg /etc/pg_exporter
echo 'own: { query: select 1 as n, metrics: [ n: { usage: GAUGE, description: One } ] }' >queries.yaml",
    ),
    ("docs/guide/pgbouncer.md", "echo postgres://monitor:secret@127.0.0.1:6432/ >/etc/pgbouncer-targets"),
    // That Pigsty runs its exporter; ours stands in for it.
    (
        "docs/guide/pigsty.md",
        "cat collectors/pg/pg_wal.yml >/etc/pg_exporter.yml
cat collectors/pgbouncer/*.yml >/etc/pgbouncer_exporter.yml
echo PG_EXPORTER_URL=postgres://monitor:secret@db1.example/postgres >/etc/default/pg_exporter",
    ),
    (
        "docs/operations.md",
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=root -keyout root.key -out root.crt 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=db1.example -keyout server.key -out server.csr 2>/dev/null",
    ),
];

/// Programs in the background end with the page.
const BEGIN: &str = "\
set -euo pipefail
exec 2>&1
trap 'kill $(jobs -p) $(cat running/* 2>/dev/null) 2>/dev/null || :' EXIT
";

/// The page's steps, one after another; the first that fails ends it. In front of each stands where it is from.
pub fn of(page: &Page) -> String {
    let mut script = BEGIN.to_owned();
    for (_, text) in BEFORE.iter().filter(|(name, _)| *name == page.name) {
        add(&mut script, &page.name, 0, &command(text));
    }
    for step in &page.steps {
        match step {
            Step::File { path, text } => {
                let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
                writeln!(script, "mkdir -p {folder}\ncat >>{path} <<'END'\n{text}END").unwrap();
            }
            Step::Script { line, text } => add(&mut script, &page.name, *line, text),
            Step::Command { line, text } => add(&mut script, &page.name, *line, &command(text)),
        }
    }
    script
}

fn add(script: &mut String, page: &str, line: usize, text: &str) {
    writeln!(script, "echo '>> {page}:{line}'\n{}", text.trim_end()).unwrap();
}

/// A command at a prompt. An exporter goes to the background by itself, so that the next command finds it ready.
fn command(text: &str) -> String {
    let text = text.trim_end();
    let foreground = text.strip_suffix(" &").unwrap_or(text);
    // What writes to head may fail: head does not read all of it.
    let (before, after) = if text.contains("| head") { ("set +o pipefail\n", "\nset -o pipefail") } else { ("", "") };
    format!("{before}export CONSOLE=yes\n{foreground}\nunset CONSOLE{after}")
}
