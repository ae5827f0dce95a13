//! Errors returned by a source.

use reason::Reason;

use crate::printable::Printable;
use crate::redact;

/// Why a session or a result could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// The kind of failure; its word is the value of the label `reason`.
    pub reason: Reason,
    /// What was tried, on what, and what was found; never with a password.
    pub message: String,
}

impl SourceError {
    /// An error from its reason and message. Passwords in the message are replaced, and it becomes one line of visible
    /// text: a server says in it what it likes.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message: Printable(&redact::secrets(&message)).to_string() }
    }
}
