//! What the SQLSTATE of a failed query means.

use engine::Reason;
use tokio_postgres::error::SqlState;

/// The reason for a SQLSTATE.
pub(crate) fn reason(code: &SqlState) -> Reason {
    match code.code() {
        "57014" => Reason::Timeout,
        "55P03" => Reason::Lock,
        "42501" => Reason::Permission,
        // 57P05: idle_session_timeout, if it is set shorter than the idle limit.
        // 25P03, 25P04: a time limit for transactions, which also ends the session.
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => Reason::Closed,
        "57P03" => Reason::Starting,
        "53300" => Reason::TooManyConnections,
        _ => Reason::Sql,
    }
}

/// Whether a relation, function or type was not found.
pub(crate) fn is_unknown_name(code: &SqlState) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_FUNCTION, SqlState::UNDEFINED_OBJECT].contains(code)
}
