//! What a login results in.

use crate::connection::Connection;

/// A connection, and whether its server is in recovery if `target_session_attrs` needs to know.
pub(crate) struct Opened {
    pub connection: Connection,
    pub in_recovery: Option<bool>,
}
