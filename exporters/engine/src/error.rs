//! Why something could not be had from a server.

use crate::printable::Printable;

/// Why a session or a result could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// One short stable word, the value of a label: `refused`, `timeout`, `auth`, `sql`, `permission`, `lock`, …
    pub reason: &'static str,
    /// What was tried, on what, and what was found; never with a password.
    pub message: String,
}

impl SourceError {
    /// An error from its reason and message. The message becomes one line of visible text: a server says in it what it
    /// likes.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: Printable(&message.into()).to_string() }
    }
}
