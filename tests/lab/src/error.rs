//! What can go wrong in the lab, and running a command to its end.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// Why a server of the lab could not be had, started, asked or ended.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A call to the operating system failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, on what.
        what: String,
        /// What the system answered.
        source: io::Error,
    },
    /// A command ran and ended with a failure.
    #[error("{command}: {status}: {stderr}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it wrote to standard error.
        stderr: String,
    },
    /// A server ended while it was waited for.
    #[error("{name} ended ({status}) before it was {awaited}; its log ends with:\n{log}")]
    Ended {
        /// Name of the server.
        name: String,
        /// What was waited for.
        awaited: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// A server did not get there in time.
    #[error("{name} was not {awaited} within {limit:?}; its log ends with:\n{log}")]
    Late {
        /// Name of the server.
        name: String,
        /// What was waited for.
        awaited: String,
        /// How long it was waited for.
        limit: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// An answer or a value is not what it should be.
    #[error("{0}")]
    Unexpected(String),
}

impl LabError {
    /// For `map_err`: an [`LabError::Io`] that says what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> LabError {
        move |source| LabError::Io { what: what.into(), source }
    }
}

/// Runs a command to its end and returns what it wrote to standard output.
pub(crate) fn run(command: &mut Command) -> Result<String, LabError> {
    let output = command.output().map_err(LabError::io(format!("running {}", shown(command))))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(LabError::Failed {
        command: shown(command),
        status: output.status,
        stderr: last_lines(&String::from_utf8_lossy(&output.stderr)),
    })
}

/// Program and arguments, without the environment, where passwords are.
pub(crate) fn shown(command: &Command) -> String {
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// The last lines of a log file; empty when it cannot be read.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    last_lines(&String::from_utf8_lossy(&bytes))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
