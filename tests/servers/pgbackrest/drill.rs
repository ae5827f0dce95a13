//! Restore drills: a good repository passes, each fault is named, and nothing is left, whatever ends the drill.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lab::{Backrest, BackrestRelease, Exporter};
use serde_json::Value;
use support::outcome::scrape_until;
use support::{pgbackrest_exporter, until};
use tempfile::TempDir;

use super::{STANZA, exporter, files, server_for};

/// A server with data, a backup and WAL after it; a folder for drills.
pub(super) struct Rehearsal {
    backrest: Backrest,
    server: lab::Postgres,
    release: BackrestRelease,
    folder: TempDir,
}

const PASS: &str = "repo1-cipher-pass=a-secret-of-the-repository";

impl Rehearsal {
    pub(super) fn build(release: BackrestRelease) -> Rehearsal {
        let options = ["repo1-cipher-type=aes-256-cbc", PASS, "archive-timeout=20"];
        let backrest = Backrest::new(release, &options).unwrap();
        let server = server_for(&backrest, release);
        backrest.create_stanza(STANZA, &server).unwrap();
        server
            .psql("postgres", "create table t as select n, repeat('x', 100) from generate_series(1, 20000) n")
            .unwrap();
        // What would reach production from a copy: none of it may be in effect.
        for setting in ["primary_conninfo = 'host=production'", "log_directory = '/nowhere'"] {
            server.psql("postgres", &format!("alter system set {setting}")).unwrap();
        }
        backrest.backup(STANZA, "full", &[]).unwrap();
        let rehearsal = Rehearsal { backrest, server, release, folder: tempfile::tempdir().unwrap() };
        fs::set_permissions(rehearsal.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        rehearsal.switch_wal(3);
        rehearsal
    }

    fn segments(&self) -> Vec<PathBuf> {
        let all = files(&self.repository("archive"));
        // One that is being copied ends in .tmp.
        let is_segment = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.get(24..25) == Some("-") && !name.ends_with(".tmp")
        };
        all.into_iter().filter(is_segment).collect()
    }

    fn repository(&self, part: &str) -> PathBuf {
        self.backrest.folder().join("repo1").join(part).join(STANZA)
    }

    /// Archives so many more segments, each with a commit.
    fn switch_wal(&self, count: usize) {
        let before = self.segments().len();
        for more in 1..=count {
            self.server.psql("postgres", "insert into t values (0, 'last'); select pg_switch_wal()").unwrap();
            until("the segment is archived", || self.segments().len() >= before + more);
        }
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![
            format!("--drill.path={}", self.scratch().display()),
            format!("--drill.pg-bin-path={}", self.server.bin_dir().display()),
        ];
        flags.extend(self.backrest.user().map(|user| format!("--backrest.user={user}")));
        flags
    }

    pub(super) fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(pgbackrest_exporter());
        // No flag is taken twice.
        let is_given = |flag: &String| more.iter().any(|other| flag.split('=').next() == other.split('=').next());
        command.arg("drill").args(self.flags().iter().filter(|flag| !is_given(flag)));
        command.arg(format!("--backrest.binary={}", self.backrest.program().display()));
        command.arg(format!("--backrest.config={}", self.backrest.config().display())).args(more);
        command
    }

    /// A drill to its end: its exit code, and its result.
    fn drill(&self, more: &[&str]) -> (Option<i32>, Value) {
        let output = self.command(&[&["--json"], more].concat()).output().unwrap();
        self.assert_nothing_left();
        let told = told(&output);
        assert!(!told.contains("a-secret-of"), "{told}");
        let records: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
        (output.status.code(), records[0].clone())
    }

    fn fails(&self, more: &[&str], code: i32, reason: &str, message: &str) {
        let (found, record) = self.drill(more);
        assert_eq!((found, record["reason"].as_str()), (Some(code), Some(reason)), "{:?}: {record:#}", self.release);
        assert!(record["message"].as_str().unwrap().contains(message), "{record:#}");
    }

    /// Neither files nor processes.
    fn assert_nothing_left(&self) {
        let scratch = self.scratch();
        let names: Vec<_> = fs::read_dir(&scratch).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(names.is_empty(), "{names:?}");
        until("no process of the drill is left", || processes(&scratch).is_empty());
    }
}

pub(super) fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Processes that work in a folder, the exporter itself aside.
fn processes(scratch: &Path) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let works_there = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let is_ours = line.contains(&*scratch.to_string_lossy()) && !line.contains("--drill.path");
        is_ours || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(scratch))
    };
    pids.filter(works_there).collect()
}

