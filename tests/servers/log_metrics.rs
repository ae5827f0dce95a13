//! Collectors that count lines of a log: each kind is provoked a known number of times and counted exactly, over rotation and
//! restarts of the exporter.

use std::fs::{self, OpenOptions};
use std::path::Path;

use lab::{Exporter, Major, Postgres, PostgresBuilder};
use support::{Page, binary, scrape, until};

/// A password and a literal that must be nowhere.
const SECRETS: [&str; 2] = ["planted-password", "planted literal"];

/// A metric, labels, and by how much its sample grows.
type Growth = (&'static str, &'static [(&'static str, &'static str)], f64);

/// What one run of [`provoke`] makes each sample grow by.
const EXPECTED: [Growth; 10] = [
    ("pg_log_error_total", &[("datname", "shop"), ("severity", "ERROR"), ("code", "22012"), ("class", "22")], 3.0),
    ("pg_log_error_total", &[("datname", "shop"), ("severity", "ERROR"), ("code", "42P01"), ("class", "42")], 2.0),
    ("pg_log_connection_total", &[("datname", "shop"), ("user", "postgres")], 3.0),
    ("pg_log_disconnection_session_seconds_count", &[("datname", "shop")], 3.0),
    ("pg_log_statement_seconds_count", &[("datname", "shop")], 2.0),
    ("pg_log_temp_file_total", &[("datname", "shop")], 1.0),
    ("pg_log_checkpoint_total", &[("kind", "checkpoint")], 1.0),
    (
        "pg_log_lock_wait_seconds_count",
        &[("datname", "shop"), ("mode", "AccessExclusiveLock"), ("locktype", "relation")],
        1.0,
    ),
    (
        "pg_log_lock_waiting_total",
        &[("datname", "shop"), ("mode", "AccessExclusiveLock"), ("locktype", "relation")],
        1.0,
    ),
    ("pg_log_auth_failure_total", &[], 1.0),
];

const ERRORS: &str = "\\set ON_ERROR_STOP off
select 1/0; select 1/0; select 1/0;
select 'planted literal' from no_such_table; select 1 from no_such_table;
alter role nobody password 'planted-password';
set log_min_duration_statement = '200ms'; select pg_sleep(0.25); select pg_sleep(0.25); set log_min_duration_statement = -1;
set work_mem = '64kB'; select count(*) from (select generate_series(1, 30000) as n order by 1 desc) s;
reset work_mem; checkpoint;
";

/// One of everything, in the order of a busy day.
fn provoke(server: &Postgres) {
    server.psql("shop", ERRORS).unwrap();
    let mut holder = server.session("shop").unwrap();
    holder.run("begin; lock table t;").unwrap();
    let mut waiter = server.session("shop").unwrap();
    waiter.send("begin; lock table t; commit;\n\\echo locked").unwrap();
    server.wait_for("select exists (select from pg_locks where not granted)", support::LIMIT).unwrap();
    // Longer than deadlock_timeout, which is when the wait is logged.
    holder.run("select pg_sleep(0.25); commit;").unwrap();
    until("the lock is there", || waiter.output().contains("locked"));
    drop((holder, waiter));
    let mut wrong = server.bin("psql");
    wrong.args(["-X", "-c", "select 1", &format!("host=127.0.0.1 port={} user=monitor dbname=shop", server.port())]);
    assert!(!wrong.env("PGPASSWORD", "planted-password").status().unwrap().success());
}

fn builder(major: Major, prefix: &str) -> PostgresBuilder {
    let settings = [
        ("log_line_prefix", prefix),
        ("deadlock_timeout", "100ms"),
        ("log_lock_waits", "on"),
        ("log_temp_files", "0"),
        ("log_checkpoints", "on"),
        ("log_connections", "on"),
        ("log_disconnections", "on"),
    ];
    settings.iter().fold(Postgres::builder(major), |builder, (name, value)| builder.setting(name, value))
}

fn prepared(builder: PostgresBuilder) -> Postgres {
    let server = builder.start().unwrap();
    server.psql("postgres", "create database shop").unwrap();
    server.psql("shop", "create table t (n int)").unwrap();
    server
}

/// An exporter of the main database only, so that all that happens in the other one is ours.
fn exporter(server: &Postgres, state: &Path) -> Exporter {
    let url = server.url("monitor", "postgres");
    let state = format!("--state-dir={}", state.display());
    let exporter =
        Exporter::start(binary(), &["--auto-discovery=false", &state], &[("PG_EXPORTER_URL", &url)]).unwrap();
    until("the log is read", || scrape(&exporter).value("pg_exporter_log_state_saved", &program()) == Some(1.0));
    exporter
}

fn program() -> [(&'static str, &'static str); 1] {
    [("program", "postgres")]
}

/// Waits until what was provoked so many times is counted, and checks that nothing is counted more often.
fn assert_counts(exporter: &Exporter, times: f64) -> Page {
    let counted = |page: &Page| {
        EXPECTED.map(|(name, labels, _)| page.samples(name, labels).iter().map(|sample| sample.value).sum::<f64>())
    };
    let wanted = EXPECTED.map(|(_, _, growth)| growth * times);
    let mut found = [0.0; EXPECTED.len()];
    let deadline = std::time::Instant::now() + support::LIMIT;
    while found != wanted && std::time::Instant::now() < deadline {
        found = counted(&scrape(exporter));
    }
    assert_eq!(found, wanted, "{:?}\n{}", EXPECTED.map(|(name, ..)| name), exporter.log());
    let page = scrape(exporter);
    assert_eq!(counted(&page), wanted);
    assert_eq!(page.value("pg_exporter_log_not_understood_total", &program()), Some(0.0), "{}", exporter.log());
    page
}

