//! One connection in use: queries that go out together, each with its own time limit.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Health, Query, Reason, Role, Rows, ServerFacts, Session, SourceError};
use futures_util::{StreamExt, join, pin_mut, try_join};
use postgres_types::Type;
use tokio::sync::{oneshot, watch};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Row, RowStream};

use crate::decode::cell;
use crate::facts::{self, Probe};
use crate::health;
use crate::pool::Pool;
use crate::pooled_connection::PooledConnection;
use crate::tracking;

/// How long a cancelled query has to come back before its connection is given up.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// The argument of a query, if it has one: a list of texts.
type Values<'a> = Option<&'a Vec<String>>;

/// A connection until it is put back. If queries still run on it, or one did not heed its cancellation, it is closed
/// instead.
pub(crate) struct PgSession {
    pool: Arc<Pool>,
    probe: Arc<Probe>,
    kept: Option<PooledConnection>,
    running: AtomicUsize,
    /// Becomes true when the connection is given up: whoever still waits on it fails at once.
    broken: watch::Sender<bool>,
    /// Resolves when the query before has ended: a query's time begins then, since the server runs one after another.
    previous: Mutex<Option<oneshot::Receiver<()>>>,
    /// When the last query ended: the next one's work began then.
    last_end: Mutex<Instant>,
}

impl PgSession {
    pub(crate) fn new(pool: Arc<Pool>, kept: PooledConnection, probe: Arc<Probe>) -> Self {
        let (running, broken) = (AtomicUsize::new(0), watch::Sender::new(false));
        let last_end = Mutex::new(Instant::now());
        Self { pool, probe, kept: Some(kept), running, broken, previous: Mutex::default(), last_end }
    }

    fn kept(&self) -> Result<&PooledConnection, SourceError> {
        self.kept.as_ref().ok_or_else(|| SourceError::new(Reason::Closed, "the connection is gone"))
    }

    /// Runs `query` within `timeout`, counted from when its turn comes. Then it is cancelled; if that does not end it,
    /// the session is broken. Gives the result and how long the server worked on it.
    async fn limited<T>(
        &self,
        query: impl Future<Output = Result<T, Error>>,
        timeout: Duration,
    ) -> Result<(T, Duration), SourceError> {
        let begun = Instant::now();
        let (ended, previous) = self.queue();
        self.running.fetch_add(1, Ordering::Relaxed);
        let mut query = pin!(query);
        let overdue = async {
            if let Some(previous) = previous {
                // An error means that the one before was dropped, which ends it too.
                previous.await.ok();
            }
            tokio::time::sleep(timeout).await;
        };
        let result = tokio::select! {
            biased;
            result = &mut query => result.map_err(|error| self.error(&error)),
            () = overdue => self.cancelled(query, timeout).await,
            () = self.given_up() => {
                Err(SourceError::new(Reason::Closed, format!("{}: the connection was given up", self.pool.label())))
            }
        };
        // Not reached when the caller gives up before: then the query still runs, and stays counted.
        self.running.fetch_sub(1, Ordering::Relaxed);
        drop(ended);
        let now = Instant::now();
        let previous_end = std::mem::replace(&mut *self.last_end.lock().unwrap_or_else(PoisonError::into_inner), now);
        result.map(|result| (result, now - begun.max(previous_end)))
    }

