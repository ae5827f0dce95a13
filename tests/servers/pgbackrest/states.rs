//! A stanza in each state that can be made: the page tells it, with the words of pgBackRest.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use lab::{Backrest, BackrestRelease, Exporter, Postgres, Process};
use support::outcome::scrape_until;
use support::{LIMIT, Page, scrape};

use super::reading::{Asked, assert_equal, expected};
use super::{STANZA, exporter, files, first_page, next_page, server_for};

const PASS: &str = "a-secret-of-the-repository";

/// One encrypted repository, a server that archives to it, and an exporter.
struct Scene {
    backrest: Backrest,
    server: Postgres,
    exporter: Exporter,
}

impl Scene {
    fn build(release: BackrestRelease) -> Scene {
        let pass = format!("repo1-cipher-pass={PASS}");
        let backrest = Backrest::new(release, &["repo1-cipher-type=aes-256-cbc", &pass, "archive-timeout=20"]).unwrap();
        let server = server_for(&backrest, release);
        let exporter = exporter(&backrest, &[]);
        Scene { backrest, server, exporter }
    }

    fn repository(&self, path: &str) -> PathBuf {
        self.backrest.folder().join("repo1").join(path)
    }

    /// Waits until stanza and repository have that code, and holds the page against the JSON.
    fn assert_state(&self, what: &str, code: f64) -> Page {
        let (stanza, repository) = ("pgbackrest_stanza_status", "pgbackrest_repo_status");
        let has = |page: &Page, name| page.samples(name, &[]).iter().any(|one| one.value == code);
        scrape_until(&self.exporter, what, |page| has(page, stanza) && has(page, repository));
        next_page(&self.exporter);
        let document = self.backrest.info(&[]).unwrap();
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let before = now();
        let page = scrape(&self.exporter);
        assert_equal(&page, &expected(&document, Asked::default()), before..=now());
        let told = page.text.clone() + &self.exporter.log();
        assert!(!told.contains(PASS), "{what}: the pass is told");
        page
    }
}

fn on_old_and_new(check: impl Fn(Scene) + Sync) {
    std::thread::scope(|scope| {
        for release in [BackrestRelease::V2_45, BackrestRelease::Newest] {
            scope.spawn({
                let check = &check;
                move || check(Scene::build(release))
            });
        }
    });
}

fn status(page: &Page) -> Option<f64> {
    page.value("pgbackrest_exporter_status", &[])
}

#[test]
fn every_stanza_state_is_reported() {
    on_old_and_new(|scene| {
        // No stanza at all is a list without any: nothing is wrong, and nothing is there.
        let page = first_page(&scene.exporter);
        assert!(page.samples("pgbackrest_stanza_status", &[]).is_empty());

        scene.backrest.create_stanza(STANZA, &scene.server).unwrap();
        let page = scene.assert_state("no backup", 2.0);
        let full = [("backup_type", "full")];
        assert_eq!(page.value("pgbackrest_repo_backups", &full), Some(0.0));
        assert_eq!(page.label_values("pgbackrest_status_info", "reason"), ["no valid backups"].into());

        scene.backrest.backup(STANZA, "full", &[]).unwrap();
        let page = scene.assert_state("ok", 0.0);
        assert_eq!((page.value("pgbackrest_repo_backups", &full), status(&page)), (Some(1.0), Some(1.0)));
        assert!(page.samples("pgbackrest_status_info", &[]).is_empty());
        assert_eq!(page.value("pgbackrest_wal_archive_gap_bytes", &[]), Some(0.0));

        assert_wal_gap(&scene);
        assert_wrong_pass(&scene);
        assert_unreadable(&scene);

        for file in ["backup.info", "backup.info.copy"] {
            fs::remove_file(scene.repository("backup").join(STANZA).join(file)).unwrap();
        }
        let page = scene.assert_state("missing data", 3.0);
        assert_eq!(page.label_values("pgbackrest_status_info", "reason"), ["missing stanza data"].into());
        assert_eq!(page.value("pgbackrest_repo_backups", &full), None);
    });
}

