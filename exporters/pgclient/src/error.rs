//! The two ways it can go wrong: the target cannot be understood, or no connection comes about.

use std::error::Error as _;
use std::io;

use reason::Reason;

/// Why a conninfo, with its service file and environment, does not make a target.
///
/// Names parameters and positions and never quotes the conninfo: where it is malformed, any part of it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The text breaks the form of a URL or `key=value` string. `at` counts characters from 1.
    #[error("conninfo, character {at}: {problem}")]
    Syntax {
        /// Position of the offending character, counted from 1.
        at: usize,
        /// What is wrong there, and what was expected.
        problem: &'static str,
    },
    /// A parameter has a value that cannot be used.
    #[error("{parameter}: {problem}")]
    Value {
        /// The parameter's name.
        parameter: String,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// A libpq parameter that asks for something which is not done here, so that ignoring it would mislead.
    #[error("{parameter} is not supported: {instead}")]
    Unsupported {
        /// The parameter's name.
        parameter: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// The service is missing in the service file, or the file cannot be read.
    #[error("service {service:?}: {problem}")]
    Service {
        /// The service's name.
        service: String,
        /// What was tried and found.
        problem: String,
    },
    /// Neither the conninfo nor the environment says who connects.
    #[error("no user name: give user= or PGUSER (this process's user id has no name)")]
    NoUser,
}

impl TargetError {
    pub(crate) fn value(parameter: &str, problem: impl Into<String>) -> TargetError {
        TargetError::Value { parameter: parameter.to_owned(), problem: problem.into() }
    }
}

/// Why no connection came about: the server, what it or the system said, and the SQLSTATE if the server gave one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{server}: {message}")]
pub struct ConnectError {
    server: String,
    reason: Reason,
    message: String,
    sqlstate: Option<String>,
}

impl ConnectError {
    /// The kind of failure.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The server's five-character error code, if it was the server that refused.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    pub(crate) fn new(server: &str, reason: Reason, message: impl Into<String>) -> ConnectError {
        ConnectError { server: server.to_owned(), reason, message: message.into(), sqlstate: None }
    }

    /// Tells of a password file that was not used, where it is a password that is missing.
    pub(crate) fn or_ignored_password_file(mut self, problem: impl FnOnce() -> Option<String>) -> ConnectError {
        if self.reason == Reason::Auth
            && self.sqlstate.is_none()
            && let Some(problem) = problem()
        {
            self.message = format!("{}; {problem}", self.message);
        }
        self
    }

    pub(crate) fn unresolved(server: &str, error: &io::Error) -> ConnectError {
        ConnectError::new(server, Reason::Dns, format!("cannot resolve the host name: {error}"))
    }

    pub(crate) fn from_driver(server: &str, error: &tokio_postgres::Error) -> ConnectError {
        if let Some(refusal) = error.as_db_error() {
            return ConnectError::from_refusal(server, refusal);
        }
        let cause = error.source();
        let io = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
        if let Some(tls) = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return ConnectError::new(server, Reason::Tls, format!("TLS: {}", crate::tls::describe::describe(tls)));
        }
        // The driver tells its kinds of error apart by their text only.
        let kind = error.to_string();
        match (kind.as_str(), cause, io) {
            ("error performing TLS handshake", Some(cause), _) => {
                ConnectError::new(server, Reason::Tls, format!("TLS: {cause}"))
            }
            ("invalid configuration", Some(cause), _) if cause.to_string() == "password missing" => ConnectError::new(
                server,
                Reason::Auth,
                "the server asks for a password and there is none: give PGPASSWORD, password= or an entry in the password file",
            ),
            ("authentication error", Some(cause), _) => {
                ConnectError::new(server, Reason::Auth, format!("authentication: {cause}"))
            }
            (_, _, Some(io)) => ConnectError::from_io(server, io),
            ("connection closed", ..) => {
                ConnectError::new(server, Reason::Other, "the server closed the connection before it was set up")
            }
            (_, Some(cause), _) => ConnectError::new(server, Reason::Other, format!("{kind}: {cause}")),
            (_, None, _) => ConnectError::new(server, Reason::Other, kind),
        }
    }

    pub(crate) fn from_io(server: &str, error: &io::Error) -> ConnectError {
        let (reason, message) = match error.kind() {
            io::ErrorKind::ConnectionRefused => (Reason::Refused, "connection refused".to_owned()),
            io::ErrorKind::NotFound => (Reason::Refused, "there is no such Unix socket".to_owned()),
            io::ErrorKind::PermissionDenied => (Reason::Permission, error.to_string()),
            io::ErrorKind::TimedOut => (Reason::Timeout, error.to_string()),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                (Reason::Unreachable, error.to_string())
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                (Reason::Other, "the server closed the connection before it was set up".to_owned())
            }
            _ => (Reason::Other, error.to_string()),
        };
        ConnectError::new(server, reason, message)
    }

    fn from_refusal(server: &str, refusal: &tokio_postgres::error::DbError) -> ConnectError {
        let sqlstate = refusal.code().code();
        let detail = refusal.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        ConnectError {
            server: server.to_owned(),
            reason: reason_of_refusal(sqlstate, refusal.message()),
            message: format!("{}{detail} ({sqlstate})", refusal.message()),
            sqlstate: Some(sqlstate.to_owned()),
        }
    }

    /// Whether other servers and addresses need no try: they would be asked the same and say the same.
    pub(crate) fn is_final(&self) -> bool {
        let would_say_the_same =
            matches!(self.reason, Reason::Auth | Reason::NoDatabase | Reason::Permission | Reason::UnknownSetting);
        would_say_the_same && self.sqlstate.is_some() || self.is_about_a_setting()
    }

    /// Whether the server, or a pooler before it, refuses the session for one of its settings: it does not know it
    /// (42704), does not take its value (22023), not on its platform (0A000), or not from this role (42501).
    pub(crate) fn is_about_a_setting(&self) -> bool {
        self.reason == Reason::UnknownSetting || matches!(self.sqlstate(), Some("22023" | "0A000" | "42501"))
    }

    /// Whether it quotes that name.
    pub(crate) fn names(&self, setting: &str) -> bool {
        let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        self.message.split(|c| !is_of_a_name(c)).any(|word| word == setting)
    }

    /// Whether the same server may take the connection with TLS on instead of off, or the other way round.
    pub(crate) fn is_about_encryption(&self) -> bool {
        self.reason == Reason::Tls || self.sqlstate() == Some("28000")
    }

    /// Of two failures the one that says more: a server's own words before silence, the later before the earlier.
    pub(crate) fn or_more_specific(self, earlier: Option<ConnectError>) -> ConnectError {
        match earlier {
            Some(earlier) if earlier.sqlstate.is_some() && self.sqlstate.is_none() => earlier,
            _ => self,
        }
    }
}