fn assert_no_secret(exporter: &Exporter, page: &Page, state: &Path) {
    let files = fs::read_dir(state).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let pages = ["/", "/explain", "/stat"].map(|path| exporter.get(path).unwrap().text().to_owned());
    for text in files.chain(pages).chain([exporter.log(), page.text.clone()]) {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

/// Counts over a rotation by name, and over one while the exporter is dead.
fn counts_each_event_once(major: Major, destination: &str) {
    let prefix = "%m [%p] %q%u@%d %e ";
    let collected = builder(major, prefix)
        .setting("logging_collector", "on")
        .setting("log_destination", destination)
        .setting("log_filename", "server-%Y%m%d%H%M%S.log");
    let server = prepared(collected);
    let rotate = || {
        let before = server.psql("postgres", "select pg_current_logfile(), clock_timestamp()::timestamp(0)").unwrap();
        let (file, _) = before.split_once('|').unwrap();
        // The name has the second: until it is another one, the same file is opened again.
        until("the log is another file", || {
            server.psql("postgres", "select pg_rotate_logfile()").unwrap();
            server.psql("postgres", "select pg_current_logfile()").unwrap() != file
        });
    };
    let state = tempfile::tempdir().unwrap();
    let running = exporter(&server, state.path());
    provoke(&server);
    rotate();
    provoke(&server);
    let page = assert_counts(&running, 2.0);
    assert!(page.value("pg_log_temp_file_bytes_total", &[]).unwrap() > 100_000.0);
    running.process().signal("KILL").unwrap();
    assert!(running.process().wait(support::LIMIT).is_some());
    provoke(&server);
    rotate();
    provoke(&server);
    let running = exporter(&server, state.path());
    let page = assert_counts(&running, 4.0);
    assert_no_secret(&running, &page, state.path());
}

#[test]
fn counts_jsonlog_over_rotation_and_kill() {
    counts_each_event_once(Major::NEWEST, "jsonlog");
}

#[test]
#[ignore = "takes a minute: make majors"]
fn counts_jsonlog_of_every_major() {
    for major in Major::ALL.into_iter().filter(|major| *major > Major::V14) {
        counts_each_event_once(major, "jsonlog");
    }
}

#[test]
#[ignore = "takes half a minute: make majors"]
fn counts_csvlog_and_stderr_of_14() {
    counts_each_event_once(Major::V14, "csvlog");
    counts_each_event_once(Major::V14, "stderr");
}

/// Without the logging collector, as on Debian: the file is found, and rotated by copy and truncation.
#[test]
fn counts_redirected_stderr_over_copy_and_truncation() {
    let server = prepared(builder(Major::NEWEST, "%m [%p] %q%u@%d %e "));
    let state = tempfile::tempdir().unwrap();
    let running = exporter(&server, state.path());
    provoke(&server);
    let log = server.log_file();
    fs::copy(&log, log.with_extension("log.1")).unwrap();
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    provoke(&server);
    assert_counts(&running, 2.0);
    drop(running);
    provoke(&server);
    fs::copy(&log, log.with_extension("log.2")).unwrap();
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    provoke(&server);
    assert_counts(&exporter(&server, state.path()), 4.0);
}

/// A crash of the server: it is counted, and the log is followed through it and shown while the server is down.
#[test]
fn counts_a_crash() {
    let mut server = prepared(builder(Major::NEWEST, "%m [%p] "));
    let state = tempfile::tempdir().unwrap();
    let running = exporter(&server, state.path());
    let mut session = server.session("shop").unwrap();
    session.run("select 'pid', pg_backend_pid();").unwrap();
    let output = session.output();
    let pid = output.lines().find_map(|line| line.strip_prefix("pid|")).unwrap();
    assert!(std::process::Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    until("the crash is counted", || {
        let page = scrape(&running);
        page.value("pg_log_crash_total", &[]) == Some(1.0)
            && page.samples("pg_log_killed_total", &[("signal", "9")]).iter().any(|sample| sample.value == 1.0)
    });
    server.stop().unwrap();
    until("the server is down", || scrape(&running).value("pg_up", &[]) == Some(0.0));
    assert_eq!(scrape(&running).value("pg_log_crash_total", &[]), Some(1.0), "{}", running.log());
}

/// Where no log can be read, its collectors are off, and pages say why and what to do.
#[test]
fn says_why_a_log_is_not_read() {
    let server = Postgres::builder(Major::NEWEST)
        .setting("logging_collector", "on")
        .setting("log_destination", "syslog")
        .start()
        .unwrap();
    let running = support::exporter(&server, "postgres", &[]);
    until("the log is missed", || scrape(&running).value("pg_exporter_log_read", &program()) == Some(0.0));
    let page = scrape(&running);
    assert!(page.samples("pg_log_error_total", &[]).is_empty());
    let explained = running.get("/explain").unwrap().text().to_owned();
    assert!(explained.contains("ALTER SYSTEM SET log_destination = 'jsonlog'"), "{explained}");
}
