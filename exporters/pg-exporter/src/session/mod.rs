//! One connection in use: pipelined queries, each with its own time limit.

mod forbidden;
mod limits;
mod probe;
mod statements;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use engine::{Fetched, Query, Reason, RowSink, ServerProbe, Session, SourceError};
use futures_util::try_join;
use tokio::runtime::Handle;
use tokio_postgres::{Error, Row};

use self::forbidden::forbidden;
use self::limits::{QueryError, QueryLimits};
use self::statements::{rows, run};
use crate::instance::InstanceReader;
use crate::instance::own_work::Visit;
use crate::pool::Pool;
use crate::pool::connector::Connector;
use crate::pool::lease::Lease;
use crate::pool::pooled_connection::PooledConnection;
use crate::pool::purpose::Purpose;
use crate::pooler;
use crate::sqlstate::{self, is_unknown_name, missing_grant, on_schema, reason};

/// A connection until it is put back. If queries still run on it, or one did not end after its cancellation, it is closed
/// instead.
pub(crate) struct PgSession {
    pool: Pool,
    connector: Arc<Connector>,
    reader: Arc<InstanceReader>,
    lease: Lease,
    /// In a database beside the main one.
    visit: Option<Visit>,
    limits: QueryLimits,
}

/// How long the server may take to count what a session has done.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

/// A schema of `$1` that the role may not use.
const HIDDEN_SCHEMA: &str = "SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_namespace n
     WHERE n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($1) AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
     ORDER BY pg_catalog.array_position($1, n.nspname::pg_catalog.text) LIMIT 1";

impl PgSession {
    pub(crate) fn new(pool: Pool, lease: Lease, reader: Arc<InstanceReader>) -> Self {
        let visit = lease.connection().and_then(|pooled| Some(pooled.work.as_ref()?.visit()));
        let connector = pool.connector().clone();
        Self { pool, connector, reader, lease, visit, limits: QueryLimits::new() }
    }

    fn pooled(&self) -> Result<&PooledConnection, SourceError> {
        self.lease.connection().ok_or_else(|| SourceError::new(Reason::Closed, "connection closed"))
    }

    /// Runs `query` within `timeout`; returns its result and how long the server worked on it.
    async fn limited<T>(
        &self,
        query: impl Future<Output = Result<T, Error>>,
        timeout: Duration,
    ) -> Result<(T, Duration), SourceError> {
        let result = self.limits.run(&self.pooled()?.connection, query, timeout).await;
        result.map_err(|error| match error {
            QueryError::Failed(error) => self.error(&error),
            QueryError::TimedOut => {
                let ms = timeout.as_millis();
                SourceError::new(Reason::Timeout, format!("{}: no result within {ms} ms", self.connector.label()))
            }
            QueryError::Broken => {
                let message = format!("{}: connection closed because of another query", self.connector.label());
                SourceError::new(Reason::Closed, message)
            }
        })
    }

    fn error(&self, error: &Error) -> SourceError {
        let label = self.connector.label();
        let (reason, message) = if let Some(db) = error.as_db_error() {
            let detail = db.hint().or(db.detail()).map(|more| format!(": {more}")).unwrap_or_default();
            // Collectors written for other exporters rely on a wide search path.
            let hint = if is_unknown_name(db.code()) {
                " (the search path is pg_catalog; set search_path on the collector for other schemas)"
            } else if pooler::is_statement_pooling(db.message()) {
                pooler::STATEMENT_POOLING_HINT
            } else {
                ""
            };
            (reason(db.code()), format!("{label}: {} ({}){detail}{hint}", db.message(), db.code().code()))
        } else {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let closed = error.is_closed() || self.pooled().is_ok_and(|pooled| pooled.connection.is_closed());
            (if closed { Reason::Closed } else { Reason::Protocol }, format!("{label}: {error}{cause}"))
        };
        if reason == Reason::Closed {
            // The server may report this before the connection is seen to end.
            self.limits.break_connection();
        }
        let missing = error.as_db_error().and_then(|db| missing_grant(db.message()));
        SourceError::new(reason, message).missing(missing)
    }

    /// The one row of a statement about the server, read by `read`.
    async fn query_one<T>(
        &self,
        sql: &'static str,
        read: impl FnOnce(&Row) -> Result<T, Error>,
    ) -> Result<T, SourceError> {
        let pooled = self.pooled()?;
        let sql: Arc<str> = sql.into();
        let query = async { rows(pooled, &sql).await?.first().map(read).transpose() };
        let (found, _) = self.limited(query, self.connector.connect_timeout).await?;
        found.ok_or_else(|| {
            SourceError::new(Reason::Protocol, format!("{}: no row returned by {sql}", self.connector.label()))
        })
    }

    /// The first of these schemas that the role may not use: the server ignores it in a search path, and finds no name in it.
    async fn hidden_schema(&self, schemas: &[String]) -> Option<String> {
        let pooled = self.pooled().ok()?;
        let query = async { pooled.connection.client().query(HIDDEN_SCHEMA, &[&schemas]).await };
        let (rows, _) = self.limited(query, self.connector.connect_timeout).await.ok()?;
        rows.first()?.try_get(0).ok()
    }
}