/// Why a question to an open connection has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// The server said no, in these words.
    #[error("{0}")]
    Refused(String),
    /// The connection has ended, by the server's doing or ours.
    #[error("the connection has ended: {0}")]
    Closed(String),
    /// What came is not what the protocol foresees.
    #[error("{0}")]
    Protocol(String),
}

impl ConsoleError {
    pub(crate) fn from_driver(error: &tokio_postgres::Error) -> ConsoleError {
        if let Some(refusal) = error.as_db_error() {
            return ConsoleError::Refused(refusal.message().to_owned());
        }
        let cause = error.source();
        let text = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        let ended = error.is_closed() || cause.is_some_and(|cause| cause.is::<io::Error>());
        if ended { ConsoleError::Closed(text) } else { ConsoleError::Protocol(text) }
    }
}

fn reason_of_refusal(sqlstate: &str, message: &str) -> Reason {
    match sqlstate {
        "57P03" if message.contains("shutting down") => Reason::ShuttingDown,
        "57P03" => Reason::Starting,
        "57P01" | "57P02" => Reason::ShuttingDown,
        "53300" => Reason::TooManyConnections,
        "3D000" => Reason::NoDatabase,
        "42501" => Reason::Permission,
        "42704" => Reason::UnknownSetting,
        "08P01" => reason_of_pooler_refusal(message),
        _ if sqlstate.starts_with("28") => Reason::Auth,
        _ => Reason::Other,
    }
}

/// PgBouncer gives most of its refusals one code, so that only their words tell them apart.
fn reason_of_pooler_refusal(message: &str) -> Reason {
    const WORDS: [(&str, Reason); 10] = [
        ("startup parameter", Reason::UnknownSetting),
        ("no such database", Reason::NoDatabase),
        ("no such user", Reason::Auth),
        ("auth", Reason::Auth),
        ("not allowed", Reason::Auth),
        ("SSL required", Reason::Tls),
        ("no more connections", Reason::TooManyConnections),
        ("shutting down", Reason::ShuttingDown),
        ("server_login_retry", Reason::Refused),
        ("cannot connect", Reason::Refused),
    ];
    WORDS.iter().find(|(words, _)| message.contains(words)).map_or(Reason::Other, |(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_its_reason() {
        for (sqlstate, message, reason) in [
            ("57P03", "the database system is starting up", "starting"),
            ("57P03", "the database system is shutting down", "shutting_down"),
            ("57P01", "terminating connection due to administrator command", "shutting_down"),
            ("53300", "sorry, too many clients already", "too_many_connections"),
            ("28P01", "password authentication failed for user \"mon\"", "auth"),
            ("28000", "no pg_hba.conf entry", "auth"),
            ("3D000", "database \"x\" does not exist", "no_database"),
            ("42501", "permission denied for database \"x\"", "permission"),
            ("42704", "unrecognized configuration parameter \"x\"", "unknown_setting"),
            ("08P01", "unsupported startup parameter: options", "unknown_setting"),
            ("08P01", "no such database: x", "no_database"),
            ("08P01", "password authentication failed", "auth"),
            ("XX000", "boom", "other"),
        ] {
            assert_eq!(reason_of_refusal(sqlstate, message).as_str(), reason, "{sqlstate} {message}");
        }
    }

    #[test]
    fn a_missing_socket_is_a_server_that_does_not_run() {
        let error = ConnectError::from_io("/tmp:5432", &io::ErrorKind::NotFound.into());
        assert_eq!(error.reason(), Reason::Refused);
        assert_eq!(error.to_string(), "/tmp:5432: there is no such Unix socket");
    }

    #[test]
    fn words_of_a_server_outrank_silence() {
        let said = ConnectError { sqlstate: Some("57P03".into()), ..ConnectError::new("a", Reason::Starting, "") };
        let silent = ConnectError::new("b", Reason::Refused, "");
        assert_eq!(silent.clone().or_more_specific(Some(said.clone())).reason(), Reason::Starting);
        assert_eq!(said.or_more_specific(Some(silent)).reason(), Reason::Starting);
    }
}
