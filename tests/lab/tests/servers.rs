//! The lab's promises: servers start, do what they are told, and leave nothing behind.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::{BouncerRelease, Cache, Exporter, LabError, Major, PgBouncer, Postgres, Process, Prometheus, Proxy, Target};

const LIMIT: Duration = Duration::from_secs(15);

/// True once none of the processes exists; a zombie nobody has reaped yet counts as gone.
fn all_gone(pids: &[u32]) -> bool {
    let runs = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    !pids.iter().any(runs)
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a server leaves behind if it is not ended well.
fn traces(server: &Postgres) -> (Vec<u32>, PathBuf) {
    let pids = server.pids();
    assert!(pids.len() > 4, "{pids:?}");
    (pids, server.socket_dir().to_owned())
}

fn assert_none_left((pids, folder): &(Vec<u32>, PathBuf)) {
    assert!(all_gone(pids), "{pids:?}");
    assert!(!folder.exists(), "{folder:?}");
}

#[test]
fn every_major_starts_with_monitor_and_statements() {
    std::thread::scope(|scope| {
        for major in Major::ALL {
            scope.spawn(move || {
                let server = Postgres::start(major).unwrap();
                let version = server.psql("postgres", "show server_version_num").unwrap();
                assert!(version.starts_with(&major.to_string()), "{version}");
                let url = server.url("monitor", "postgres");
                let sql = "select count(*) > 0 and pg_has_role('pg_monitor', 'member') from pg_stat_statements";
                let seen = server.bin("psql").args(["-XAtc", sql, &url]).output().unwrap();
                assert_eq!(String::from_utf8_lossy(&seen.stdout).trim(), "t", "{seen:?}");
                let wrong = server.bin("psql").args(["-Xw", &url.replace("secret", "other")]).output().unwrap();
                assert!(String::from_utf8_lossy(&wrong.stderr).contains("password authentication failed"));
            });
        }
    });
}

#[test]
fn settings_and_hba_lines_come_before_the_labs_own() {
    let builder = Postgres::builder(Major::V16).setting("work_mem", "7MB").setting("max_connections", "23");
    let server = builder.hba_line("host all monitor 127.0.0.1/32 reject").start().unwrap();
    assert_eq!(server.psql("postgres", "show work_mem; show max_connections; show fsync").unwrap(), "7MB\n23\noff");
    let refused = server.bin("psql").args(["-Xc", "select 1", &server.url("monitor", "postgres")]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("rejects connection"), "{refused:?}");
    let error = server.psql("postgres", "select 1; select 1/0; select 2").unwrap_err().to_string();
    assert!(error.contains("division by zero"), "{error}");
}

#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let error = Postgres::builder(Major::V17).setting("work_mem", "much").start().unwrap_err();
    assert!(matches!(error, LabError::Ended { .. }), "{error}");
    assert!(error.to_string().contains(r#"invalid value for parameter "work_mem": "much""#), "{error}");
}

#[test]
fn a_standby_streams_and_is_promoted_in_every_major() {
    std::thread::scope(|scope| {
        for major in [Major::V14, Major::V18] {
            scope.spawn(move || {
                let primary = Postgres::start(major).unwrap();
                primary.psql("postgres", "create table kept (n int); insert into kept values (7)").unwrap();
                let standby = primary.standby("one").unwrap();
                assert_eq!(standby.psql("postgres", "select n, pg_is_in_recovery() from kept").unwrap(), "7|t");
                let slot = "select slot_name, active from pg_replication_slots";
                assert_eq!(primary.psql("postgres", slot).unwrap(), "one|t");
                standby.promote().unwrap();
                standby.psql("postgres", "insert into kept values (8)").unwrap();
            });
        }
    });
}

#[test]
fn a_stopped_server_starts_again_on_its_port() {
    let mut server = Postgres::start(Major::V15).unwrap();
    let port = server.port();
    server.psql("postgres", "create table kept (n int)").unwrap();
    server.stop().unwrap();
    assert!(server.pids().is_empty());
    assert!(server.psql("postgres", "select 1").is_err());
    server.start_again().unwrap();
    assert_eq!(server.port(), port);
    server.psql("postgres", "insert into kept values (1)").unwrap();
}

#[test]
fn a_copy_has_the_data_and_the_statistics_and_goes_its_own_way() {
    let mut server = Postgres::start(Major::V18).unwrap();
    server.psql("postgres", "create table kept (n int); insert into kept values (1)").unwrap();
    let copy = server.copy().unwrap();
    let inserted = "select n_tup_ins from pg_stat_user_tables where relname = 'kept'";
    assert_eq!(copy.psql("postgres", inserted).unwrap(), "1");
    copy.psql("postgres", "insert into kept values (2)").unwrap();
    assert_eq!(copy.psql("postgres", "select count(*) from kept").unwrap(), "2");
    assert_eq!(server.psql("postgres", "select count(*) from kept").unwrap(), "1");
}

#[test]
fn a_frozen_server_accepts_but_does_not_answer_until_it_is_thawed() {
    let server = Postgres::start(Major::V18).unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    let ask = || {
        let url = server.url("postgres", "postgres").replace(&server.port().to_string(), &proxy.port().to_string());
        server.bin("timeout").args(["1", "psql", "-XAtc", "select 1", &url]).output().unwrap().status.code()
    };
    let timed_out = Some(124);
    assert_eq!(ask(), Some(0));
    server.freeze().unwrap();
    assert_eq!(ask(), timed_out);
    server.thaw();
    proxy.freeze();
    assert_eq!(ask(), timed_out);
    proxy.thaw();
    proxy.record();
    assert_eq!(ask(), Some(0));
    assert_eq!(proxy.connections(), 4);
    let recorded = proxy.recorded();
    assert_eq!((recorded.len(), recorded[0].database(), &*recorded[0].sql), (1, "postgres", "select 1"));
}

#[test]
fn a_dropped_server_leaves_nothing_even_if_frozen() {
    let server = Postgres::start(Major::V18).unwrap();
    server.psql("postgres", "create database shop").unwrap();
    server.pgbench_init("shop", 1).unwrap();
    let load = server.pgbench("shop", 2, 100, LIMIT).unwrap();
    let load_pid = load.pid();
    server.wait_for("select exists (select from pg_stat_activity where application_name = 'pgbench')", LIMIT).unwrap();
    let traces = traces(&server);
    server.freeze().unwrap();
    drop((load, server));
    assert_none_left(&traces);
    assert!(all_gone(&[load_pid]));
}

#[test]
fn a_panic_leaves_nothing() {
    let panicked = std::thread::spawn(|| {
        let server = Postgres::start(Major::V14).unwrap();
        std::panic::panic_any(traces(&server));
    });
    let payload = panicked.join().unwrap_err();
    assert_none_left(payload.downcast_ref().unwrap());
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    let server = std::thread::spawn(|| Postgres::start(Major::V15).unwrap()).join().unwrap();
    assert_eq!(server.psql("postgres", "select 1").unwrap(), "1");
}

#[test]
fn a_killed_owner_leaves_no_server_and_its_folder_to_the_next_start() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_lab"));
    let mut owner = owner.arg("hold").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (pid, folder) = line.trim().split_once(' ').unwrap();
    let (pid, folder) = (pid.parse().unwrap(), Path::new(folder));
    assert!(folder.exists() && !all_gone(&[pid]));
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("the postmaster is gone", || all_gone(&[pid]));
    drop(Postgres::start(Major::V18).unwrap());
    assert!(!folder.exists());
}

#[test]
fn prometheus_scrapes_answers_and_reloads() {
    let server = Prometheus::start(&[], Duration::from_secs(1)).unwrap();
    let target = Target::new("self", server.address()).label("ins", "a b");
    let asker = Prometheus::start(&[target], Duration::from_millis(200)).unwrap();
    let up = asker.wait_for(r#"up{job="self"} == 1"#, LIMIT).unwrap();
    assert_eq!(up[0].labels["ins"], "a b");
    assert_eq!(asker.query("1 + 1").unwrap()[0].value, 2.0);
    let error = asker.query("up{").unwrap_err().to_string();
    assert!(error.contains("parse error"), "{error}");
}

#[test]
fn an_exporter_is_started_asked_signalled_and_ended() {
    let tools = Cache::open().unwrap().promtool().unwrap();
    let binary = tools.with_file_name("prometheus");
    let config = tempfile::NamedTempFile::new().unwrap();
    let flag = format!("--config.file={}", config.path().display());
    let exporter = Exporter::start(&binary, &[&flag, "--storage.tsdb.path=data"], &[("GOGC", "77")]).unwrap();
    until("ready", || exporter.get("/-/ready").unwrap().status == 200);
    let plain = exporter.get("/metrics").unwrap();
    assert!(plain.text().contains("go_goroutines"));
    let packed = exporter.get_with("/metrics", &[("Accept-Encoding", "gzip")]).unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() && packed.body.starts_with(&[0x1f, 0x8b]));
    assert_eq!(exporter.get("/-/nowhere").unwrap().status, 404);
    exporter.signal("HUP").unwrap();
    until("the reload is logged", || exporter.log().contains("Completed loading of configuration file"));
    let pid = exporter.process().pid();
    drop(exporter);
    assert!(all_gone(&[pid]));

    let error = Exporter::start(&binary, &["--no-such-flag"], &[]).unwrap_err();
    assert!(error.to_string().contains("unknown long flag '--no-such-flag'"), "{error}");
}

#[test]
fn waiting_for_a_process_ends_in_time_with_its_log() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = Process::command("sh");
    command.args(["-c", "echo begun; sleep 60; true"]);
    let process = Process::start("sleeper", command, log.path()).unwrap();
    process.wait_until("begun", LIMIT, || process.log_tail() == "begun").unwrap();
    let late = process.wait_until("done", Duration::from_millis(50), || false).unwrap_err();
    assert!(late.to_string().contains("sleeper was not done within 50ms; its log ends with:\nbegun"), "{late}");
    process.signal("KILL").unwrap();
    assert!(!process.wait(LIMIT).unwrap().success());
}

#[test]
fn a_pooler_of_every_release_serves_and_ends_when_asked() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    for release in BouncerRelease::ALL {
        let pooler = PgBouncer::builder(release).database("app", &server, "pool_size=1").start().unwrap();
        assert_eq!(pooler.psql("app", "app", "select current_user").unwrap(), "postgres");
        assert!(pooler.console("SHOW POOLS").unwrap().contains("app|postgres|"), "{release}");
        pooler.process().end();
        let status = pooler.process().wait(Duration::ZERO).unwrap();
        assert_ne!(status.signal(), Some(9), "{release} had to be killed");
    }
}