fn number(record: &Value, name: &str) -> f64 {
    record[name].as_f64().unwrap_or_else(|| panic!("{name}: {record:#}"))
}

#[test]
#[ignore = "takes a minute: make majors"]
fn good_repository_passes_on_every_release() {
    std::thread::scope(|scope| {
        for release in BackrestRelease::ALL {
            scope.spawn(move || {
                let rehearsal = Rehearsal::build(release);
                let query = "--drill.query=select count(*) from t";
                let (code, record) = rehearsal.drill(&[query]);
                assert_eq!((code, record["success"].as_bool()), (Some(0), Some(true)), "{release}: {record:#}");
                assert_eq!(number(&record, "query_result"), 20003.0, "{release}");
                assert_eq!(record["amcheck"].as_bool(), Some(true), "{release}: {record:#}");
                assert!(number(&record, "wal_segments") >= 4.0, "{release}: {record:#}");
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
                let newest = number(&record, "newest_commit_timestamp_seconds");
                assert!((0.0..600.0).contains(&(now - newest)), "{release}: {record:#}");
                let (rpo, rto) = (number(&record, "rpo_seconds"), number(&record, "rto_seconds"));
                assert!(rpo > 0.0 && rpo < now - newest, "{release}: {record:#}");
                let parts = number(&record, "restore_seconds") + number(&record, "recovery_seconds");
                assert!(
                    (rto - parts).abs() < 0.1 && rto < number(&record, "duration_seconds"),
                    "{release}: {record:#}"
                );
            });
        }
    });
}

#[test]
fn targets_backups_and_checks_are_followed() {
    let rehearsal = Rehearsal::build(BackrestRelease::Newest);
    let sql = "select extract(epoch from clock_timestamp())::numeric || '|' || clock_timestamp()";
    let text = rehearsal.server.psql("postgres", sql).unwrap();
    let (_, time) = text.trim().split_once('|').unwrap();
    rehearsal.switch_wal(2);
    let (to_time, count) = (format!("--drill.target={time}"), "--drill.query=select count(*) from t");
    let (code, record) = rehearsal.drill(&[&to_time, count]);
    assert_eq!((code, number(&record, "query_result")), (Some(0), 20003.0), "{record:#}");
    assert!(record["rpo_seconds"].is_null(), "{record:#}");
    let (_, record) = rehearsal.drill(&["--drill.target=immediate", count]);
    assert_eq!(number(&record, "query_result"), 20000.0, "{record:#}");
    let heartbeat = "--drill.heartbeat-query=select timestamptz '2026-01-01 00:00:00+00'";
    let (_, record) = rehearsal.drill(&[heartbeat, "--no-drill.amcheck", "--no-drill.checksums"]);
    assert_eq!(number(&record, "newest_commit_timestamp_seconds"), 1_767_225_600.0, "{record:#}");
    assert!(record["amcheck"].is_null() && record["checksums"].is_null(), "{record:#}");
    // None of the settings of production is in effect, and the server is a primary of its own.
    let quiet = "--drill.query=select current_setting('listen_addresses') = '' and current_setting('archive_mode') = 'off' \
                 and current_setting('primary_conninfo') = '' and current_setting('shared_preload_libraries') = '' \
                 and current_setting('max_wal_senders') = '0'";
    let (code, record) = rehearsal.drill(&[quiet]);
    assert_eq!((code, number(&record, "query_result")), (Some(0), 1.0), "{record:#}");
    rehearsal.fails(&["--drill.query=select false"], 1, "query", "it returned false");
    rehearsal.fails(&["--drill.query=select 'a-secret-of'::int"], 1, "query", "SQLSTATE 22P02");
    rehearsal.fails(&["--drill.target=2100-01-01 00:00:00+00"], 1, "recovery", "before configured recovery target");
    rehearsal.fails(
        &["--drill.target=2000-01-01 00:00:00+00"],
        2,
        "backup",
        "has no backup that ended before this time",
    );
    rehearsal.fails(&["--drill.backup=20000101-000000F"], 2, "backup", "has no backup 20000101-000000F");
    rehearsal.fails(&["--drill.stanza=nowhere"], 2, "info", "there is no stanza nowhere");
    rehearsal.fails(&["--drill.timeout=0.5s"], 1, "timeout", "did not end within");
    rehearsal.fails(&["--drill.pg-bin-path=/nowhere"], 2, "programs", "/nowhere");
    rehearsal.fails(&["--drill.reserve=100000000"], 1, "space", "the restore needs");
}

