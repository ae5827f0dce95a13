//! Verifications and restore drills, by an exporter of their own.

use std::fs;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Place};
use super::steps::{LIMIT, program_of, write_wal};
use crate::architecture::SCOPE;
use crate::{Architecture, Exporter, LabError, Process, Target};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["BackupInvalid"],
        what: "remove a file of a backup, and verify",
        place: Place::Primary,
        cause: |lab, _| {
            let file = backup_file(lab)?;
            rename(&file, &file.with_extension("aside"))?;
            exporter(lab, &lab.backrest.config(), &["--verify.every=5s".to_owned()])
        },
        mend,
    },
    Fault {
        alerts: &["BackupNotProven"],
        what: "give a verification less time than it needs",
        place: Place::Primary,
        cause: |lab, _| {
            exporter(lab, &lab.backrest.config(), &["--verify.every=5s".to_owned(), "--verify.timeout=0.1s".to_owned()])
        },
        mend,
    },
    Fault {
        alerts: &["BackupDrillFailed"],
        what: "remove a file of a backup, and restore",
        place: Place::Primary,
        cause: |lab, at| {
            let file = backup_file(lab)?;
            rename(&file, &file.with_extension("aside"))?;
            drills(lab, at)
        },
        mend,
    },
    Fault {
        alerts: &["BackupDrillFailed"],
        what: "flip a byte of a backup, and restore",
        place: Place::Primary,
        cause: |lab, at| {
            let file = backup_file(lab)?;
            let aside = file.with_extension("aside");
            rename(&file, &aside)?;
            let flip = || {
                let mut bytes = fs::read(&aside)?;
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x55;
                fs::write(&file, bytes)
            };
            flip().map_err(LabError::io(format!("changing {}", file.display())))?;
            drills(lab, at)
        },
        mend,
    },
    Fault {
        alerts: &["BackupDrillFailed"],
        what: "remove a segment of WAL from the archive, and restore",
        place: Place::Primary,
        cause: |lab, at| {
            let before = segments(lab).len();
            write_wal(lab, at, 4)?;
            let is_archived = "select count(*) = 0 from pg_ls_archive_statusdir() where name like '%.ready'";
            lab.nodes[at].member.wait_for_query(is_archived, LIMIT)?;
            let after = segments(lab);
            let file = after.get(before + 1).ok_or_else(|| LabError::Unexpected("no new segment".to_owned()))?;
            rename(file, &file.with_extension("aside"))?;
            drills(lab, at)
        },
        mend,
    },
    Fault {
        alerts: &["BackupDrillFailed"],
        what: "read the repository with a cipher that is not its own, and restore",
        place: Place::Primary,
        cause: |lab, at| {
            let (config, other) = (lab.backrest.config(), lab.backrest.folder().join("other-cipher.conf"));
            let copy = || {
                let cipher = "[global]\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=another\n";
                fs::write(&other, fs::read_to_string(&config)?.replacen("[global]\n", cipher, 1))
            };
            copy().map_err(LabError::io(format!("copying {}", config.display())))?;
            let flags = drill_flags(lab, at)?;
            exporter(lab, &other, &flags)
        },
        mend,
    },
    Fault {
        alerts: &["BackupDrillFailed"],
        what: "restore where the disk has not enough space",
        place: Place::Primary,
        cause: |lab, at| {
            let mut flags = drill_flags(lab, at)?;
            flags.retain(|flag| !flag.starts_with("--drill.reserve"));
            flags.push("--drill.reserve=100000000".to_owned());
            exporter(lab, &lab.backrest.config(), &flags)
        },
        mend,
    },
    Fault {
        alerts: &["BackupRtoHigh", "BackupRpoHigh"],
        what: "restore a backup",
        place: Place::Primary,
        cause: drills,
        mend,
    },
];

/// An exporter that drills, again and again.
fn drills(lab: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    let flags = drill_flags(lab, at)?;
    exporter(lab, &lab.backrest.config(), &flags)
}

fn drill_flags(lab: &Architecture, at: usize) -> Result<Vec<String>, LabError> {
    Ok(vec![
        "--drill.every=5s".to_owned(),
        "--drill.reserve=1".to_owned(),
        format!("--drill.path={}", lab.backrest.folder().join("drill").display()),
        format!("--drill.pg-bin-path={}", server_programs(lab, at)?.display()),
    ])
}

/// Starts one more exporter of the repository, and has it scraped.
fn exporter(lab: &Architecture, config: &Path, flags: &[String]) -> Result<Vec<Process>, LabError> {
    let program = program_of(&lab.backrest_exporter.process().pid().to_string())?;
    let mut args = vec![
        format!("--backrest.binary={}", lab.backrest.program().display()),
        format!("--backrest.config={}", config.display()),
        "--collect.interval=5".to_owned(),
    ];
    args.extend(lab.backrest.user().map(|user| format!("--backrest.user={user}")));
    args.extend(flags.iter().cloned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let exporter = Exporter::start(&program, &args, &[])?;
    let address = exporter.address();
    let target = Target::new("pgbackrest", address).label("cls", SCOPE).label("ins", "proof");
    let mut targets = lab.targets();
    targets.push(target.label("ip", &address.ip().to_string()));
    lab.prometheus.scrape(&targets)?;
    Ok(vec![exporter.into_process()])
}

/// The folder with the programs of a member's PostgreSQL.
fn server_programs(lab: &Architecture, at: usize) -> Result<PathBuf, LabError> {
    let file = lab.nodes[at].member.data_dir().join("postmaster.pid");
    let text = fs::read_to_string(&file).map_err(LabError::io(format!("reading {}", file.display())))?;
    let program = program_of(text.lines().next().unwrap_or_default())?;
    Ok(program.parent().map(Path::to_owned).unwrap_or_default())
}

/// Puts the file back, and ends the scrapes of the exporter.
fn mend(lab: &mut Architecture, _: usize) -> Result<(), LabError> {
    for file in files(&lab.backrest.folder().join("repo1")) {
        if file.extension().is_some_and(|extension| extension == "aside") {
            rename(&file, &file.with_extension("gz"))?;
        }
    }
    lab.prometheus.scrape(&lab.targets())
}

fn backups(lab: &Architecture) -> PathBuf {
    lab.backrest.folder().join("repo1/backup").join(SCOPE)
}

/// The segments in the archive, oldest first.
fn segments(lab: &Architecture) -> Vec<PathBuf> {
    let all = files(&lab.backrest.folder().join("repo1/archive").join(SCOPE));
    let is_segment = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.get(24..25) == Some("-") && name.ends_with(".gz")
    };
    all.into_iter().filter(is_segment).collect()
}

/// A file of the newest full backup, which all others refer to.
fn backup_file(lab: &Architecture) -> Result<PathBuf, LabError> {
    let all = files(&backups(lab));
    let is_data = |path: &&PathBuf| {
        let text = path.to_string_lossy();
        text.contains("F/pg_data/base/") && text.ends_with(".gz") && !path.is_symlink()
    };
    let newest = all.iter().rfind(is_data).cloned();
    newest.ok_or_else(|| LabError::Unexpected("no file of a full backup".to_owned()))
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

fn rename(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::rename(from, to).map_err(LabError::io(format!("renaming {}", from.display())))
}
