//! Why a drill did not start, or failed.

use std::io;

use crate::command::RunError;
use crate::drill::choose::NoBackup;

/// Why a drill did not start, or failed; each step has its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrillError {
    #[error("no folder is set: name an empty folder for the restore with --drill.path")]
    NoFolder,
    #[error("{path}: {problem}; nothing was changed")]
    Folder { path: String, problem: String },
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("PostgreSQL refuses to run as root: run this as the user of the repository, or set --backrest.user")]
    Root,
    #[error("{0}")]
    Backup(#[from] NoBackup),
    #[error("pgbackrest info: {0}")]
    Info(String),
    #[error(
        "no programs of PostgreSQL {major} found in {searched}: install that version, or name their folder with --drill.pg-bin-path"
    )]
    Programs { major: u32, searched: String },
    #[error(
        "{path} has {free} free, the restore needs {needed} ({size} and a margin): free space, or set --drill.path to a larger file system"
    )]
    Space { path: String, free: String, needed: String, size: String },
    #[error("the file system of {path} has less than {reserve} left: the drill was ended (--drill.reserve)")]
    Full { path: String, reserve: String },
    #[error("the file system of {path} is full: {source}")]
    NoSpace { path: String, source: Box<Self> },
    #[error("the drill did not end within {0} s and was ended (--drill.timeout)")]
    Late(f64),
    #[error("the exporter was stopped")]
    Stopped,
    #[error("pgbackrest restore: {0}")]
    Restore(String),
    #[error("{what}: {source}")]
    Run { what: &'static str, source: RunError },
    #[error("PostgreSQL ended during recovery: {0}")]
    Recovery(String),
    #[error(
        "recovery ended at WAL segment {reached}, though the archive has {last}: the segment after {reached} is missing or damaged"
    )]
    WalMissing { reached: String, last: String },
    #[error("the server does not answer a query: {0}")]
    Connect(String),
    #[error("pg_amcheck: {0}")]
    Amcheck(String),
    #[error("pg_checksums: {0}")]
    Checksums(String),
    #[error("the query of --drill.query: {0}")]
    Query(String),
    #[error("the query of --drill.heartbeat-query: {0}")]
    Heartbeat(String),
}

impl DrillError {
    /// The value of the label `reason`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoFolder | Self::Folder { .. } | Self::Io { .. } => "folder",
            Self::Root => "user",
            Self::Backup(_) => "backup",
            Self::Info(_) => "info",
            Self::Programs { .. } => "programs",
            Self::Space { .. } | Self::Full { .. } | Self::NoSpace { .. } => "space",
            Self::Late(_) => "timeout",
            Self::Stopped => "stopped",
            Self::Restore(_) => "restore",
            Self::Run { .. } => "run",
            Self::Recovery(_) => "recovery",
            Self::WalMissing { .. } => "wal_missing",
            Self::Connect(_) => "connect",
            Self::Amcheck(_) => "amcheck",
            Self::Checksums(_) => "checksums",
            Self::Query(_) => "query",
            Self::Heartbeat(_) => "heartbeat",
        }
    }

    /// For `map_err` of an operation on a path.
    pub fn io(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }
}