    fn queue(&self) -> (oneshot::Sender<()>, Option<oneshot::Receiver<()>>) {
        let (ended, end) = oneshot::channel();
        let previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner).replace(end);
        (ended, previous)
    }

    async fn given_up(&self) {
        // The sender lives as long as the session, so this ends only with the value.
        self.broken.subscribe().wait_for(|broken| *broken).await.ok();
    }

    fn timed_out(&self, timeout: Duration) -> SourceError {
        SourceError::new(Reason::Timeout, format!("{}: no result within {} ms", self.pool.label(), timeout.as_millis()))
    }

    async fn cancelled<T>(
        &self,
        query: impl Future<Output = Result<T, Error>>,
        timeout: Duration,
    ) -> Result<T, SourceError> {
        let cancelled = self.kept()?.connection.cancel(CANCEL_GRACE).await;
        let undelivered = cancelled.is_err();
        match tokio::time::timeout(CANCEL_GRACE, query).await {
            Ok(Ok(result)) => {
                if cancelled.is_err_and(|error| error.reason() == Reason::Timeout) {
                    // The request may still arrive, and would then end the next query.
                    self.broken.send_replace(true);
                }
                return Ok(result);
            }
            Ok(Err(_)) => {}
            Err(_) => {
                tracing::debug!(
                    server = self.pool.label(),
                    undelivered,
                    "cancellation not heeded: closing the connection"
                );
                self.broken.send_replace(true);
            }
        }
        Err(self.timed_out(timeout))
    }

    fn error(&self, error: &Error) -> SourceError {
        let label = self.pool.label();
        let (reason, message) = if let Some(db) = error.as_db_error() {
            let detail = db.hint().or(db.detail()).map(|more| format!(": {more}")).unwrap_or_default();
            // Files written for other exporters count on a wide search path.
            let path = if is_unknown_name(db.code()) {
                "; only pg_catalog is searched, unless the collector has a search_path"
            } else {
                ""
            };
            (reason(db.code()), format!("{label}: {} ({}){detail}{path}", db.message(), db.code().code()))
        } else {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let closed = error.is_closed() || self.connection_closed();
            (if closed { Reason::Closed } else { Reason::Protocol }, format!("{label}: {error}{cause}"))
        };
        if reason == Reason::Closed {
            // The server may say so some time before the connection is seen to end.
            self.broken.send_replace(true);
        }
        SourceError::new(reason, message)
    }

    fn connection_closed(&self) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.connection.is_closed())
    }

    async fn rows(
        &self,
        kept: &PooledConnection,
        sql: &Arc<str>,
        values: Values<'_>,
    ) -> Result<(Vec<String>, Vec<Row>), Error> {
        let stream = self.start(kept, sql, values).await?;
        pin_mut!(stream);
        let mut rows: Vec<Row> = Vec::new();
        while let Some(row) = stream.next().await {
            rows.push(row?);
        }
        let columns = rows.first().map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
        Ok((columns.unwrap_or_default(), rows))
    }

    /// Looks names up in these schemas too, after `pg_catalog`.
    async fn widen(&self, kept: &PooledConnection, search_path: &[String]) -> Result<(), Error> {
        if search_path.is_empty() {
            return Ok(());
        }
        kept.connection.client().batch_execute(&set_search_path(search_path)).await
    }

    /// Looks names up where the session began again.
    async fn narrow(&self, kept: &PooledConnection, search_path: &[String]) -> Result<(), Error> {
        if search_path.is_empty() { Ok(()) } else { kept.connection.client().batch_execute("RESET search_path").await }
    }

    /// The first time on a connection a query goes out in one message. The second time it is prepared as well, in the
    /// same flight: waiting for that would put the query behind slower ones. From then on it goes out prepared, which
    /// spares the server the planning.
    async fn start(&self, kept: &PooledConnection, sql: &Arc<str>, values: Values<'_>) -> Result<RowStream, Error> {
        let client = kept.connection.client();
        let unprepared = || client.query_typed_raw(sql, values.map(|values| (values, Type::TEXT_ARRAY)));
        match kept.used(sql) {
            None => {
                kept.remember(sql, None);
                unprepared().await
            }
            Some(None) => {
                let (prepared, started) = join!(client.prepare(sql), unprepared());
                // Why it cannot be prepared, the query itself tells.
                kept.remember(sql, prepared.ok());
                started
            }
            Some(Some(statement)) => {
                let started = client.query_raw(&statement, values).await;
                if started.is_err() {
                    // It may be one that the server wants planned anew.
                    kept.remember(sql, None);
                }
                started
            }
        }
    }
}

/// Temporary objects come last: PostgreSQL looks there first where the list does not name them.
fn set_search_path(schemas: &[String]) -> String {
    let quoted =
        schemas.iter().filter(|name| *name != "pg_temp").map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    let list: Vec<String> =
        std::iter::once("pg_catalog".to_owned()).chain(quoted).chain(["pg_temp".to_owned()]).collect();
    format!("SET search_path TO {}", list.join(", "))
}

/// Whether a relation, function or type was not found.
fn is_unknown_name(code: &SqlState) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_FUNCTION, SqlState::UNDEFINED_OBJECT].contains(code)
}

/// The word for what the server said.
pub(crate) fn reason(code: &SqlState) -> Reason {
    match code.code() {
        "57014" => Reason::Timeout,
        "55P03" => Reason::Lock,
        "42501" => Reason::Permission,
        // 57P05: idle_session_timeout, where somebody has set it shorter.
        // 25P03, 25P04: a time limit for transactions, which ends the session too.
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => Reason::Closed,
        "57P03" => Reason::Starting,
        "53300" => Reason::TooManyConnections,
        _ => Reason::Sql,
    }
}

