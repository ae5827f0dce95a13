//! The settings of the collection.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::backups::BackupSelection;
use crate::command::Program;
use crate::drill::DrillSettings;
use crate::jobs::{ProofFile, Schedules};
use crate::snapshot::RunTarget;
use crate::verify::VerifySettings;

/// What to run, how often, and what to read.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub program: Program,
    /// Arguments for its configuration files.
    pub config: Vec<OsString>,
    /// More arguments for `info`.
    pub arguments: Vec<OsString>,
    /// One run for each of them; one run for all stanzas if empty.
    pub included_stanzas: Vec<String>,
    pub selection: BackupSelection,
    pub database_count: DatabaseCount,
    pub parallel_processes: usize,
    pub reference_count: bool,
    pub verbose_wal: bool,
    pub interval: Duration,
    pub timeout: Duration,
    pub stale: Duration,
    /// The folder of the log files.
    pub log_path: PathBuf,
    /// Whether `info` is run at all.
    pub enabled: bool,
    pub verify: VerifySettings,
    pub drill: DrillSettings,
    pub schedules: Schedules,
    /// Where results of verifications and drills are kept.
    pub state: ProofFile,
}

/// The backups whose databases are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseCount {
    None,
    Newest,
    All,
}

impl Settings {
    /// What each run reads.
    pub fn targets(&self) -> Vec<RunTarget> {
        let target = |label: &str, stanza: Option<String>| RunTarget {
            label: label.to_owned(),
            stanza,
            document: None,
            last_run: None,
            runs: 0,
            failures: 0,
        };
        if !self.enabled {
            return Vec::new();
        }
        if self.included_stanzas.is_empty() {
            let all =
                if self.selection.excluded_stanzas.is_empty() { "all-stanzas" } else { "all-stanzas-except-excluded" };
            return vec![target(all, None)];
        }
        let wanted = self.included_stanzas.iter().filter(|name| !self.selection.excluded_stanzas.contains(name));
        wanted.map(|name| target(name, Some(name.clone()))).collect()
    }

    /// The arguments of one `pgbackrest info`. Log levels are explicit, since the configuration may set others.
    pub fn info_arguments(&self, stanza: Option<&str>) -> Vec<OsString> {
        let levels = ["--log-level-console=error", "--log-level-stderr=error", "--log-level-file=off"];
        let fixed = ["info", "--output=json"].into_iter().chain(levels).map(OsString::from);
        let stanza = stanza.map(|stanza| OsString::from(format!("--stanza={stanza}")));
        fixed.chain(self.config.iter().cloned()).chain(stanza).chain(self.arguments.iter().cloned()).collect()
    }
}
