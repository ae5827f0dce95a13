//! Errors of an open console.

use std::error::Error as _;
use std::io;

/// Why a command on a console failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// The server refused the command with this message.
    #[error("{0}")]
    Refused(String),
    /// The connection has ended.
    #[error("connection closed: {0}")]
    Closed(String),
    /// The response does not follow the protocol.
    #[error("{0}")]
    Protocol(String),
}

impl ConsoleError {
    pub(crate) fn from_driver(error: &tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            return Self::Refused(refusal.message().to_owned());
        }
        let cause = error.source();
        let text = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        let ended = error.is_closed() || cause.is_some_and(|cause| cause.is::<io::Error>());
        if ended { Self::Closed(text) } else { Self::Protocol(text) }
    }
}
