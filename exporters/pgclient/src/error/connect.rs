//! Errors while connecting.

use std::error::Error as _;
use std::io;

use reason::Reason;

use super::refusal::{CONSOLE_DATABASE, reason_of_refusal};
use crate::tls::describe::describe;

const CLOSED: &str = "the server closed the connection during startup (see the server's log)";

/// Why a connection failed: the server, its message or the system's, and the SQLSTATE if the server sent one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{server}: {message}")]
pub struct ConnectError {
    server: String,
    reason: Reason,
    message: String,
    sqlstate: Option<String>,
    /// Whether PostgreSQL itself refused: it alone names the routine that did.
    names_routine: bool,
    /// Whether code that runs at login raised it, as a login event trigger.
    in_code: bool,
}

impl ConnectError {
    /// The kind of failure.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The SQLSTATE, if the server refused the connection.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// Whether the connection was accepted and closed without an answer, as by a load balancer that has no server.
    pub fn is_closed_without_answer(&self) -> bool {
        self.sqlstate.is_none() && self.message == CLOSED
    }

    /// The message, without the server.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn new(server: &str, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            server: server.to_owned(),
            reason,
            message: message.into(),
            sqlstate: None,
            names_routine: false,
            in_code: false,
        }
    }

    /// Adds why the password file was ignored, if a password is missing.
    pub(crate) fn or_ignored_password_file(mut self, problem: impl FnOnce() -> Option<String>) -> Self {
        if self.reason == Reason::Auth
            && self.sqlstate.is_none()
            && let Some(problem) = problem()
        {
            self.message = format!("{}; {problem}", self.message);
        }
        self
    }

    /// The same error of a connection to this database. That PgBouncer refuses the settings of a session with its own
    /// database tells that a console was taken for PostgreSQL: the settings are not the problem.
    pub(crate) fn at_database(mut self, database: &str) -> Self {
        if database == CONSOLE_DATABASE && self.reason == Reason::UnknownSetting && self.is_of_pooler() {
            self.reason = Reason::Console;
        }
        self
    }

    /// Whether a pooler refused the connection, and not PostgreSQL.
    pub fn is_of_pooler(&self) -> bool {
        self.sqlstate.is_some() && !self.names_routine
    }

    /// Whether PostgreSQL refused the connection, and not a pooler.
    pub fn is_of_postgres(&self) -> bool {
        self.names_routine
    }

    pub(crate) fn unresolved(server: &str, error: &io::Error) -> Self {
        Self::new(server, Reason::Dns, format!("cannot resolve the host name: {error} (check host= and DNS)"))
    }

    pub(crate) fn from_driver(server: &str, error: &tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            return Self::from_refusal(server, refusal);
        }
        let cause = error.source();
        let io = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
        if let Some(tls) = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::new(server, Reason::Tls, format!("TLS: {}", describe(tls)));
        }
        // The driver exposes the kind of error only as text.
        let kind = error.to_string();
        match (kind.as_str(), cause, io) {
            ("error performing TLS handshake", Some(cause), _) => {
                Self::new(server, Reason::Tls, format!("TLS: {cause}"))
            }
            ("invalid configuration", Some(cause), _) if cause.to_string() == "password missing" => Self::new(
                server,
                Reason::Auth,
                "the server requires a password, and none is set (set PGPASSWORD, or add the server to the password file ~/.pgpass)",
            ),
            ("authentication error", Some(cause), _) => {
                Self::new(server, Reason::Auth, format!("authentication: {cause}"))
            }
            (_, _, Some(io)) => Self::from_io(server, io),
            ("connection closed", ..) => Self::new(server, Reason::Other, CLOSED),
            (_, Some(cause), _) => Self::new(server, Reason::Other, format!("{kind}: {cause}")),
            (_, None, _) => Self::new(server, Reason::Other, kind),
        }
    }

    pub(crate) fn from_io(server: &str, error: &io::Error) -> Self {
        let (reason, message) = match error.kind() {
            io::ErrorKind::ConnectionRefused => (Reason::Refused, "connection refused".to_owned()),
            io::ErrorKind::NotFound => (Reason::Refused, "no Unix socket in this folder".to_owned()),
            io::ErrorKind::PermissionDenied => (Reason::Permission, error.to_string()),
            io::ErrorKind::TimedOut => (Reason::Timeout, error.to_string()),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                (Reason::Unreachable, error.to_string())
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                (Reason::Other, CLOSED.to_owned())
            }
            _ => (Reason::Other, error.to_string()),
        };
        Self::new(server, reason, message)
    }

    fn from_refusal(server: &str, refusal: &tokio_postgres::error::DbError) -> Self {
        let sqlstate = refusal.code().code();
        let detail = refusal.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        let in_code = refusal.where_().is_some();
        let place = if in_code { ", in code that runs at login (is there a login event trigger?)" } else { "" };
        Self {
            server: server.to_owned(),
            reason: reason_of_refusal(sqlstate, refusal.message()),
            message: format!("{}{detail} ({sqlstate}){place}", refusal.message()),
            sqlstate: Some(sqlstate.to_owned()),
            names_routine: refusal.routine().is_some(),
            in_code,
        }
    }

    /// Whether other servers and addresses would fail in the same way.
    pub(crate) fn is_final(&self) -> bool {
        let is_same_everywhere =
            matches!(self.reason, Reason::Auth | Reason::Console | Reason::NoDatabase | Reason::Permission);
        is_same_everywhere && self.sqlstate.is_some() || self.is_about_a_setting()
    }

    /// Whether the server or a pooler refuses one of the session's settings: unknown (42704), invalid value (22023), not
    /// supported on its platform (0A000) or not permitted to this role (42501).
    pub(crate) fn is_about_a_setting(&self) -> bool {
        self.reason == Reason::UnknownSetting || matches!(self.sqlstate(), Some("22023" | "0A000" | "42501"))
    }

    /// Whether a pooler refuses settings in the startup packet.
    pub(crate) fn is_about_startup_parameters(&self) -> bool {
        self.reason == Reason::UnknownSetting && self.sqlstate() == Some("08P01")
    }

    /// Whether code that runs at login failed, and not because of a time limit.
    pub(crate) fn is_of_login_code(&self) -> bool {
        self.in_code && !matches!(self.reason, Reason::Lock | Reason::Timeout)
    }

    /// Whether the message contains the name.
    pub(crate) fn mentions(&self, setting: &str) -> bool {
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        self.message.split(|c| !is_name_char(c)).any(|word| word == setting)
    }

    /// Whether the server may accept the connection in the other TLS mode.
    pub(crate) fn is_about_encryption(&self) -> bool {
        self.reason == Reason::Tls || self.sqlstate() == Some("28000")
    }

    /// Whether the server names the connection that it refused as one without TLS.
    pub(crate) fn is_of_plain_connection(&self) -> bool {
        // 14 and later say "no encryption", earlier ones "SSL off".
        self.sqlstate() == Some("28000")
            && ["no encryption", "SSL off"].iter().any(|words| self.message.contains(words))
    }

    /// The more specific of two failures: one with a server's message, else the later.
    pub(crate) fn or_more_specific(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier) if earlier.sqlstate.is_some() && self.sqlstate.is_none() => earlier,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_missing_socket_as_refused() {
        let error = ConnectError::from_io("/tmp:5432", &io::ErrorKind::NotFound.into());
        assert_eq!(error.reason(), Reason::Refused);
        assert_eq!(error.to_string(), "/tmp:5432: no Unix socket in this folder");
    }

    #[test]
    fn prefers_message_of_a_server() {
        let said = ConnectError { sqlstate: Some("57P03".into()), ..ConnectError::new("a", Reason::Starting, "") };
        let silent = ConnectError::new("b", Reason::Refused, "");
        assert_eq!(silent.clone().or_more_specific(Some(said.clone())).reason(), Reason::Starting);
        assert_eq!(said.or_more_specific(Some(silent)).reason(), Reason::Starting);
    }
}
