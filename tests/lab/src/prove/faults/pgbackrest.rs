//! Backups.

use std::fs;
use std::path::Path;

use super::{Fault, Place};
use crate::{Architecture, LabError, Process};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["BackupStanzaUnhealthy", "BackupRepositoryUnhealthy"],
        what: "move the repository away",
        place: Place::Primary,
        cause: |lab, _| move_away(lab, "repo1"),
        mend: |lab, _| move_back(lab, "repo1"),
    },
    Fault {
        alerts: &["BackupMissing"],
        what: "move all backups away, and not the archive",
        place: Place::Primary,
        cause: |lab, _| move_away(lab, "repo1/backup"),
        mend: |lab, _| move_back(lab, "repo1/backup"),
    },
];

fn move_away(lab: &Architecture, name: &str) -> Result<Vec<Process>, LabError> {
    rename(&lab.backrest.folder().join(name), &lab.backrest.folder().join("away")).map(|()| Vec::new())
}

fn move_back(lab: &Architecture, name: &str) -> Result<(), LabError> {
    rename(&lab.backrest.folder().join("away"), &lab.backrest.folder().join(name))
}

fn rename(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::rename(from, to).map_err(LabError::io(format!("moving {} to {}", from.display(), to.display())))
}