#[test]
fn damage_is_named() {
    let rehearsal = Rehearsal::build(BackrestRelease::Newest);
    let segments = rehearsal.segments();
    let (removed, at) = (&segments[segments.len() - 2], rehearsal.backrest.folder().join("removed"));
    fs::rename(removed, &at).unwrap();
    rehearsal.fails(&[], 1, "wal_missing", "is missing or damaged");
    fs::rename(&at, removed).unwrap();

    let config = rehearsal.backrest.config();
    let right = fs::read_to_string(&config).unwrap();
    fs::write(&config, right.replace(PASS, "repo1-cipher-pass=another-secret")).unwrap();
    rehearsal.fails(&[], 2, "backup", "stanza demo has no backup: [");
    fs::write(&config, right).unwrap();
    assert_eq!(rehearsal.drill(&[]).0, Some(0));

    let is_data = |path: &&PathBuf| path.to_string_lossy().contains("/pg_data/base/");
    let all = files(&rehearsal.repository("backup"));
    let largest = all.iter().filter(is_data).max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(largest, bytes).unwrap();
    rehearsal.fails(&[], 1, "restore", "zlib threw error");
}

#[test]
fn foreign_folders_are_refused_and_left() {
    let rehearsal = Rehearsal::build(BackrestRelease::Newest);
    fs::create_dir(rehearsal.scratch()).unwrap();
    fs::write(rehearsal.scratch().join("data"), "mine").unwrap();
    let output = rehearsal.command(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("expected an empty folder"), "{}", told(&output));
    assert_eq!(fs::read_to_string(rehearsal.scratch().join("data")).unwrap(), "mine");
    let within = rehearsal.server.data_dir().join("drill");
    let output = rehearsal.command(&[&format!("--drill.path={}", within.display())]).output().unwrap();
    assert!(!output.status.success() && !within.exists(), "{}", told(&output));
}

/// A file of the folder that is there when a step has begun.
const STEPS: [(&str, &str); 4] = [
    ("the folder is taken", "data"),
    ("the restore runs", "data/PG_VERSION"),
    ("the server starts", "data/postmaster.pid"),
    ("a query has been asked", "query.sql"),
];

#[test]
fn nothing_is_left_after_a_signal_at_any_step() {
    let rehearsal = Rehearsal::build(BackrestRelease::Newest);
    for signal in ["TERM", "KILL"] {
        for (step, file) in STEPS {
            let mut command = rehearsal.command(&["--drill.query=select pg_sleep(60) is null"]);
            let mut drill = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            until(step, || rehearsal.scratch().join(file).exists());
            Command::new("kill").arg(format!("-{signal}")).arg(drill.id().to_string()).status().unwrap();
            drill.wait().unwrap();
            if signal == "KILL" {
                let output = rehearsal.command(&["--clean"]).output().unwrap();
                assert!(output.status.success(), "{step}: {}", told(&output));
            }
            rehearsal.assert_nothing_left();
        }
    }
}

