//! Why something could not be had from a server.

use crate::printable::Printable;
use crate::redact;

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
    /// An error from its reason and message. Passwords in the message are replaced, and it becomes one line of visible
    /// text: a server says in it what it likes.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message: Printable(&redact::secrets(&message)).to_string() }
    }
}
