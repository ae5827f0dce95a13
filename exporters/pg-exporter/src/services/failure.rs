//! Why a service, or a statement on it, gave no answer.

use std::time::Duration;

use engine::{Reason, SourceError};
use pgclient::{ConnectError, LoginStep, LoginTimes};
use tokio_postgres::Error;

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// How far the login came; `None` if it was complete and the query failed.
    pub step: Option<LoginStep>,
    pub reason: Reason,
    /// Whether the connection was accepted and closed without an answer.
    pub closed: bool,
    /// Whether a pooler refused, and not PostgreSQL.
    pub of_pooler: bool,
    pub sqlstate: Option<String>,
    pub message: String,
}

impl Failure {
    pub(super) fn of_login(times: &LoginTimes, error: &ConnectError) -> Self {
        Self {
            step: Some(step_reached(times, error.reason())),
            reason: error.reason(),
            closed: error.is_closed_without_answer(),
            of_pooler: error.is_of_pooler(),
            sqlstate: error.sqlstate().map(str::to_owned),
            message: shown(error.reason(), error.message()),
        }
    }

    pub(super) fn of_query(error: &Error) -> Self {
        let refusal = error.as_db_error();
        Self {
            step: None,
            reason: if refusal.is_some() { Reason::Sql } else { Reason::Closed },
            closed: refusal.is_none(),
            of_pooler: refusal.is_some_and(|refusal| refusal.routine().is_none()),
            sqlstate: refusal.map(|refusal| refusal.code().code().to_owned()),
            message: refusal.map_or_else(|| error.to_string(), |refusal| shown(Reason::Sql, refusal.message())),
        }
    }

    pub(super) fn of_silence(timeout: Duration) -> Self {
        Self::after_login(Reason::Timeout, format!("no answer within {} s", timeout.as_secs_f64()))
    }

    pub(super) fn of_shape(message: &str) -> Self {
        Self::after_login(Reason::Shape, message.to_owned())
    }

    /// The same, where the host did not acknowledge any more what was sent to it.
    pub(super) fn of_silent_peer(self) -> Self {
        let message = format!("{}, and the host does not acknowledge packets", self.message);
        Self { step: Some(LoginStep::Connect), message, ..self }
    }

    fn after_login(reason: Reason, message: String) -> Self {
        Self { step: None, reason, closed: false, of_pooler: false, sqlstate: None, message }
    }
}

/// A message from elsewhere as one visible line without passwords.
fn shown(reason: Reason, message: &str) -> String {
    SourceError::new(reason, message).message
}

/// The step that a login did not complete.
fn step_reached(times: &LoginTimes, reason: Reason) -> LoginStep {
    if reason == Reason::Dns || times.steps.is_empty() && times.address.is_none() && reason == Reason::Timeout {
        LoginStep::Resolve
    } else if !times.has(LoginStep::Connect) {
        LoginStep::Connect
    } else if reason == Reason::Tls {
        LoginStep::Tls
    } else {
        LoginStep::Login
    }
}
