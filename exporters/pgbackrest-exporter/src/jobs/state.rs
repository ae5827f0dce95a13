//! The results of verifications and drills. They are kept in a file, since a run may come once a day and an exporter restarts.

use std::fs;
use std::io::{Error, ErrorKind, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use jaq_json::Val;
use serde::{Deserialize, Serialize};

use crate::drill::DrillRecord;
use crate::verify::VerifyRecord;

/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// The name of the file in the state folder.
const FILE: &str = "proofs.json";

/// All results, and when each job is due.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ProofState {
    pub verify: JobState<VerifyRecord>,
    pub drill: JobState<DrillRecord>,
}

/// One job.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct JobState<T> {
    /// Whether it has a schedule now.
    pub enabled: bool,
    /// Whether it runs now.
    pub running: bool,
    /// Since when it has had a schedule, in Unix seconds.
    pub scheduled_timestamp_seconds: Option<f64>,
    /// When it runs next.
    pub next_timestamp_seconds: Option<f64>,
    /// When the last run began.
    pub started_timestamp_seconds: Option<f64>,
    pub results: Vec<T>,
}

impl<T> Default for JobState<T> {
    fn default() -> Self {
        Self {
            enabled: false,
            running: false,
            scheduled_timestamp_seconds: None,
            next_timestamp_seconds: None,
            started_timestamp_seconds: None,
            results: Vec::new(),
        }
    }
}

impl JobState<DrillRecord> {
    /// Takes in new results, each in place of that for the same stanza.
    pub fn keep(&mut self, records: &[DrillRecord]) {
        self.results.retain(|known| records.iter().all(|new| new.stanza != known.stanza));
        self.results.extend(records.iter().cloned());
    }
}

/// The file of results in the folder for what is kept, if there is one.
#[derive(Debug, Clone)]
pub(crate) struct ProofFile(Option<PathBuf>);

/// Why results cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("cannot read the results of earlier runs from {path}: {source} (they count as never run)")]
    Read { path: String, source: Error },
    #[error("a verification or a drill runs already ({path} is locked)")]
    Busy { path: String },
    #[error("cannot keep results in {path}: {source} (a restart forgets them; see --state-dir)")]
    Write { path: String, source: Error },
}

impl ProofFile {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// The results of earlier runs; none if there is no folder or no file.
    pub fn read(&self) -> Result<ProofState, StateError> {
        let Some(path) = self.file() else { return Ok(ProofState::default()) };
        let read = || {
            if fs::metadata(&path)?.len() > MAX_BYTES {
                return Err(Error::from(ErrorKind::FileTooLarge));
            }
            Ok(serde_json::from_slice(&fs::read(&path)?)?)
        };
        match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(ProofState::default()),
            read => read.map_err(|source| StateError::Read { path: path.display().to_string(), source }),
        }
    }

    /// Replaces the file as a whole.
    pub fn write(&self, state: &ProofState) -> Result<(), StateError> {
        let Some(path) = self.file() else { return Ok(()) };
        let write = || {
            let new = path.with_extension("new");
            let mut file = fs::File::create(&new)?;
            file.write_all(&serde_json::to_vec(state)?)?;
            file.sync_all()?;
            fs::rename(new, &path)
        };
        write().map_err(|source| StateError::Write { path: path.display().to_string(), source })
    }

    /// Takes the lock of heavy runs, of which there is one at a time. Without a folder there is none.
    ///
    /// # Errors
    /// If another process has it.
    pub fn lock(&self) -> Result<Option<fs::File>, StateError> {
        let Some(folder) = &self.0 else { return Ok(None) };
        let path = folder.join("running.lock");
        let file = fs::File::create(&path);
        let file = file.map_err(|source| StateError::Write { path: path.display().to_string(), source })?;
        file.try_lock().map_err(|_| StateError::Busy { path: path.display().to_string() })?;
        Ok(Some(file))
    }

    /// When the file was written last.
    pub fn modified(&self) -> Option<SystemTime> {
        fs::metadata(self.file()?).ok()?.modified().ok()
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join(FILE))
    }
}

/// A value for filters.
pub(crate) fn to_val(value: &impl Serialize) -> Val {
    // Numbers, texts and lists only: it cannot fail.
    serde_json::to_string(value).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_results_and_reads_files_of_other_versions() {
        let folder = tempfile::tempdir().unwrap();
        let state = ProofFile::new(Some(folder.path().into()));
        assert!(state.read().unwrap().verify.results.is_empty());
        let mut proofs = ProofState::default();
        proofs.verify.results.push(VerifyRecord { stanza: "demo".into(), ..VerifyRecord::default() });
        state.write(&proofs).unwrap();
        assert_eq!(state.read().unwrap().verify.results[0].stanza, "demo");
        fs::write(folder.path().join(FILE), r#"{"verify":{"results":[{"stanza":"a","new":1}]},"other":[]}"#).unwrap();
        assert_eq!(state.read().unwrap().verify.results[0].stanza, "a");
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(state.read().is_err());
    }
}
