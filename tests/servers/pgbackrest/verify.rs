//! `pgbackrest verify` on a schedule: a good repository is clean, and each kind of damage is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lab::{BackrestRelease, Exporter};
use support::outcome::scrape_until;
use support::{Page, until};

use super::script::{Script, children};
use super::{STANZA, Stage, exporter, files};

/// An exporter that verifies at once, and again each second.
fn verifying(stage: &Stage, more: &[&str]) -> Exporter {
    exporter(&stage.backrest, &[&["--verify.every=1s"], more].concat())
}

fn runs(page: &Page, repository: &str) -> f64 {
    page.value("pgbackrest_verify_runs_total", &[("repo_key", repository)]).unwrap_or_default()
}

/// The page after a run that began after now.
fn verified(exporter: &Exporter, repository: &str) -> Page {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let started = |page: &Page| {
        page.value("pgbackrest_verify_started_timestamp_seconds", &[("repo_key", repository)]).unwrap_or_default()
    };
    wait_for(exporter, |page| started(page) > now)
}

/// The first page like that. A verification has the lowest priority: on a busy machine it takes long.
fn wait_for(exporter: &Exporter, wanted: impl Fn(&Page) -> bool) -> Page {
    loop {
        let page = support::scrape(exporter);
        if wanted(&page) {
            return page;
        }
        assert!(exporter.process().is_running(), "{}", exporter.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn clean(page: &Page, repository: &str) -> Option<f64> {
    page.value("pgbackrest_verify_clean", &[("repo_key", repository)])
}

fn message(page: &Page) -> String {
    page.label_values("pgbackrest_verify_error_info", "message").into_iter().next().unwrap_or_default().to_owned()
}

fn repository(stage: &Stage, path: &str) -> PathBuf {
    stage.backrest.folder().join("repo1").join(path).join(STANZA)
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

/// Data files of the full backup.
fn data_files(stage: &Stage) -> Vec<PathBuf> {
    let all = files(&repository(stage, "backup"));
    let is_data = |path: &PathBuf| {
        let text = path.to_string_lossy();
        text.contains("F/pg_data/base/1/") && path.metadata().unwrap().len() > 2000
    };
    all.into_iter().filter(is_data).collect()
}

fn segments(stage: &Stage) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().get(24..25) == Some("-");
    files(&repository(stage, "archive")).into_iter().filter(is_segment).collect()
}

/// A stage whose first repository has a full and a differential backup, and more WAL after them.
fn stage(release: BackrestRelease) -> Stage {
    let stage = Stage::build(release);
    stage.backup("full", "1", &[]);
    stage.backup("full", "2", &[]);
    stage.server.psql("postgres", "create table t as select n from generate_series(1, 10000) n").unwrap();
    stage.backup("diff", "1", &[]);
    let before = segments(&stage).len();
    for count in 1..=3 {
        stage.server.psql("postgres", "insert into t values (1); select pg_switch_wal()").unwrap();
        until("the segment is archived", || segments(&stage).len() >= before + count);
    }
    stage
}

#[test]
#[ignore = "takes a minute: make majors"]
fn every_release_verifies_and_names_damage() {
    std::thread::scope(|scope| {
        for release in BackrestRelease::ALL {
            scope.spawn(move || {
                let stage = stage(release);
                let exporter = verifying(&stage, &[]);
                let page = wait_for(&exporter, |page| clean(page, "1") == Some(1.0) && clean(page, "2") == Some(1.0));
                assert_clean(&page, release);
                damage(&stage);
                let page = verified(&exporter, "1");
                assert_eq!((clean(&page, "1"), clean(&page, "2")), (Some(0.0), Some(1.0)), "{release}: {}", page.text);
                let told = message(&page);
                for expected in ["(1 missing, 1 with another checksum)", "a gap in the WAL after backup", "invalid WAL"]
                {
                    assert!(told.contains(expected), "{release}: {expected}: {told}");
                }
                assert_eq!(page.value("pgbackrest_verify_wal_ranges", &[("repo_key", "1")]), Some(2.0), "{release}");
                assert!(page.samples("pgbackrest_verify_wal_files_other", &[]).iter().any(|one| one.value == 1.0));
            });
        }
    });
}

fn assert_clean(page: &Page, release: BackrestRelease) {
    let all = |name: &str| -> Vec<f64> { page.samples(name, &[]).iter().map(|one| one.value).collect() };
    assert_eq!(all("pgbackrest_verify_backup_valid"), [1.0; 3], "{release}: {}", page.text);
    assert_eq!(all("pgbackrest_verify_backup_wal_complete"), [1.0; 3], "{release}");
    assert_eq!(all("pgbackrest_verify_wal_ranges"), [1.0; 2], "{release}");
    let checked = all("pgbackrest_verify_backup_files_checked");
    assert!(checked.iter().all(|files| *files > 500.0), "{release}: {checked:?}");
    assert_eq!(all("pgbackrest_verify_backup_files_valid"), checked, "{release}");
    assert_eq!(all("pgbackrest_verify_wal_files_valid"), all("pgbackrest_verify_wal_files_checked"), "{release}");
    let started = page.value("pgbackrest_verify_started_timestamp_seconds", &[("repo_key", "1")]);
    assert!(page.value("pgbackrest_verify_last_clean_timestamp_seconds", &[("repo_key", "1")]) <= started);
    assert!(page.samples("pgbackrest_verify_error_info", &[]).is_empty());
}

/// A flipped byte and a missing file in a backup, a removed and a damaged segment.
fn damage(stage: &Stage) {
    let (data, wal) = (data_files(stage), segments(stage));
    flip(&data[0]);
    fs::remove_file(&data[1]).unwrap();
    flip(&wal[0]);
    fs::remove_file(&wal[wal.len() - 2]).unwrap();
}

#[test]
fn damage_that_pgbackrest_calls_ok_is_named() {
    let stage = stage(BackrestRelease::Newest);
    let exporter = verifying(&stage, &[]);
    wait_for(&exporter, |page| clean(page, "1") == Some(1.0));
    for path in files(&repository(&stage, "backup")) {
        if path.to_string_lossy().contains("F/backup.manifest") {
            fs::remove_file(path).unwrap();
        }
    }
    assert!(message(&verified(&exporter, "1")).contains("F: manifest missing"));
    for file in ["backup.info", "backup.info.copy"] {
        fs::remove_file(repository(&stage, "backup").join(file)).unwrap();
    }
    let page = verified(&exporter, "1");
    assert_eq!(message(&page), "no usable backup.info file");
    assert_eq!(clean(&page, "2"), Some(1.0));
    let config = stage.backrest.config();
    let right = fs::read_to_string(&config).unwrap();
    fs::write(&config, right.replace("a-secret-of-the-repository", "another-secret")).unwrap();
    let page = verified(&exporter, "2");
    assert_eq!(clean(&page, "2"), Some(0.0), "{}", page.text);
    let told = page.text + &exporter.log();
    assert!(!told.contains("another-secret") && !told.contains("a-secret-of"), "the pass is told");
}

#[test]
fn results_survive_a_restart() {
    let script = Script::new();
    script.does(&verify_prints("stanza: demo\\nstatus: ok\\n"));
    let state = format!("--state-dir={}", script.path("").display());
    let flags = ["--verify.every=1h", &state];
    let exporter = script.exporter(&flags);
    let last = |page: &Page| page.value("pgbackrest_verify_last_clean_timestamp_seconds", &[]);
    let next = |page: &Page| page.value("pgbackrest_verify_next_timestamp_seconds", &[]);
    // The result is there a moment before the run has ended.
    let page = scrape_until(&exporter, "verified", |page| clean(page, "1") == Some(1.0) && next(page).is_some());
    drop(exporter);
    script.does(&verify_prints("stanza: demo\\nstatus: error\\n"));
    let exporter = script.exporter(&flags);
    let again = super::first_page(&exporter);
    assert_eq!((last(&again), runs(&again, "1")), (last(&page), 1.0), "{}", again.text);
    // The interval goes on.
    assert!((next(&again).unwrap() - next(&page).unwrap()).abs() < 5.0);
    let shown = exporter.get("/").unwrap().text();
    assert!(shown.contains("next run at") && shown.contains("verify stanza demo, repository 1"), "{shown}");
}

/// The lines of a script that does this for `verify`.
fn verify_prints(text: &str) -> String {
    format!("if [ \"$1\" = verify ]; then printf '{text}'; exit; fi\ncat \"$folder/document\"")
}

#[test]
fn run_without_report_has_a_reason() {
    let script = Script::new();
    for (verify, reason, told) in [
        ("sh -c \"while :; do sleep 1; done # $folder\" & wait", "timeout", "did not end within 1 s and was killed"),
        (
            "echo 'P00  ERROR: [041]: unable to open file '\"'/a-secret'\"' for read'; exit 41",
            "exit",
            "unable to open file",
        ),
        ("echo a-secret", "output", "no report"),
        ("kill -9 $$", "signal", "terminated by signal 9"),
        (
            "echo 'stanza: demo'; echo 'status: error'; echo '  No usable archive.info file'",
            "invalid",
            "no usable archive.info",
        ),
    ] {
        script.does(&format!("if [ \"$1\" = verify ]; then {verify}; exit; fi\ncat \"$folder/document\""));
        let exporter = script.exporter(&["--verify.every=1s", "--verify.timeout=1s"]);
        let failed = |page: &Page| page.label_values("pgbackrest_verify_error_info", "reason").contains(reason);
        let page = scrape_until(&exporter, reason, failed);
        assert!(message(&page).contains(told), "{reason}: {}", message(&page));
        // The run of info goes on, and so do its collectors.
        assert_eq!(page.value("pgbackrest_collect_success", &[]), Some(1.0));
        assert!(!(page.text + &exporter.log()).contains("a-secret"), "{reason}");
        exporter.signal("TERM").unwrap();
        assert!(exporter.process().wait(support::LIMIT).is_some_and(|status| status.success()));
        script.assert_nothing_runs();
    }
}

#[test]
fn hung_verification_ends_with_the_exporter() {
    let script = Script::new();
    script.does("if [ \"$1\" = verify ]; then sh -c \"while :; do sleep 1; done # $folder verifies\" & wait; fi\ncat \"$folder/document\"");
    for signal in ["TERM", "KILL"] {
        let exporter = script.exporter(&["--verify.every=1h"]);
        until("it runs", || script.running().len() >= 2);
        let page = support::scrape(&exporter);
        assert_eq!(page.value("pgbackrest_verify_running", &[]), Some(1.0), "{}", page.text);
        let child = children(&exporter)
            .into_iter()
            .find(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().contains("verify"));
        // Lowest priority: field 19 of its stat is the nice value.
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.unwrap())).unwrap();
        assert_eq!(stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16), Some("19"), "{stat}");
        exporter.signal(signal).unwrap();
        exporter.process().wait(support::LIMIT).unwrap();
        let child = format!("/proc/{}", child.unwrap());
        until("the child has ended", || !Path::new(&child).exists() || is_zombie(&child));
        if signal == "TERM" {
            script.assert_nothing_runs();
        }
        // A killed exporter leaves what its child has started: pgBackRest's own end with it.
        script.running().iter().for_each(|pid| {
            std::process::Command::new("kill").arg(pid.to_string()).status().unwrap();
        });
    }
}

fn is_zombie(process: &str) -> bool {
    let stat = fs::read_to_string(format!("{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}