/// Why a query has no result.
struct Failure {
    error: SourceError,
    is_about_encoding: bool,
}

/// Databases in which text of every other database is valid.
const ANY_TEXT: &str = "\
SELECT d.datname::text FROM pg_catalog.pg_database d
 WHERE d.encoding = 0 AND d.datallowconn AND pg_catalog.has_database_privilege(d.oid, 'CONNECT')
 ORDER BY d.datname LIMIT 10";

impl PgSession {
    /// Runs a query and hands its rows to `sink`.
    async fn run(&self, query: &Query, sink: &mut dyn RowSink) -> Result<Fetched, Failure> {
        let mut is_about_encoding = false;
        let run = async {
            let pooled = self.pooled()?;
            let run = async {
                let (received, is_clean) = run(pooled, query, sink).await;
                if !is_clean {
                    // Other queries must not see the schemas and the encoding of this one.
                    self.limits.break_connection();
                }
                let code = received.as_ref().err().and_then(Error::code);
                is_about_encoding = code.is_some_and(sqlstate::is_about_encoding);
                received
            };
            self.limited(run, query.timeout).await
        };
        match run.await {
            Ok((received_bytes, took)) => Ok(Fetched { received_bytes, took, ..Fetched::default() }),
            Err(error) => Err(Failure { error, is_about_encoding }),
        }
    }

    /// Runs a query that is the same in every database where text of all databases is valid: a function that returns text of
    /// others fails where one of them is not.
    async fn fetch_elsewhere(
        &self,
        query: &Query,
        sink: &mut dyn RowSink,
        error: SourceError,
    ) -> Result<Fetched, SourceError> {
        let (pooled, sql) = (self.pooled()?, ANY_TEXT.into());
        let timeout = self.connector.connect_timeout;
        let (found, _) = self.limited(rows(pooled, &sql), timeout).await?;
        let names: Vec<String> =
            found.iter().filter_map(|row| row.try_get::<_, Option<String>>(0).ok().flatten()).collect();
        for name in self.reader.select(names.clone()) {
            let session = self.open_beside(&name);
            if let Ok(Ok(session)) = tokio::time::timeout(timeout, session).await
                && let Ok(fetched) = session.run(query, sink).await
            {
                return Ok(fetched);
            }
        }
        let SourceError { reason, message, .. } = error;
        Err(SourceError::new(
            reason,
            format!(
                "{message}. A text of another database is not valid in the encoding of this one. It can be read in a \
                 database with encoding SQL_ASCII that has the extension and that the exporter reads: {}",
                if names.is_empty() { "there is none".to_owned() } else { names.join(", ") }
            ),
        ))
    }

    async fn open_beside(&self, database: &str) -> Result<Self, SourceError> {
        let lease = self.pool.take(&Purpose::of(Some(database))).await?;
        let session = Self::new(self.pool.clone(), lease, self.reader.clone());
        session.switch_off_missing().await?;
        Ok(session)
    }
}

impl Session for PgSession {
    async fn probe(&self, known: Option<&ServerProbe>) -> Result<ServerProbe, SourceError> {
        // A server that answers is up, whether or not its catalogs can be read.
        let catalogs = async { Ok(self.catalogs().await) };
        let (role, catalogs) = try_join!(self.role(), catalogs)?;
        let mut found = match catalogs {
            Ok(found) => found,
            Err(error) if error.reason == Reason::Closed => return Err(error),
            Err(error) => self.found_without_catalogs(known, &error)?,
        };
        found.facts.role = role;
        Ok(found)
    }

    async fn fetch(&self, query: &Query, sink: &mut dyn RowSink) -> Result<Fetched, SourceError> {
        if let Some(problem) = forbidden(&query.text) {
            return Err(SourceError::new(Reason::Sql, format!("{}: {problem}", self.connector.label())));
        }
        match self.run(query, sink).await {
            Ok(fetched) => Ok(fetched),
            // A look-up asks a function of an extension, which fails before its first row.
            Err(Failure { error, is_about_encoding: true }) if query.values.is_some() => {
                self.fetch_elsewhere(query, sink, error).await
            }
            Err(Failure { error, .. }) if error.reason == Reason::Sql && !query.search_path.is_empty() => {
                let hidden = self.hidden_schema(&query.search_path).await;
                Err(error.missing(hidden.map(|name| on_schema(&name))))
            }
            Err(failure) => Err(failure.error),
        }
    }
}

impl Drop for PgSession {
    fn drop(&mut self) {
        if !self.limits.is_idle() {
            return;
        }
        match (self.visit.take(), Handle::try_current()) {
            (Some(visit), Ok(runtime)) => {
                runtime.spawn(settle(self.lease.take(), visit));
            }
            _ => self.lease.put_back(),
        }
    }
}

/// Puts the connection back when the server has counted what its session did.
async fn settle(mut lease: Lease, visit: Visit) {
    let Some(pooled) = lease.connection() else { return };
    if let Ok(Ok(())) = tokio::time::timeout(SETTLE_TIMEOUT, pooled.report_statistics()).await {
        lease.put_back();
    }
    drop(visit);
}
