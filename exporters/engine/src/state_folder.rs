//! The folder for what outlives an exporter: positions in logs and totals of their lines, results of daily runs.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// The flag that names it.
#[derive(Debug, Clone, Args)]
pub struct StateFolder {
    /// Folder for what is kept over a restart: how far logs were read and what was counted in them,
    /// results of verifications and drills
    ///
    /// Default: $STATE_DIRECTORY, which systemd sets for a unit with StateDirectory=. Without a
    /// folder, a restart forgets all of it.
    #[arg(
        long = "state-dir",
        id = "state_dir",
        help_heading = "State",
        value_name = "PATH",
        default_value = "",
        verbatim_doc_comment
    )]
    state_dir: OsString,
}

impl StateFolder {
    /// Its variable after the exporter's prefix.
    pub const VARIABLE: (&str, &str) = ("state_dir", "STATE_DIR");

    /// The folder that was given, else that of systemd, which names several with colons: the first is ours.
    pub fn path(&self) -> Option<PathBuf> {
        let systemd = || std::env::var("STATE_DIRECTORY").ok()?.split(':').next().map(PathBuf::from);
        let given = Some(&self.state_dir).filter(|given| !given.is_empty()).map(PathBuf::from);
        given.or_else(systemd).filter(|path| !path.as_os_str().is_empty())
    }
}
