//! Opens sessions to the databases of one server.

use std::future::Future;
use std::time::Duration;

use engine::{Reason, SourceError};
use pgclient::{ConnectError, Connection, Target};
use tokio_postgres::Error;

use super::hints::{CONSOLE_HINT, hint};
use super::pooled_connection::PooledConnection;
use super::purpose::Purpose;
use crate::instance::own_work::OwnWork;
use crate::instance::reports_on_request;
use crate::pooler::{PooledTransaction, Poolers};
use crate::session_settings::TransactionTimeout;
use crate::session_start::{self, Prepared};
use crate::sqlstate::reason;
use crate::tracking::{SessionTracking, SettingSet, Tracking};

/// Where and how sessions are opened.
pub(crate) struct Connector {
    target: Target,
    pub(crate) connect_timeout: Duration,
    /// The `statement_timeout` that sessions are opened with.
    statement_timeout: Duration,
    pub(crate) tracking: Tracking,
    /// What our own sessions did in databases beside the main one.
    pub(crate) work: OwnWork,
    transaction_timeout: TransactionTimeout,
    poolers: Poolers,
}

impl Connector {
    pub(crate) fn new(target: Target, connect_timeout: Duration, statement_timeout: Duration) -> Self {
        let (tracking, transaction_timeout) = (Tracking::default(), TransactionTimeout::default());
        let (work, poolers) = (OwnWork::default(), Poolers::default());
        Self { target, connect_timeout, statement_timeout, tracking, work, transaction_timeout, poolers }
    }

    /// The servers, for messages.
    pub(crate) fn label(&self) -> String {
        self.target.label()
    }

    /// A failed attempt to connect to `database`, or to the main one, with what to do.
    pub(super) fn connect_error(&self, error: &ConnectError, database: Option<&str>) -> SourceError {
        let is_default = database.is_none() && self.target.database().is_none();
        let message = match hint(error, self.database_name(database), is_default) {
            Some(hint) => format!("{error} {hint}"),
            None => error.to_string(),
        };
        SourceError::new(error.reason(), message)
    }

    /// The user name.
    pub(crate) fn user(&self) -> &str {
        self.target.user()
    }

    /// The name of `database`, or of the main one.
    pub(crate) fn database_name<'a>(&'a self, database: Option<&'a str>) -> &'a str {
        database.unwrap_or(self.target.database_name())
    }

    /// The target of a database, or of the main one, with what is known about the server. Its sessions switch off these
    /// settings.
    pub(crate) fn target(&self, database: Option<&str>, switched_off: SettingSet) -> Target {
        let target = database.map_or_else(|| self.target.clone(), |name| self.target.with_database(name));
        let target = self.transaction_timeout.lifted(target);
        switched_off.pairs().fold(target, |target, (name, value)| target.with_optional_setting(name, value))
    }

    /// Prepares a new connection, opened with `switched_off`, for queries.
    pub(crate) async fn prepare(
        &self,
        purpose: Purpose,
        connection: Connection,
        switched_off: SettingSet,
    ) -> Result<PooledConnection, SourceError> {
        if connection.is_console() {
            let version = connection.parameter("server_version").unwrap_or_default();
            let message = format!("{}: the server reports version \"{version}\" {CONSOLE_HINT}", connection.label());
            return Err(SourceError::new(Reason::Console, message));
        }
        self.transaction_timeout.note(&connection);
        let transactions = if purpose == Purpose::Health {
            // It runs nothing that a database's owner could change, and must not wait for a lock.
            let is_pooled = self.poolers.is_before(&connection);
            let set = async { if is_pooled { Ok(0) } else { session_start::set_deferred(&connection).await } };
            self.in_time(set).await?
        } else {
            let Prepared { transactions, is_pooled } = self.in_time(session_start::prepare(&connection)).await?;
            self.poolers.note(&connection, is_pooled);
            transactions
        };
        let is_pooled = self.poolers.is_before(&connection);
        let transaction = is_pooled.then(|| PooledTransaction::new(&connection, &self.target.own_settings()));
        // What a pooler's server process does cannot be told from what it does for others.
        let work = purpose.database().filter(|_| !is_pooled && reports_on_request(&connection));
        let work = work.map(|name| self.work.of(name));
        if let Some(work) = &work {
            // The login is one, too.
            work.count_session(1 + transactions);
        }
        let tracking = SessionTracking::new(switched_off);
        Ok(PooledConnection::new(purpose, connection, tracking, transaction, self.statement_timeout, work))
    }

    /// Waits for a step of preparing a session.
    async fn in_time<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, SourceError> {
        let (reason, problem) = match tokio::time::timeout(self.connect_timeout, step).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => {
                let message = error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned());
                let without_code = if error.is_closed() { Reason::Closed } else { Reason::Protocol };
                (error.code().map_or(without_code, reason), message)
            }
            Err(_) => (Reason::Timeout, format!("no response within {} ms", self.connect_timeout.as_millis())),
        };
        Err(SourceError::new(reason, format!("{}: cannot prepare the session: {problem}", self.label())))
    }
}
