//! Which logs are read and how far, or why one is not.

use std::collections::BTreeMap;

use logs::{Sampling, Totals};
use parking_lot::Mutex;

use crate::facts::{LogLocation, LogProgram};

/// How it is with the log of one program.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogStatus {
    /// Why it is not read, and what to do.
    pub obstacle: Option<String>,
    /// Which statements and plans are in it.
    pub sampling: Sampling,
    pub totals: Totals,
    pub lag_bytes: u64,
    /// Whether the position is saved for a restart.
    pub is_saved: bool,
}

/// The logs of one server.
#[derive(Debug, Default)]
pub(crate) struct LogStatuses(Mutex<BTreeMap<LogProgram, LogStatus>>);

impl LogStatuses {
    /// Notes which logs there are, and logs what changed.
    pub fn found(&self, logs: &[LogLocation]) {
        let mut known = self.0.lock();
        for log in logs {
            let obstacle = log.found.as_ref().err().cloned();
            let is_new = known.get(&log.program).is_none_or(|before| before.obstacle != obstacle);
            let status = known.entry(log.program).or_default();
            status.obstacle.clone_from(&obstacle);
            status.sampling = log.sampling;
            let program = log.program.word();
            match (obstacle, &log.found) {
                (Some(obstacle), _) if is_new => tracing::info!(program, "log not read: {obstacle}"),
                (None, Ok((place, _))) if is_new => {
                    tracing::info!(program, directory = %place.directory.display(), "log found");
                }
                _ => {}
            }
        }
        known.retain(|program, _| logs.iter().any(|log| log.program == *program));
    }

    /// Why the log of a program is not read; `None` if it is.
    pub fn obstacle(&self, program: LogProgram) -> Option<String> {
        match self.0.lock().get(&program) {
            Some(status) => status.obstacle.clone(),
            None => Some(format!("requires the log of {}, which was not found", program.word())),
        }
    }

    /// Which statements and plans are in the log of a program.
    pub fn sampling(&self, program: LogProgram) -> Sampling {
        self.0.lock().get(&program).map(|status| status.sampling).unwrap_or_default()
    }

    /// Changes the status of a log that was found.
    pub fn update(&self, program: LogProgram, change: impl FnOnce(&mut LogStatus)) {
        if let Some(status) = self.0.lock().get_mut(&program) {
            change(status);
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<(LogProgram, LogStatus)> {
        self.0.lock().iter().map(|(program, status)| (*program, status.clone())).collect()
    }
}
