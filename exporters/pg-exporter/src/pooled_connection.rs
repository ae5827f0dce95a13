//! An open connection with what was prepared on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pgclient::Connection;
use tokio_postgres::Statement;

use crate::pool::{Pool, statement_timeout};
use crate::purpose::Purpose;

/// How long the server has to end a session that is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open connection of a pool.
pub(crate) struct PooledConnection {
    pub(crate) purpose: Purpose,
    pub(crate) connection: Connection,
    /// Its `statement_timeout`.
    statement_timeout: Mutex<Duration>,
    /// SQL that was run on it: once so far, or prepared.
    statements: Mutex<HashMap<Arc<str>, Option<Statement>>>,
    /// Since when nobody uses it.
    pub(crate) idle_since: Instant,
    /// While somebody uses it.
    pub(crate) hold: Option<Hold>,
}

/// The use of a place of the budget. When it is dropped the connection there counts as given up.
pub(crate) struct Hold {
    pool: Option<Arc<Pool>>,
    at: usize,
}

impl PooledConnection {
    pub(crate) fn new(purpose: Purpose, connection: Connection, statement_timeout: Duration) -> Self {
        let (statement_timeout, statements) = (Mutex::new(statement_timeout), Mutex::default());
        Self { purpose, connection, statement_timeout, statements, idle_since: Instant::now(), hold: None }
    }

    /// The same, in use at a place of a pool.
    pub(crate) fn held(self, pool: Arc<Pool>, at: usize) -> Self {
        Self { hold: Some(Hold { pool: Some(pool), at }), ..self }
    }

    /// The same, used by nobody from now on.
    pub(crate) fn unused(self) -> Self {
        Self { idle_since: Instant::now(), hold: None, ..self }
    }

    /// Lets queries run so long: after a reload that may be more than what the connection was opened for.
    pub(crate) async fn allow(&self, query_timeout: Duration) -> Result<(), tokio_postgres::Error> {
        let wanted = statement_timeout(query_timeout);
        {
            let mut statement_timeout = self.statement_timeout.lock().unwrap_or_else(PoisonError::into_inner);
            if *statement_timeout >= wanted {
                return Ok(());
            }
            *statement_timeout = wanted;
        }
        self.connection.client().batch_execute(&format!("SET statement_timeout = {}", wanted.as_millis())).await
    }

    /// Whether a query was run on it before, and what it was prepared as.
    pub(crate) fn used(&self, sql: &str) -> Option<Option<Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }

    pub(crate) fn remember(&self, sql: &Arc<str>, prepared: Option<Statement>) {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.clone(), prepared);
    }

    /// Takes leave of the server and waits for its end there.
    pub(crate) async fn close(self) {
        self.connection.close(CLOSE_TIMEOUT).await;
    }
}

impl Hold {
    /// Which place it is; the hold is over.
    pub(crate) fn give_back(mut self) -> usize {
        self.pool = None;
        self.at
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.release(self.at);
        }
    }
}
