//! Backups.

use std::fs;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Place};
use super::steps::{LIMIT, freeze, sql};
use crate::architecture::SCOPE;
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["BackupStanzaAbsent"],
        what: "move the repository away",
        place: Place::Primary,
        cause: |lab, _| rename(&repository(lab), &aside(lab)).map(|()| Vec::new()),
        mend: |lab, _| rename(&aside(lab), &repository(lab)),
    },
    Fault {
        alerts: &["BackupRepositoryUnhealthy"],
        what: "empty a stanza’s folder of backups",
        place: Place::Primary,
        cause: |lab, _| {
            let backups = backups(lab);
            rename(&backups, &aside(lab))?;
            fs::create_dir(&backups).map_err(LabError::io(format!("creating {}", backups.display())))?;
            Ok(Vec::new())
        },
        // In place of the empty one.
        mend: |lab, _| rename(&aside(lab), &backups(lab)),
    },
    Fault {
        alerts: &["BackupMissing"],
        what: "create the stanza in an empty repository",
        place: Place::Primary,
        cause: |lab, _| {
            rename(&repository(lab), &aside(lab))?;
            lab.backrest.run(SCOPE, &["stanza-create"])?;
            Ok(Vec::new())
        },
        mend: |lab, _| {
            let empty = repository(lab);
            fs::remove_dir_all(&empty).map_err(LabError::io(format!("removing {}", empty.display())))?;
            rename(&aside(lab), &empty)
        },
    },
    Fault {
        alerts: &["BackupFewerDatabases"],
        what: "drop a database between two backups",
        place: Place::Primary,
        cause: |lab, at| {
            sql(lab, at, "create database spare")?;
            lab.backrest.backup(SCOPE, "incr", &[])?;
            let count =
                lab.nodes[at].member.psql("postgres", "select count(*) from pg_database where not datistemplate")?;
            // For as long as the alert looks back at it.
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

fn repository(lab: &Architecture) -> PathBuf {
    lab.backrest.folder().join("repo1")
}

fn backups(lab: &Architecture) -> PathBuf {
    repository(lab).join("backup").join(SCOPE)
}

/// Where something is while it is missed.
fn aside(lab: &Architecture) -> PathBuf {
    lab.backrest.folder().join("aside")
}

fn rename(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::rename(from, to).map_err(LabError::io(format!("moving {} to {}", from.display(), to.display())))
}
