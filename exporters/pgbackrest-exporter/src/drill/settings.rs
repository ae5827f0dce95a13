//! How drills are run.

use std::path::PathBuf;
use std::time::Duration;

use crate::drill::choose::{BackupChoice, Target};

/// How drills are run.
#[derive(Debug, Clone)]
pub(crate) struct DrillSettings {
    pub path: Option<PathBuf>,
    pub stanza: Option<String>,
    pub repository: Option<u64>,
    pub backup: BackupChoice,
    pub target: Target,
    pub pg_bin_path: Option<PathBuf>,
    pub db_user: String,
    pub database: String,
    pub query: Option<String>,
    pub heartbeat_query: Option<String>,
    pub amcheck: bool,
    pub checksums: bool,
    /// More settings of the scratch server.
    pub settings: Vec<(String, String)>,
    pub process_max: u16,
    /// Priority of its processes: 0 is that of the exporter, 19 the lowest.
    pub nice: u8,
    /// What has to be free, as a multiple of the backup's size.
    pub space_factor: f64,
    /// What stays free.
    pub reserve_bytes: u64,
    pub timeout: Duration,
}
