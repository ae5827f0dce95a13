//! An open connection with its prepared statements.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pgclient::Connection;
use tokio_postgres::{Error, Statement};

use super::purpose::Purpose;
use crate::instance::own_work::DatabaseWork;
use crate::pooler::PooledTransaction;
use crate::session_settings::statement_timeout;
use crate::text_encoding::TextEncoding;
use crate::tracking::SessionTracking;

/// How long the server may take to end a session that is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open connection of a pool.
pub(crate) struct PooledConnection {
    pub(crate) purpose: Purpose,
    pub(crate) connection: Connection,
    pub(crate) tracking: SessionTracking,
    /// What each query runs in, if there is a pooler before the server.
    pub(crate) transaction: Option<PooledTransaction>,
    /// How text arrives.
    pub(crate) encoding: TextEncoding,
    /// Its current `statement_timeout`.
    statement_timeout: Mutex<Duration>,
    /// The queries that ran on it: `None` after the first run, prepared from the second on.
    statements: Mutex<HashMap<Arc<str>, Option<Statement>>>,
    /// Where its transactions are counted; `None` if nobody subtracts them.
    pub(crate) work: Option<Arc<DatabaseWork>>,
    /// When its server process loaded the configuration, as last seen.
    configured: Mutex<Option<f64>>,
    /// Whether it was ever lent: who had it opened comes for it soon.
    pub(crate) lent: bool,
    /// When it was last put back.
    pub(crate) idle_since: Instant,
}

impl PooledConnection {
    pub(crate) fn new(
        purpose: Purpose,
        connection: Connection,
        tracking: SessionTracking,
        transaction: Option<PooledTransaction>,
        statement_timeout: Duration,
        work: Option<Arc<DatabaseWork>>,
    ) -> Self {
        let (statement_timeout, statements) = (Mutex::new(statement_timeout), Mutex::default());
        let encoding = TextEncoding::of(&connection);
        Self {
            purpose,
            connection,
            tracking,
            transaction,
            encoding,
            statement_timeout,
            statements,
            work,
            configured: Mutex::default(),
            lent: false,
            idle_since: Instant::now(),
        }
    }

    /// Notes when its server process loaded the configuration; whether that was later than last seen.
    pub(crate) fn has_reloaded(&self, loaded: f64) -> bool {
        self.configured.lock().replace(loaded).is_some_and(|before| before < loaded)
    }

    /// Counts transactions of this session.
    pub(crate) fn count(&self, transactions: u64) {
        if let Some(work) = &self.work {
            work.count(transactions);
        }
    }

    /// Makes the server count what the session has done so far, this request included.
    pub(crate) async fn report_statistics(&self) -> Result<(), Error> {
        self.count(1);
        self.connection.client().batch_execute("SELECT pg_catalog.pg_stat_force_next_flush()").await
    }

    /// Raises `statement_timeout` for a query: after a reload, queries may run longer than when the connection was opened.
    pub(crate) async fn allow(&self, query_timeout: Duration) -> Result<(), Error> {
        let wanted = statement_timeout(query_timeout);
        {
            let mut statement_timeout = self.statement_timeout.lock();
            if *statement_timeout >= wanted {
                return Ok(());
            }
            *statement_timeout = wanted;
        }
        self.count(1);
        self.connection.client().batch_execute(&format!("SET statement_timeout = {}", wanted.as_millis())).await
    }

    /// Whether a query ran on it before, and its prepared statement.
    pub(crate) fn used(&self, sql: &str) -> Option<Option<Statement>> {
        self.statements.lock().get(sql).cloned()
    }

    pub(crate) fn remember(&self, sql: &Arc<str>, prepared: Option<Statement>) {
        self.statements.lock().insert(sql.clone(), prepared);
    }

    /// Terminates the session and waits until the server has ended it.
    pub(crate) async fn close(self) {
        self.connection.close(CLOSE_TIMEOUT).await;
    }
}