/// Without the segment that the backup began in it cannot be restored, though everything is "ok".
fn assert_wal_gap(scene: &Scene) {
    let archive = scene.repository("archive").join(STANZA);
    let segments = || -> Vec<PathBuf> {
        let is_segment = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.len() > 24 && name.as_bytes()[24] == b'-'
        };
        files(&archive).into_iter().filter(is_segment).collect()
    };
    let before = segments().len();
    scene.server.psql("postgres", "create table t as select 1 as n; select pg_switch_wal()").unwrap();
    support::until("one more segment is archived", || segments().len() > before);
    let all = segments();
    // All but the last.
    for segment in &all[..all.len() - 1] {
        fs::remove_file(segment).unwrap();
    }
    let gap = |page: &Page| page.value("pgbackrest_wal_archive_gap_bytes", &[]).unwrap_or_default();
    scrape_until(&scene.exporter, "the gap", |page| gap(page) > 0.0);
    let page = scene.assert_state("a gap", 0.0);
    let segment = f64::from(1 << 24);
    assert!(gap(&page) >= segment && gap(&page) % segment == 0.0, "{}", gap(&page));
}

fn assert_wrong_pass(scene: &Scene) {
    let config = scene.backrest.config();
    let right = fs::read_to_string(&config).unwrap();
    fs::write(&config, right.replace(PASS, "another-secret-altogether")).unwrap();
    let page = scene.assert_state("wrong pass", 99.0);
    assert_eq!(status(&page), Some(0.0), "{}", page.text);
    // pgBackRest itself calls this a success.
    assert_eq!(page.value("pgbackrest_collect_success", &[]), Some(1.0));
    let reasons = page.label_values("pgbackrest_status_info", "reason");
    // What comes out of a wrong decryption may look like a file of another form.
    assert!(reasons.iter().any(|reason| reason.ends_with("Error")), "{reasons:?}");
    assert!(!page.text.contains("another-secret"));
    fs::write(&config, right).unwrap();
    scene.assert_state("right pass", 0.0);
}

fn assert_unreadable(scene: &Scene) {
    let folder = scene.repository("backup");
    fs::set_permissions(&folder, Permissions::from_mode(0o000)).unwrap();
    let page = scene.assert_state("unreadable", 99.0);
    assert_eq!(status(&page), Some(0.0), "{}", page.text);
    let reasons = page.label_values("pgbackrest_status_info", "reason");
    assert!(reasons.iter().any(|reason| reason.ends_with("OpenError")), "{reasons:?}");
    fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
    scene.assert_state("readable", 0.0);
}

#[test]
fn a_running_backup_holds_the_lock() {
    on_old_and_new(|scene| {
        scene.backrest.create_stanza(STANZA, &scene.server).unwrap();
        let lock = |page: &Page| page.value("pgbackrest_stanza_backup_lock_status", &[]);
        scrape_until(&scene.exporter, "nothing runs", |page| lock(page) == Some(0.0));
        // A backup begins by waiting for WAL to be archived, which will not happen; it looks for its own name in the command.
        scene.server.psql("postgres", "alter system set archive_command = 'false # pgbackrest'").unwrap();
        scene.server.psql("postgres", "select pg_reload_conf()").unwrap();
        scene.server.wait_for("select current_setting('archive_command') like 'false%'", LIMIT).unwrap();
        let log = scene.backrest.folder().join("backup.log");
        let command = scene.backrest.command(STANZA, &["--type=full", "backup"]);
        let backup = Process::start("pgbackrest backup", command, &log).unwrap();
        let page = scrape_until(&scene.exporter, "the backup runs", |page| lock(page) == Some(1.0));
        assert_eq!(page.value("pgbackrest_up", &[]), Some(1.0));
        drop(backup);
        scrape_until(&scene.exporter, "nothing runs any more", |page| lock(page) == Some(0.0));
    });
}