impl PgSession {
    /// The one row of a statement about the server, read by `read`.
    async fn ask_one<T>(
        &self,
        sql: &'static str,
        read: impl FnOnce(&Row) -> Result<T, Error>,
    ) -> Result<T, SourceError> {
        let kept = self.kept()?;
        let sql: Arc<str> = sql.into();
        let answer = async {
            let (_, rows) = self.rows(kept, &sql, None).await?;
            rows.first().map(read).transpose()
        };
        let (found, _) = self.limited(answer, self.pool.connect_timeout).await?;
        found.ok_or_else(|| {
            SourceError::new(Reason::Protocol, format!("{}: no row in answer to {sql}", self.pool.label()))
        })
    }

    async fn role(&self) -> Result<Role, SourceError> {
        self.ask_one(health::role_statement(&self.kept()?.connection), health::role).await
    }

    /// The role, and with `with_lag` the lag where it is known.
    pub(crate) async fn health(&self, with_lag: bool) -> Result<Health, SourceError> {
        let lag = async {
            Ok(if with_lag { self.ask_one(health::LAG, health::lag_seconds).await.ok().flatten() } else { None })
        };
        let (role, lag_seconds) = try_join!(self.role(), lag)?;
        Ok(Health { role, lag_seconds: lag_seconds.filter(|_| role == Role::Standby) })
    }

    /// What the catalogs tell; sees to it that pg_stat_statements does not count the session, or says that it does.
    async fn catalogs(&self) -> Result<ServerFacts, SourceError> {
        let read = |row: &Row| Ok((self.probe.read(row)?, facts::is_tracked(row)?));
        let (mut facts, is_tracked) = self.ask_one(facts::SQL, read).await?;
        if is_tracked {
            let connection = &self.kept()?.connection;
            let superuser = connection.parameter("is_superuser") == Some("on");
            let switch_off = self.pool.tracking.switch_off(connection.client(), facts.version.0, superuser);
            let (done, _) = self.limited(switch_off, self.pool.connect_timeout).await?;
            facts.advice.extend((!done).then(|| tracking::advice(&facts.user)));
        }
        Ok(facts)
    }

    /// What was known before, or what the connection itself tells, where `error` came in place of the catalogs.
    fn facts_without_catalogs(
        &self,
        known: Option<&ServerFacts>,
        error: &SourceError,
    ) -> Result<ServerFacts, SourceError> {
        tracing::debug!(server = self.pool.label(), %error, "catalogs cannot be read");
        let kept = self.kept()?;
        let connection = &kept.connection;
        let of_connection = |database: &str| ServerFacts {
            version: facts::version_of(connection.parameter("server_version").unwrap_or_default()),
            database: database.to_owned(),
            user: self.pool.user().to_owned(),
            ..ServerFacts::default()
        };
        let mut facts = known.cloned().unwrap_or_else(|| of_connection(self.pool.name_of(kept.purpose.database())));
        facts.lag_seconds = None;
        let advice =
            format!("the system catalogs cannot be read now ({}): planned by what was known before", error.reason);
        if !facts.advice.contains(&advice) {
            facts.advice.push(advice);
        }
        Ok(facts)
    }
}

impl Session for PgSession {
    async fn facts(&self, known: Option<&ServerFacts>) -> Result<ServerFacts, SourceError> {
        // A server that answers is up, whatever becomes of its catalogs; one that does not is not asked a second time.
        let catalogs = async { Ok(self.catalogs().await) };
        let (role, catalogs) = try_join!(self.role(), catalogs)?;
        let mut facts = match catalogs {
            Ok(facts) => facts,
            Err(error) if error.reason == Reason::Closed => return Err(error),
            Err(error) => self.facts_without_catalogs(known, &error)?,
        };
        facts.role = role;
        Ok(facts)
    }

    async fn fetch(&self, query: &Query) -> Result<Rows, SourceError> {
        let kept = self.kept()?;
        let run = async {
            // All go out at once, in this order.
            let (_, ready, rows, reset) = join!(
                kept.allow(query.timeout),
                self.widen(kept, &query.search_path),
                self.rows(kept, &query.text, query.values.as_ref()),
                self.narrow(kept, &query.search_path),
            );
            if ready.and(reset).is_err() {
                // Other queries must not find the names of this one's schemas.
                self.broken.send_replace(true);
            }
            rows
        };
        let ((columns, rows), took) = self.limited(run, query.timeout).await?;
        let mut cells = Vec::with_capacity(columns.len() * rows.len());
        let mut received_bytes = 0;
        for row in &rows {
            received_bytes += row.raw_size_bytes() as u64;
            cells.extend((0..columns.len()).map(|at| cell(row, at)));
        }
        Ok(Rows { columns, cells, received_bytes, took })
    }
}

impl Drop for PgSession {
    fn drop(&mut self) {
        let idle = self.running.load(Ordering::Relaxed) == 0 && !*self.broken.borrow();
        if let Some(kept) = self.kept.take().filter(|_| idle) {
            self.pool.put_back(kept);
        }
    }
}
