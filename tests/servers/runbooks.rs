//! The runbooks as somebody on call uses them: each has the same five headings, and all of its SQL runs as it stands.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

use lab::{BouncerRelease, LabError, Major, PgBouncer, Postgres};
use support::LIMIT;
use support::runbooks::{Block, Runbook, runbooks};

const HEADINGS: [&str; 5] = ["## Meaning", "## Check", "## Fix now", "## Fix for good", "## False alarm"];

/// What the pages name, made again before each page.
const OBJECTS: &str = include_str!("runbooks/objects.sql");

/// Before each block, on its first line so that psql's line numbers stay right.
const TIMEOUT: &str = "SET statement_timeout = '5s'; ";

/// Where the SQL of a block runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Primary,
    Standby,
    PgBouncer,
}

/// The words of a fence: `sql standby 16`.
fn place(words: &[String], major: u32) -> Result<Option<Place>, String> {
    let mut place = Place::Primary;
    let mut is_in_version = true;
    for word in &words[1..] {
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("the fence has an unknown word: {word}"));
        match (word.as_str(), word.strip_prefix('-')) {
            ("standby", _) => place = Place::Standby,
            ("pgbouncer", _) => place = Place::PgBouncer,
            (_, Some(last)) => is_in_version &= major <= number(last)?,
            (first, None) => is_in_version &= major >= number(first)?,
        }
    }
    Ok(is_in_version.then_some(place))
}

/// Errors by block, each with the servers that gave it.
#[derive(Default)]
struct Failures(Mutex<BTreeMap<String, Vec<String>>>);

impl Failures {
    fn add(&self, page: &Runbook, block: &Block, server: String, error: &str) {
        let failure = format!("docs/runbooks/{}.md:{}: {error}\n{}", page.alert, block.line, block.text);
        self.0.lock().unwrap().entry(failure).or_default().push(server);
    }

    fn report(self) {
        let failures = self.0.into_inner().unwrap();
        let lines = failures.iter().map(|(failure, servers)| format!("on {}: {failure}", servers.join(", ")));
        assert!(failures.is_empty(), "{} blocks fail\n{}", failures.len(), lines.collect::<Vec<_>>().join("\n"));
    }
}

/// What psql says of the statement that failed.
fn said(error: &LabError) -> String {
    let text = match error {
        LabError::Failed { stderr, .. } if !stderr.is_empty() => stderr.clone(),
        other => other.to_string(),
    };
    let errors: Vec<_> = text.lines().filter(|line| line.contains("ERROR:") || line.contains("FATAL:")).collect();
    if errors.is_empty() { text } else { errors.join("\n") }
}

/// A server and the file of settings that `ALTER SYSTEM` writes, as it was at the start.
struct Member {
    server: Postgres,
    settings: Vec<u8>,
}

impl Member {
    fn new(server: Postgres) -> Member {
        let settings = fs::read(server.data_dir().join("postgresql.auto.conf")).unwrap();
        Member { server, settings }
    }

    /// Takes back what a page has set.
    fn reset(&self) {
        let file = self.server.data_dir().join("postgresql.auto.conf");
        if fs::read(&file).unwrap() != self.settings {
            fs::write(file, &self.settings).unwrap();
            let before = self.server.psql("postgres", "SELECT clock_timestamp()").unwrap();
            self.server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
            self.server.wait_for(&format!("SELECT pg_conf_load_time() > '{before}'"), LIMIT).unwrap();
        }
    }
}

/// A primary and its standby, in good order before each page.
struct Servers {
    primary: Member,
    standby: Option<Member>,
}

impl Servers {
    fn start(major: Major) -> Servers {
        let primary = Postgres::builder(major).setting("max_prepared_transactions", "5").start().unwrap();
        let standby = Some(Member::new(primary.standby("standby1").unwrap()));
        Servers { primary: Member::new(primary), standby }
    }

    fn restore(&mut self, page: &Runbook) {
        self.primary.reset();
        let prepared = page.blocks.iter().any(|block| block.text.contains("'tx1'"));
        let made = self.primary.server.psql("postgres", &format!("\\set prepared {prepared}\n{OBJECTS}"));
        made.unwrap_or_else(|error| panic!("before {}: {error}", page.alert));
        if page.blocks.iter().any(|block| block.words.iter().any(|word| word == "standby")) {
            self.restore_standby();
        }
    }

