//! Errors returned by a source.

use reason::Reason;

use crate::printable::Printable;
use crate::redact;

/// Why a session could not be opened or a query failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// The kind of failure; its word is the value of the label `reason`.
    pub reason: Reason,
    /// What was tried, on what, and what was found; never with a password.
    pub message: String,
    /// The privilege that is missing, if that is known, as `GRANT USAGE ON SCHEMA "x"`.
    pub missing_grant: Option<String>,
}

impl SourceError {
    /// An error from its reason and message. Passwords in the message are replaced, and it becomes one line of visible
    /// text, whatever a server wrote into it.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message: Printable(&redact::secrets(&message)).to_string(), missing_grant: None }
    }

    /// The error with the privilege that is missing.
    pub fn missing(mut self, grant: Option<String>) -> Self {
        self.missing_grant = grant.map(|grant| Printable(&grant).to_string());
        self
    }
}