#[test]
fn schedule_exports_the_result_and_cleans_up() {
    let rehearsal = Rehearsal::build(BackrestRelease::Newest);
    let state = rehearsal.folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let flags: Vec<String> = [rehearsal.flags(), vec![format!("--state-dir={}", state.display())]].concat();
    let start = |more: &[&str]| -> Exporter {
        let own = flags.iter().filter(|flag| !flag.starts_with("--backrest.user")).map(String::as_str);
        exporter(&rehearsal.backrest, &own.chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let scheduled = start(&["--drill.every=1h"]);
    let page = scrape_until(&scheduled, "a drill", |page| page.value("pgbackrest_drill_success", &[]) == Some(1.0));
    rehearsal.assert_nothing_left();
    let value = |name: &str| {
        page.value(&format!("pgbackrest_drill_{name}"), &[]).unwrap_or_else(|| panic!("{name}: {}", page.text))
    };
    assert!(value("rto_seconds") > 0.0 && value("rpo_seconds") > 0.0 && value("restored_bytes") > 1e7);
    assert_eq!((value("runs_total"), value("failures_total"), value("amcheck")), (1.0, 0.0, 1.0));
    assert_eq!(value("proven_timestamp_seconds"), value("started_timestamp_seconds"));
    // The result is there a moment before the run has ended.
    until("the status page has the result and the next run", || {
        let shown = scheduled.get("/").unwrap().text();
        shown.contains("restores in") && shown.contains("next run at")
    });
    drop(scheduled);

    // By hand, with the same folder for results: the exporter has it, without a schedule of its own.
    let other = start(&[]);
    let state = format!("--state-dir={}", state.display());
    let output = rehearsal.command(&[&state, "--drill.query=select false"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let failed = |page: &support::Page| page.label_values("pgbackrest_drill_error_info", "reason").contains("query");
    let page = scrape_until(&other, "the drill by hand", failed);
    assert_eq!(page.value("pgbackrest_drill_runs_total", &[]), Some(2.0));
    drop(other);

    // One that is stopped in a drill leaves nothing; one that is killed leaves what the next one removes.
    for signal in ["TERM", "KILL"] {
        let slow = start(&["--drill.every=1s", "--drill.query=select pg_sleep(60) is null"]);
        until("a query has been asked", || rehearsal.scratch().join("query.sql").exists());
        slow.signal(signal).unwrap();
        slow.process().wait(support::LIMIT).unwrap();
        if signal == "KILL" {
            let next = start(&[]);
            until("the folder is empty", || fs::read_dir(rehearsal.scratch()).unwrap().next().is_none());
            drop(next);
        }
        rehearsal.assert_nothing_left();
    }
}

#[test]
#[ignore = "measures; run by make drill"]
fn measured_time_is_that_of_a_restore_by_hand() {
    let rehearsal = Rehearsal::build(BackrestRelease::Newest);
    let rows = "insert into t select n, repeat(md5(n::text), 30) from generate_series(1, 1000000) n";
    rehearsal.server.psql("postgres", rows).unwrap();
    rehearsal.backrest.backup(STANZA, "full", &[]).unwrap();
    rehearsal.server.psql("postgres", rows).unwrap();
    rehearsal.switch_wal(1);
    let (_, record) = rehearsal.drill(&["--drill.nice=0", "--no-drill.amcheck", "--no-drill.checksums"]);
    let by_hand = by_hand(&rehearsal);
    let rto = number(&record, "rto_seconds");
    println!(
        "{:.0} MiB, {} segments: drill {rto:.1} s, by hand {:.1} s",
        number(&record, "restored_bytes") / 1_048_576.0,
        record["wal_segments"],
        by_hand.as_secs_f64()
    );
    assert!((rto / by_hand.as_secs_f64() - 1.0).abs() < 0.5, "{rto} {by_hand:?}");
}

/// The same by pgbackrest restore and pg_ctl.
fn by_hand(rehearsal: &Rehearsal) -> Duration {
    // On the file system of the drill.
    let folder = rehearsal.folder.path().join("by-hand");
    fs::create_dir(&folder).unwrap();
    if let Some(user) = rehearsal.backrest.user() {
        assert!(Command::new("chown").arg(user).arg(&folder).status().unwrap().success());
    }
    let data = folder.display();
    let begun = Instant::now();
    rehearsal.backrest.run(STANZA, &[&format!("--pg1-path={data}"), "--archive-mode=off", "restore"]).unwrap();
    let pg_ctl = rehearsal.server.bin_dir().join("pg_ctl");
    let options = format!("-c listen_addresses='' -c unix_socket_directories={data} -c port=5432 -c hot_standby=off");
    let log = rehearsal.backrest.folder().join("by-hand.log");
    let pg_ctl = |words: &[&str]| {
        let mut command = match rehearsal.backrest.user() {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]).arg(&pg_ctl);
                command
            }
            None => Command::new(&pg_ctl),
        };
        command.args(["-D", &data.to_string()]).args(words).stdout(Stdio::null());
        assert!(command.status().unwrap().success(), "{}", fs::read_to_string(&log).unwrap_or_default());
    };
    pg_ctl(&["-l", &log.display().to_string(), "-o", &options, "-w", "start"]);
    // pg_ctl waits for the start of recovery, not for its end.
    let mut psql = Command::new(rehearsal.server.bin_dir().join("psql"));
    psql.args(["-X", "-U", "postgres", "-d", "postgres", "-c", "select 1", "-p", "5432", "-h"]).arg(&folder);
    psql.stdout(Stdio::null()).stderr(Stdio::null());
    until("the server accepts connections", || psql.status().unwrap().success());
    let took = begun.elapsed();
    pg_ctl(&["-m", "immediate", "stop"]);
    took
}
