//! How far a login has come.

use std::time::Duration;

use reason::Reason;

use crate::error::ConnectError;

/// How far a login has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginPhase {
    /// The previous connection has not ended on the server.
    Queued,
    /// Name resolution, and connecting the socket.
    Connecting,
    /// The server has accepted the socket.
    Accepted,
}

impl LoginPhase {
    /// The error for a login that is in this phase at the end of its time.
    pub(crate) fn timed_out(self, server: &str, waited: Duration) -> ConnectError {
        let ms = waited.as_millis();
        let (reason, message) = match self {
            Self::Queued => {
                (Reason::BackendsNotEnded, format!("the server did not end the previous connection within {ms} ms"))
            }
            Self::Connecting => (Reason::Timeout, format!("no response within {ms} ms (is the host reachable?)")),
            Self::Accepted => (
                Reason::Timeout,
                format!(
                    "no response within {ms} ms: the server accepted the connection but did not complete the login (is it \
                     frozen, or a shared catalog locked?); the login continues, and the next attempt waits for it"
                ),
            ),
        };
        ConnectError::new(server, reason, message)
    }
}
