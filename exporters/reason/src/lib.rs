//! Why a session or a result was not obtained: one list for every crate.
//!
//! Retries, pages and health endpoints decide by the variant; metrics show its word in the label `reason`. The words are
//! a contract with users' dashboards and alerts: none may change or go.

use std::fmt;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Nothing listens at the address, or there is no such socket.
    Refused,
    /// No route to the host or network.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The server does not accept the user or the password.
    Auth,
    /// The TLS handshake failed, or the server's certificate is not trusted.
    Tls,
    /// The server starts up or recovers and does not accept connections yet.
    Starting,
    /// The server is being stopped.
    ShuttingDown,
    /// The server, or the role, has no free connection slot.
    TooManyConnections,
    /// The database does not exist.
    NoDatabase,
    /// The host name cannot be resolved.
    Dns,
    /// The role, or the process, lacks a privilege.
    Permission,
    /// The server or a pooler refuses a setting of the session.
    UnknownSetting,
    /// The connection budget is taken up by sessions that the server has not ended yet.
    BackendsNotEnded,
    /// The connection ended while it was in use.
    Closed,
    /// A lock was not granted in time.
    Lock,
    /// The server rejected the statement.
    Sql,
    /// The answer does not follow the protocol.
    Protocol,
    /// The result lacks a column, or has the wrong number of rows.
    Shape,
    /// A collector marked `fatal` failed.
    Fatal,
    /// The server is a PgBouncer's console, where PostgreSQL is expected.
    Console,
    /// PgBouncer does not admit the user to its console.
    NoConsole,
    /// PgBouncer does not know the command.
    Command,
    /// The jq filter of a collector failed.
    Filter,
    /// The pgBackRest program does not exist.
    Missing,
    /// The pgBackRest program cannot be started.
    Start,
    /// The output of pgBackRest cannot be read.
    Output,
    /// The output of pgBackRest exceeds its limit.
    TooLarge,
    /// pgBackRest ended with an exit code that reports a failure.
    Exit,
    /// A signal ended pgBackRest.
    Signal,
    /// pgBackRest printed no JSON document.
    Json,
    /// Any other failure.
    Other,
}

impl Reason {
    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Auth => "auth",
            Self::Tls => "tls",
            Self::Starting => "starting",
            Self::ShuttingDown => "shutting_down",
            Self::TooManyConnections => "too_many_connections",
            Self::NoDatabase => "no_database",
            Self::Dns => "dns",
            Self::Permission => "permission",
            Self::UnknownSetting => "unknown_setting",
            Self::BackendsNotEnded => "backends_not_ended",
            Self::Closed => "closed",
            Self::Lock => "lock",
            Self::Sql => "sql",
            Self::Protocol => "protocol",
            Self::Shape => "shape",
            Self::Fatal => "fatal",
            Self::Console => "console",
            Self::NoConsole => "no_console",
            Self::Command => "command",
            Self::Filter => "filter",
            Self::Missing => "missing",
            Self::Start => "start",
            Self::Output => "output",
            Self::TooLarge => "too_large",
            Self::Exit => "exit",
            Self::Signal => "signal",
            Self::Json => "json",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
