//! What a restart needs to continue in a log: how far it was read, and what was counted up to there. One file for each log.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use logs::{PlanHistory, Positions};
use serde::{Deserialize, Serialize};

use crate::accumulate::SavedTotals;

/// How far a log was read, and the totals of its collectors at that place.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct LogState {
    /// The files that the positions are of: another log has others.
    pub place: String,
    pub positions: Positions,
    /// The last plan of each query.
    #[serde(default)]
    pub plans: PlanHistory,
    /// By collector.
    pub totals: BTreeMap<String, SavedTotals>,
}

/// The file of one log.
#[derive(Debug, Clone)]
pub(super) struct LogStateFile(PathBuf);

impl LogStateFile {
    /// Of the log of a program of a server.
    pub fn new(directory: &Path, program: &str, target: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let name: String = target.chars().map(|c| if is_plain(c) { c } else { '_' }).take(100).collect();
        // Names that become the same keep different files.
        Self(directory.join(format!("log-{program}-{name}-{:08x}.json", crc32fast::hash(target.as_bytes()))))
    }

    /// What was saved; `None` if nothing was.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn load(&self) -> Result<Option<LogState>> {
        match fs::read(&self.0) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.described(&error)),
        }
    }

    /// Replaces the file as a whole.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn save(&self, state: &LogState) -> Result<()> {
        let temporary = self.0.with_extension("new");
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec(state)?)?;
            file.sync_data()?;
            fs::rename(&temporary, &self.0)
        };
        write().map_err(|error| self.described(&error))
    }

    fn described(&self, error: &Error) -> Error {
        Error::new(error.kind(), format!("{}: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_what_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let file = LogStateFile::new(folder.path(), "postgres", "/run/postgresql:5432");
        assert!(file.load().unwrap().is_none());
        let state = LogState { place: "x".into(), ..LogState::default() };
        file.save(&state).unwrap();
        assert_eq!(file.load().unwrap().unwrap().place, "x");
        fs::write(&file.0, "{").unwrap();
        assert!(file.load().is_err());
        assert!(LogStateFile::new(&folder.path().join("none"), "postgres", "a").save(&state).is_err());
    }
}
