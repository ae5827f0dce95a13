//! Every release, with two repositories: archive, full, differential and incremental backups, told as the JSON tells them.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use lab::BackrestRelease;
use support::outcome::scrape_until;
use support::{Page, scrape};

use super::reading::{Asked, assert_equal, expected};
use super::{Stage, exporter, first_page, is_up};

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn on_every_release(check: impl Fn(BackrestRelease) + Sync) {
    std::thread::scope(|scope| {
        for release in BackrestRelease::ALL {
            scope.spawn({
                let check = &check;
                move || check(release)
            });
        }
    });
}

/// Three types of backups in two repositories, the last of them with annotations.
fn backups(stage: &Stage) {
    stage.server.psql("postgres", "create database shop").unwrap();
    stage
        .server
        .psql("shop", "create table item as select n, repeat('x', 100) from generate_series(1, 20000) n")
        .unwrap();
    stage.backup("full", "1", &[]);
    stage.backup("full", "2", &[]);
    stage.server.psql("shop", "update item set n = n + 1 where n % 7 = 0").unwrap();
    stage.backup("diff", "1", &[]);
    stage.server.psql("shop", "insert into item select n, 'y' from generate_series(1, 1000) n").unwrap();
    stage.backup("incr", "1", &["--annotation=ticket=a \"quoted\" \\ one", "--annotation=by=night"]);
    stage.backup("incr", "2", &[]);
}

#[test]
fn page_matches_the_json() {
    on_every_release(|release| {
        let stage = Stage::build(release);
        backups(&stage);
        let document = stage.backrest.info(&[]).unwrap();
        for (args, asked) in [
            (&[][..], Asked::default()),
            (&["--backrest.reference-count", "--backrest.verbose-wal"], Asked { references: true, verbose_wal: true }),
        ] {
            let exporter = exporter(&stage.backrest, args);
            first_page(&exporter);
            let before = now();
            let page = scrape(&exporter);
            assert_equal(&page, &expected(&document, asked), before..=now());
            page.assert_valid();
            assert!(page.value("pgbackrest_collect_json_bytes", &[]).unwrap() > 1000.0, "{release}");
        }
        if release != BackrestRelease::V2_45 {
            assert!(document.contains("delta-map"), "{release}: no block-incremental backup: {document}");
        }
        assert_databases(&stage);
        assert_version(&stage);
    });
}

/// Databases of backups come from runs of their own, one for each backup.
fn assert_databases(stage: &Stage) {
    // The template databases are not told: postgres and shop are left.
    let counts =
        |page: &Page, name: &str| -> Vec<f64> { page.samples(name, &[]).iter().map(|one| one.value).collect() };
    let exporter = exporter(&stage.backrest, &["--backrest.database-count-latest"]);
    let page = first_page(&exporter);
    assert_eq!(counts(&page, "pgbackrest_backup_last_databases"), [2.0, 2.0, 2.0], "{}", exporter.log());
    assert_eq!(counts(&page, "pgbackrest_backup_databases"), [2.0; 5]);
}

fn assert_version(stage: &Stage) {
    let output = Command::new(stage.backrest.program()).arg("version").output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let mut parts =
        output.trim().strip_prefix("pgBackRest ").unwrap().split('.').map(|part| part.parse::<f64>().unwrap());
    let (major, minor, patch) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or_default());
    let page = first_page(&exporter(&stage.backrest, &[]));
    assert_eq!(page.value("pgbackrest_version", &[]), Some(major * 1e4 + minor * 1e2 + patch));
    assert_eq!(page.value("pgbackrest_version_info", &[]), Some(major * 1e6 + minor * 1e3 + patch));
}

#[test]
fn flags_filter_stanzas_and_types() {
    let stage = Stage::build(BackrestRelease::V2_45);
    stage.backup("full", "1", &[]);
    stage.backup("diff", "1", &[]);
    let types = |args: &[&str]| {
        let page = first_page(&exporter(&stage.backrest, args));
        let types: Vec<String> =
            page.samples("pgbackrest_backup_info", &[]).iter().map(|one| one.labels["backup_type"].clone()).collect();
        (types, page)
    };
    assert_eq!(types(&["--backrest.backup-type=diff"]).0, ["diff"]);
    assert_eq!(types(&["--backrest.backup-type-exclude=diff,incr"]).0, ["full"]);
    let (found, page) = types(&["--backrest.stanza-exclude=demo"]);
    assert!(found.is_empty());
    assert_eq!(page.value("pgbackrest_exporter_status", &[("stanza", "all-stanzas-except-excluded")]), Some(1.0));
    let (_, page) = types(&["--backrest.stanza-include=demo", "--backrest.stanza-include=other"]);
    // One repository has backups, the other has none.
    assert_eq!(page.value("pgbackrest_stanza_status", &[("stanza", "demo")]), Some(4.0));
    assert_eq!(page.value("pgbackrest_stanza_status", &[("stanza", "other")]), Some(1.0));
    assert_eq!(page.label_values("pgbackrest_exporter_status", "stanza"), ["demo", "other"].into());
}

#[test]
fn a_new_backup_is_seen_without_a_restart() {
    let stage = Stage::build(BackrestRelease::Newest);
    stage.backup("full", "1", &[]);
    let exporter = exporter(&stage.backrest, &[]);
    let page = first_page(&exporter);
    let labels = &[("backup_type", "diff"), ("repo_key", "1")];
    assert_eq!(page.value("pgbackrest_repo_last_backup_stop_timestamp_seconds", labels), None);
    let before = now().floor();
    stage.backup("diff", "1", &[]);
    let seen = |page: &Page| is_up(page) && page.value("pgbackrest_repo_last_backup_age_seconds", labels).is_some();
    let page = scrape_until(&exporter, "the differential backup", seen);
    let stop = page.value("pgbackrest_repo_last_backup_stop_timestamp_seconds", labels).unwrap();
    assert!((before..=now()).contains(&stop), "{before} {stop}");
}
