//! Repositories of backups.

use std::fs;
use std::path::{Path, PathBuf};

use super::exporter::config;
use super::fault::{Fault, Place};
use super::steps::{LIMIT, write_wal};
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
            remove(&repository(lab))?;
            rename(&aside(lab), &repository(lab))
        },
    },
    Fault {
        alerts: &["BackupRepositoryBehind"],
        what: "add a second repository, and make no backup in it",
        place: Place::Primary,
        cause: |lab, _| {
            add_second(lab)?;
            lab.backrest.run(SCOPE, &["stanza-create"]).map(|_| Vec::new())
        },
        mend: remove_second,
    },
    Fault {
        alerts: &["BackupStanzaUnhealthy"],
        what: "add a second repository, which has a backup of another cluster",
        place: Place::Primary,
        cause: |lab, at| {
            let other = lab.nodes[at].member.socket_dir().join("other").display().to_string();
            let made = lab.nodes[at].member.start_client("initdb", &["-D", &other, "--no-sync"])?;
            if !made.wait(LIMIT).is_some_and(|status| status.success()) {
                return Err(LabError::Unexpected(format!("making a cluster: {}", made.log_tail())));
            }
            // In place of the first one.
            let (repository, server) =
                (format!("--repo1-path={}", second(lab).display()), format!("--pg1-path={other}"));
            for command in ["stanza-create", "backup"] {
                lab.backrest.run(SCOPE, &["--no-online", &repository, &server, command])?;
            }
            fs::remove_dir_all(&other).map_err(LabError::io(format!("removing {other}")))?;
            add_second(lab).map(|()| Vec::new())
        },
        mend: remove_second,
    },
    Fault {
        alerts: &["BackupWalArchiveMissing", "BackupWalArchiveGap"],
        what: "move all WAL out of the repository, then archive a new file",
        place: Place::Primary,
        cause: |lab, at| {
            // The next one is in time only where it is asked for.
            write_wal(lab, at, 1)?;
            let is_archived = "select count(*) = 0 from pg_ls_archive_statusdir() where name like '%.ready'";
            lab.nodes[at].member.wait_for_query(is_archived, LIMIT)?;
            move_wal(&archive(lab), &aside(lab))?;
            lab.prometheus.wait_for(r#"ALERTS{alertname="BackupWalArchiveMissing",alertstate="firing"}"#, LIMIT)?;
            write_wal(lab, at, 1).map(|()| Vec::new())
        },
        mend: |lab, _| {
            move_wal(&aside(lab), &archive(lab))?;
            remove(&aside(lab))
        },
    },
];

fn repository(lab: &Architecture) -> PathBuf {
    lab.backrest.folder().join("repo1")
}

fn second(lab: &Architecture) -> PathBuf {
    lab.backrest.folder().join("repo2")
}

/// Configures a second repository.
fn add_second(lab: &Architecture) -> Result<(), LabError> {
    let (config, aside) = config(lab);
    fs::copy(&config, &aside).map_err(LabError::io(format!("copying {}", config.display())))?;
    // For all stanzas: a list of them reads no other section.
    let section = format!("[global]\nrepo2-path={}\nrepo2-retention-full=9\n", second(lab).display());
    let add = || fs::write(&config, fs::read_to_string(&config)?.replacen("[global]\n", &section, 1));
    add().map_err(LabError::io(format!("changing {}", config.display())))
}

fn remove_second(lab: &mut Architecture, _: usize) -> Result<(), LabError> {
    let (config, aside) = config(lab);
    rename(&aside, &config)?;
    remove(&second(lab))
}

fn backups(lab: &Architecture) -> PathBuf {
    repository(lab).join("backup").join(SCOPE)
}

fn archive(lab: &Architecture) -> PathBuf {
    repository(lab).join("archive").join(SCOPE)
}

/// Where something is while it is missed.
fn aside(lab: &Architecture) -> PathBuf {
    lab.backrest.folder().join("aside")
}

/// Moves WAL files, which lie two folders deep, to the same place in another folder.
fn move_wal(from: &Path, to: &Path) -> Result<(), LabError> {
    for folder in folders(from)?.iter().map(|folder| folders(folder)).collect::<Result<Vec<_>, _>>()?.concat() {
        let target = to.join(folder.strip_prefix(from).unwrap_or(&folder));
        fs::create_dir_all(&target).map_err(LabError::io(format!("creating {}", target.display())))?;
        for file in entries(&folder)? {
            rename(&file, &target.join(file.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, LabError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LabError> {
    let read = || fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>();
    read().map_err(LabError::io(format!("reading {}", folder.display())))
}

fn rename(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::rename(from, to).map_err(LabError::io(format!("moving {} to {}", from.display(), to.display())))
}

fn remove(folder: &Path) -> Result<(), LabError> {
    fs::remove_dir_all(folder).map_err(LabError::io(format!("removing {}", folder.display())))
}
