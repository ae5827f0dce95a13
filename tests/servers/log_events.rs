//! Events that come rarely: each is counted as often as it stands in the log, whatever wrote it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lab::{Backrest, BackrestRelease, BouncerRelease, Exporter, Major, PgBouncer, Postgres};
use support::{LIMIT, Page, binary, pgbackrest_exporter, pgbouncer_exporter, scrape, until};

/// A metric, labels of its samples, and how the message begins.
type Event = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const ON_THE_PRIMARY: [Event; 5] = [
    ("pg_log_deadlock_total", &[("datname", "shop")], "\"deadlock detected"),
    ("pg_log_out_of_memory_total", &[("datname", "shop")], "\"out of memory"),
    ("pg_log_autovacuum_total", &[("relname", "busy")], r#""automatic vacuum of table \"shop.public.busy\""#),
    ("pg_log_autoanalyze_total", &[("relname", "busy")], r#""automatic analyze of table \"shop.public.busy\""#),
    ("pg_log_archive_failure_total", &[("exit_code", "3")], "\"archive command failed with exit code 3"),
];

const ON_THE_STANDBY: [Event; 2] = [
    ("pg_log_recovery_conflict_total", &[("datname", "shop")], "\"canceling statement due to conflict with recovery"),
    (
        "pg_log_replication_total",
        &[("event", "replication terminated by primary server")],
        "\"replication terminated by primary server",
    ),
];

fn text_of_log(server: &Postgres) -> String {
    let files = fs::read_dir(server.data_dir().join("log")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// How often a message is in the log of a server: jsonlog, or csvlog with its quotes made those of JSON.
fn in_the_log(server: &Postgres, beginning: &str) -> f64 {
    let files = fs::read_dir(server.data_dir().join("log")).unwrap().map(|entry| entry.unwrap().path());
    let text = |file: &Path| match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => fs::read_to_string(file).unwrap(),
        Some("csv") => fs::read_to_string(file).unwrap().replace("\"\"", "\\\""),
        _ => String::new(),
    };
    files.map(|file| text(&file).matches(beginning).count()).sum::<usize>() as f64
}

fn counted(page: &Page, (name, labels, _): &Event) -> f64 {
    page.samples(name, labels).iter().map(|sample| sample.value).sum()
}

/// Waits until each event is in the log, and counted as often.
fn assert_counted(server: &Postgres, exporter: &Exporter, events: &[Event]) {
    let of_log = || -> Vec<f64> { events.iter().map(|(_, _, beginning)| in_the_log(server, beginning)).collect() };
    let mut last = (Vec::new(), Vec::new());
    let deadline = std::time::Instant::now() + LIMIT;
    loop {
        let before = of_log();
        let page = scrape(exporter);
        let found: Vec<f64> = events.iter().map(|event| counted(&page, event)).collect();
        if before == of_log() && before == found && before.iter().all(|count| *count > 0.0) {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{}: {last:?} of {events:?}\n{}",
            server.major(),
            text_of_log(server)
        );
        last = (before, found);
    }
}

fn exporter(server: &Postgres) -> Exporter {
    let url = server.url("monitor", "postgres");
    let flags = ["--auto-discovery=false", "--disable-sampling"];
    let exporter = Exporter::start(binary(), &flags, &[("PG_EXPORTER_URL", &url)]).unwrap();
    until("the log is read", || {
        let page = scrape(&exporter);
        page.value("pg_exporter_log_read", &[("program", "postgres")]) == Some(1.0)
            && page.value("pg_exporter_log_lag_bytes", &[("program", "postgres")]) == Some(0.0)
    });
    exporter
}

fn provoke(server: &Postgres) {
    server
        .psql(
            "shop",
            "create table busy (n int) with (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
               autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0);
             insert into busy select generate_series(1, 1000); delete from busy where n > 500;",
        )
        .unwrap();
    server
        .psql("shop", "do $$ begin raise exception using errcode = '53200', message = 'out of memory'; end $$")
        .unwrap_err();
    let (mut first, mut second) = (server.session("shop").unwrap(), server.session("shop").unwrap());
    first.run("begin; select pg_advisory_xact_lock(1);").unwrap();
    second.run("begin; select pg_advisory_xact_lock(2);").unwrap();
    first.send("select pg_advisory_xact_lock(2);\n").unwrap();
    server.wait_for("select exists (select from pg_locks where not granted)", LIMIT).unwrap();
    second.send("select pg_advisory_xact_lock(1);\n\\echo through").unwrap();
    until("a deadlock", || in_the_log(server, "\"deadlock detected") == 1.0);
    server.psql("postgres", "alter system set archive_command = 'exit 3'").unwrap();
    server.psql("postgres", "select pg_reload_conf(), pg_switch_wal()").unwrap();
}

fn every_event_is_counted(major: Major) {
    let destination = if major == Major::V14 { "csvlog" } else { "jsonlog" };
    let settings = [
        ("logging_collector", "on"),
        ("log_destination", destination),
        ("log_autovacuum_min_duration", "0"),
        ("autovacuum_naptime", "1s"),
        ("deadlock_timeout", "100ms"),
        ("archive_mode", "on"),
    ];
    let own = (major >= Major::V19).then_some(("log_autoanalyze_min_duration", "0"));
    let settings = settings.into_iter().chain(own);
    let mut server =
        settings.fold(Postgres::builder(major), |builder, (name, value)| builder.setting(name, value)).start().unwrap();
    server.psql("postgres", "create database shop").unwrap();
    let running = exporter(&server);
    provoke(&server);
    assert_counted(&server, &running, &ON_THE_PRIMARY);

    let standby = server.standby("standby1").unwrap();
    standby.psql("postgres", "alter system set max_standby_streaming_delay = 0").unwrap();
    standby.psql("postgres", "select pg_reload_conf()").unwrap();
    standby.wait_for("select current_setting('max_standby_streaming_delay') = '0'", LIMIT).unwrap();
    let running = exporter(&standby);
    let mut reader = standby.session("shop").unwrap();
    reader.run("begin isolation level repeatable read; select count(*) from busy;").unwrap();
    reader.send("select pg_sleep(600);\n").unwrap();
    standby.wait_for("select exists (select from pg_stat_activity where wait_event = 'PgSleep')", LIMIT).unwrap();
    server.psql("shop", "delete from busy").unwrap();
    server.psql("shop", "vacuum busy").unwrap();
    until("a conflict", || in_the_log(&standby, ON_THE_STANDBY[0].2) == 1.0);
    // A standby that sends its position while the primary closes the connection logs another message.
    while in_the_log(&standby, ON_THE_STANDBY[1].2) == 0.0 {
        server.start_again().unwrap();
        standby.wait_for("select exists (select from pg_stat_wal_receiver where status = 'streaming')", LIMIT).unwrap();
        server.stop().unwrap();
        standby.wait_for("select not exists (select from pg_stat_wal_receiver)", LIMIT).unwrap();
    }
    assert_counted(&standby, &running, &ON_THE_STANDBY);
}

#[test]
fn rare_events_of_the_server_are_counted() {
    std::thread::scope(|scope| {
        for major in [Major::V14, Major::NEWEST] {
            scope.spawn(move || every_event_is_counted(major));
        }
    });
}

#[test]
#[ignore = "takes 2 min: make majors"]
fn rare_events_of_every_major_are_counted() {
    for major in Major::ALL {
        every_event_is_counted(major);
    }
}

#[test]
fn failed_logins_at_pgbouncer_are_counted() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let file = folder.path().join("pgbouncer.log");
    let builder = PgBouncer::builder(BouncerRelease::NEWEST).database("postgres", &server, "");
    let bouncer = builder.setting("logfile", file.to_str().unwrap()).start().unwrap();
    let url = bouncer.url("monitor", "pgbouncer");
    let exporter = Exporter::start(pgbouncer_exporter(), &[], &[("PG_EXPORTER_URL", &url)]).unwrap();
    let read = [("program", "pgbouncer")];
    until("the log is read", || scrape(&exporter).value("pgbouncer_exporter_log_read", &read) == Some(1.0));
    for _ in 0..3 {
        let mut login = bouncer.bin("psql", "monitor", "postgres");
        assert!(
            !login.env("PGPASSWORD", "planted-password").args(["-X", "-c", "select 1"]).status().unwrap().success()
        );
    }
    until("the failures are counted", || {
        let page = scrape(&exporter);
        let failures = page.samples("pgbouncer_log_login_failure_total", &[("datname", "postgres")]);
        failures.iter().map(|sample| sample.value).sum::<f64>() == 3.0
    });
    for text in [scrape(&exporter).text, exporter.get("/").unwrap().text().to_owned(), exporter.log()] {
        assert!(!text.contains("planted-password"), "{text}");
    }
}

#[test]
fn errors_of_pgbackrest_are_counted() {
    let backrest = Backrest::new(BackrestRelease::V2_55, &["log-level-file=info"]).unwrap();
    let server = Postgres::start(Major::NEWEST).unwrap();
    backrest.create_stanza("demo", &server).unwrap();
    let flags = [
        format!("--backrest.binary={}", backrest.program().display()),
        format!("--backrest.config={}", backrest.config().display()),
        format!("--log.pgbackrest-path={}", backrest.log_dir().display()),
    ];
    let user = backrest.user().map(|user| format!("--backrest.user={user}"));
    let flags: Vec<&str> = flags.iter().chain(&user).map(String::as_str).collect();
    let exporter = Exporter::start(pgbackrest_exporter(), &flags, &[]).unwrap();
    let read = [("program", "pgbackrest")];
    until("the log is read", || scrape(&exporter).value("pgbackrest_exporter_log_read", &read) == Some(1.0));
    for _ in 0..2 {
        backrest.run("demo", &["backup", "--pg1-port=1"]).unwrap_err();
    }
    until("the errors are counted", || {
        let page = scrape(&exporter);
        let labels = [("stanza", "demo"), ("command", "backup"), ("severity", "ERROR")];
        page.samples("pgbackrest_log_message_total", &labels).iter().map(|sample| sample.value).sum::<f64>() == 2.0
    });
}