    fn restore_standby(&mut self) {
        let primary = &self.primary.server;
        let in_recovery =
            |member: &Member| member.server.psql("postgres", "SELECT pg_is_in_recovery()").unwrap() == "t";
        // One that a page has promoted makes room for a new one.
        self.standby = self.standby.take().filter(in_recovery);
        if self.standby.is_none() {
            let is_free = "SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'standby1'";
            primary.wait_for(is_free, LIMIT).unwrap();
            primary.psql("postgres", "SELECT pg_drop_replication_slot('standby1')").unwrap();
            self.standby = Some(Member::new(primary.standby("standby1").unwrap()));
        }
        let standby = self.standby.as_ref().unwrap();
        standby.reset();
        standby.server.psql("postgres", "SELECT pg_wal_replay_resume()").unwrap();
        let written = primary.psql("postgres", "SELECT pg_current_wal_lsn()").unwrap();
        standby.server.wait_for(&format!("SELECT pg_last_wal_replay_lsn() >= '{written}'"), LIMIT).unwrap();
    }

    fn run(&self, page: &Runbook, block: &Block, failures: &Failures) {
        let major = self.primary.server.major();
        let (server, whose) = match place(&block.words, major.number()) {
            Ok(Some(Place::Primary)) => (&self.primary.server, format!("{major}")),
            Ok(Some(Place::Standby)) => (&self.standby.as_ref().unwrap().server, format!("standby {major}")),
            Ok(Some(Place::PgBouncer) | None) => return,
            Err(error) => return failures.add(page, block, format!("{major}"), &error),
        };
        if let Err(error) = server.psql("shop", &format!("{TIMEOUT}{}", block.text)) {
            failures.add(page, block, whose, &said(&error));
        }
    }
}

/// Runs the blocks for the console on every release, each page on a PgBouncer of its own.
fn run_on_consoles(pages: &[Runbook], failures: &Failures) {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", &format!("\\set prepared false\n{OBJECTS}")).unwrap();
    let line = format!("shop = host=127.0.0.1 port={} dbname=shop user=postgres", server.port());
    let is_for_consoles = |block: &&Block| place(&block.words, Major::NEWEST.number()) == Ok(Some(Place::PgBouncer));
    for page in pages {
        let blocks: Vec<_> = page.blocks.iter().filter(|block| block.is("sql")).filter(is_for_consoles).collect();
        if blocks.is_empty() {
            continue;
        }
        for release in BouncerRelease::ALL {
            let pooler = PgBouncer::builder(release).database_line(&line).start().unwrap();
            for block in &blocks {
                if let Err(error) = pooler.console(&block.text) {
                    failures.add(page, block, format!("PgBouncer {release}"), &said(&error));
                }
            }
        }
    }
}

#[test]
fn every_sql_of_the_runbooks_runs_on_every_version() {
    let pages = runbooks();
    let failures = Failures::default();
    std::thread::scope(|scope| {
        for major in Major::ALL {
            let (pages, failures) = (&pages, &failures);
            scope.spawn(move || {
                let mut servers = Servers::start(major);
                for page in pages {
                    let blocks: Vec<_> = page.blocks.iter().filter(|block| block.is("sql")).collect();
                    if !blocks.is_empty() {
                        servers.restore(page);
                    }
                    blocks.iter().for_each(|block| servers.run(page, block, failures));
                }
            });
        }
        scope.spawn(|| run_on_consoles(&pages, &failures));
    });
    failures.report();
}

#[test]
fn every_runbook_has_the_same_headings() {
    let wrong = runbooks().into_iter().filter(|page| {
        let expected = [format!("# {}", page.alert)].into_iter().chain(HEADINGS.map(str::to_owned));
        !expected.eq(page.headings.iter().cloned())
    });
    let wrong: Vec<_> = wrong.map(|page| format!("{}: {:?}", page.alert, page.headings)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
