//! Backups.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::fault::{Fault, Place};
use super::steps::{LIMIT, freeze, sql};
use crate::architecture::SCOPE;
use crate::{Architecture, LabError, Process};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["BackupFewerDatabases", "BackupShrunk"],
        what: "drop a large database between two backups",
        place: Place::Primary,
        cause: |lab, at| {
            let member = &lab.nodes[at].member;
            sql(lab, at, "create database spare")?;
            member.psql("spare", "create table large as select repeat('x', 1000) from generate_series(1, 40000)")?;
            lab.backrest.backup(SCOPE, "incr", &[])?;
            let count = member.psql("postgres", "select count(*) from pg_database where not datistemplate")?;
            // For as long as the alerts look back at it.
            let held = format!("min_over_time(max(pgbackrest_backup_last_databases)[20s:5s]) == {count}");
            lab.prometheus.wait_for(&held, LIMIT)?;
            sql(lab, at, "drop database spare with (force)")?;
            lab.backrest.backup(SCOPE, "incr", &[])?;
            Ok(Vec::new())
        },
        // The next day's backup will have as many.
        mend: |_, _| Ok(()),
    },
    Fault {
        alerts: &["BackupRunsLong", "BackupSlow"],
        what: "freeze a backup until it has taken much longer than others, and let it go on",
        place: Place::Primary,
        cause: |lab, at| {
            let backup = start_backup(lab, at)?;
            let is_told = r#"ALERTS{alertname="BackupRunsLong",alertstate="firing"}"#;
            let told = freeze(&backup)
                .and_then(|_| wait_until_slow(lab))
                .and_then(|()| lab.prometheus.wait_for(is_told, LIMIT));
            backup.signal("CONT")?;
            told?;
            if !backup.wait(LIMIT).is_some_and(|status| status.success()) {
                return Err(LabError::Unexpected(format!("a backup that was frozen: {}", backup.log_tail())));
            }
            Ok(Vec::new())
        },
        mend: |lab, _| lab.backrest.backup(SCOPE, "incr", &[]),
    },
    Fault {
        alerts: &["BackupPageErrors"],
        what: "damage a page of a table on disk before a backup",
        place: Place::Primary,
        cause: |lab, at| {
            damage_page(lab, at, "unread")?;
            lab.backrest.backup(SCOPE, "incr", &[]).map(|()| Vec::new())
        },
        mend: |lab, at| {
            sql(lab, at, "drop table unread")?;
            lab.backrest.backup(SCOPE, "incr", &[])
        },
    },
    Fault {
        alerts: &["BackupRecoveryWindowShort"],
        what: "keep no backup but a new one",
        place: Place::Primary,
        cause: |lab, _| lab.backrest.backup(SCOPE, "full", &["--repo1-retention-full=1"]).map(|()| Vec::new()),
        // The window grows.
        mend: |_, _| Ok(()),
    },
    Fault {
        alerts: &["BackupUnobserved"],
        what: "freeze pgBackRest’s exporter",
        place: Place::Primary,
        cause: |lab, _| freeze(lab.backrest_exporter.process()),
        mend: |lab, _| lab.backrest_exporter.signal("CONT"),
    },
];

/// A new table, of which a page is damaged on disk, not in memory.
pub(super) fn damage_page(lab: &Architecture, at: usize, table: &str) -> Result<(), LabError> {
    let member = &lab.nodes[at].member;
    sql(lab, at, &format!("create table {table} as select generate_series(1, 100) as id; checkpoint"))?;
    let file = member.psql("postgres", &format!("select pg_relation_filepath('{table}')"))?;
    let file = member.data_dir().join(file);
    let damage = || File::options().write(true).open(&file)?.write_all_at(b"damage", 4000);
    damage().map_err(LabError::io(format!("damaging {}", file.display())))
}

/// A backup whose time has begun: it has told the server, and asked for the tablespaces.
fn start_backup(lab: &Architecture, at: usize) -> Result<Process, LabError> {
    let command = lab.backrest.command(SCOPE, &["--type=incr", "backup"]);
    let backup = Process::start("pgbackrest backup", command, &lab.backrest.folder().join("backup.log"))?;
    let has_begun = "select exists (select from pg_stat_activity
                                     where application_name ~ '^pgBackRest' and query ~ 'pg_backup_start|pg_tablespace')";
    lab.nodes[at].member.wait_for_query(has_begun, LIMIT)?;
    Ok(backup)
}

/// Waits until a backup that begins now has taken much longer than the usual one.
fn wait_until_slow(lab: &Architecture) -> Result<(), LabError> {
    let usual =
        r#"quantile_over_time(0.5, max(pgbackrest_repo_last_backup_duration_seconds{backup_type="incr"})[1m:5s])"#;
    let now = lab.prometheus.query("time()")?.first().map(|sample| sample.value).unwrap_or_default();
    lab.prometheus.wait_for(&format!("vector(time() - {now}) > 10 + 2 * {usual}"), 2 * LIMIT).map(drop)
}
