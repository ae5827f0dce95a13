//! A few connections for many databases, under a hard budget.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::{Connections, SourceError};
use pgclient::{ConnectError, Connection, Target};
use tokio::sync::Notify;
use tokio_postgres::Statement;

use crate::database_settings;

/// How long the server has to end a session that is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections to one server. One is kept back for the main database, so that other databases never keep the exporter
/// from telling whether the server is up.
pub(crate) struct Pool {
    target: Target,
    pub(crate) connect_timeout: Duration,
    /// The `statement_timeout` that connections are opened with.
    net: Duration,
    budget: usize,
    state: Mutex<State>,
    freed: Notify,
    opened: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Oldest first.
    idle: Vec<Kept>,
    /// Open or about to be opened, idle ones included: to the main database, and to others.
    main: usize,
    others: usize,
}

/// An open connection with what was prepared on it.
pub(crate) struct Kept {
    pub(crate) database: Option<String>,
    pub(crate) connection: Connection,
    /// Its `statement_timeout`.
    net: Mutex<Duration>,
    /// SQL that was run on it: once so far, or prepared.
    statements: Mutex<HashMap<Arc<str>, Option<Statement>>>,
    slot: Slot,
}

/// A place in the budget, free again when this goes.
struct Slot {
    pool: Arc<Pool>,
    main: bool,
}

enum Next {
    Take(Box<Kept>),
    /// A place, once these are closed.
    Connect(Slot, Vec<Kept>),
    Wait,
}

impl Pool {
    pub(crate) fn new(target: Target, connect_timeout: Duration, net: Duration, budget: usize) -> Arc<Self> {
        let (state, freed, opened) = (Mutex::default(), Notify::new(), AtomicU64::new(0));
        Arc::new(Self { target, connect_timeout, net, budget, state, freed, opened })
    }

    pub(crate) fn label(&self) -> String {
        self.target.label()
    }

    /// Who connects.
    pub(crate) fn user(&self) -> &str {
        self.target.user()
    }

    /// The name of `database`, or of the main one.
    pub(crate) fn name_of<'a>(&'a self, database: Option<&'a str>) -> &'a str {
        database.or(self.target.database()).unwrap_or(self.target.user())
    }

    /// How many databases beside the main one may be connected at once.
    pub(crate) fn lanes(&self) -> usize {
        (self.budget - 1).max(1)
    }

    pub(crate) fn connections(&self) -> Connections {
        let state = self.lock();
        // A place that waits for another one's connection to close is not open yet.
        let open = (state.main + state.others).min(self.budget) as u64;
        Connections { open, budget: self.budget as u64, opened: self.opened.load(Ordering::Relaxed) }
    }

    /// A connection to `database`, or to the main one: an idle one, a new one, or the next that comes free.
    pub(crate) async fn take(self: &Arc<Self>, database: Option<&str>) -> Result<Kept, SourceError> {
        loop {
            let freed = self.freed.notified();
            match self.next(database) {
                Next::Take(kept) => return Ok(*kept),
                Next::Connect(slot, out) => {
                    for kept in out {
                        kept.close().await;
                    }
                    return self.connect(database, slot).await;
                }
                Next::Wait => freed.await,
            }
        }
    }

    /// Keeps a connection for its next use.
    pub(crate) fn put_back(self: &Arc<Self>, kept: Kept) {
        if !kept.connection.is_closed() {
            self.lock().idle.push(kept);
            self.freed.notify_waiters();
        }
    }

    fn next(self: &Arc<Self>, database: Option<&str>) -> Next {
        // What is thrown out goes after the lock: its slot needs the lock too. Until then it counts.
        let mut out = Vec::new();
        let mut state = self.lock();
        let (dead, idle): (Vec<_>, Vec<_>) = state.idle.drain(..).partition(|kept| kept.connection.is_closed());
        state.idle = idle;
        out.extend(dead);
        if let Some(at) = state.idle.iter().position(|kept| kept.database.as_deref() == database) {
            return Next::Take(Box::new(state.idle.remove(at)));
        }
        let main = database.is_none();
        let open = state.main + state.others - out.len();
        let main_idle = state.idle.iter().filter(|kept| kept.slot.main).count();
        // The main database's place is free or its idle connection: a query that still runs there leaves it another one.
        let others_full = !main && open - main_idle >= self.lanes();
        if others_full || open >= self.budget {
            // Of other databases first; the main one's only where it is in the way.
            let other = state.idle.iter().position(|kept| !kept.slot.main);
            let Some(at) = other.or((!others_full && !state.idle.is_empty()).then_some(0)) else {
                drop(state);
                return Next::Wait;
            };
            out.push(state.idle.remove(at));
        }
        *state.of(main) += 1;
        drop(state);
        Next::Connect(Slot { pool: self.clone(), main }, out)
    }

    async fn connect(&self, database: Option<&str>, slot: Slot) -> Result<Kept, SourceError> {
        let target = match database {
            Some(name) => self.target.with_database(name),
            None => self.target.clone(),
        };
        let connection = match target.connect(self.connect_timeout).await {
            // Servers before 11 do not know jit and refuse the connection for it.
            Err(error) if error.sqlstate() == Some("42704") => {
                target.without_setting("jit").connect(self.connect_timeout).await
            }
            connected => connected,
        };
        let connection = connection.map_err(|error| source_error(&error))?;
        self.make_ready(&connection).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        let (database, net) = (database.map(str::to_owned), Mutex::new(self.net));
        Ok(Kept { database, connection, net, statements: Mutex::default(), slot })
    }

    /// Makes the session independent of its database: of its settings, and of its encoding. Where that is SQL_ASCII text
    /// may be any bytes, and the driver asks for UTF-8: one name that is not would fail its whole query.
    async fn make_ready(&self, connection: &Connection) -> Result<(), SourceError> {
        let any_bytes = connection.parameter("server_encoding") == Some("SQL_ASCII");
        let steps = async {
            database_settings::undo(connection).await?;
            if any_bytes {
                connection.client().batch_execute("SET client_encoding = 'SQL_ASCII'").await
            } else {
                Ok(())
            }
        };
        match tokio::time::timeout(self.connect_timeout, steps).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let reason = error.code().map_or("protocol", crate::session::reason);
                let said = error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned());
                Err(SourceError::new(reason, format!("{}: session settings: {said}", self.label())))
            }
            Err(_) => Err(SourceError::new("timeout", format!("{}: session settings: no answer", self.label()))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source_error(error: &ConnectError) -> SourceError {
    SourceError::new(error.reason().as_str(), error.to_string())
}

/// The `statement_timeout` for queries that may run so long: under the exporter's own limits, should it die meanwhile.
pub(crate) fn net(longest_query: Duration) -> Duration {
    longest_query + Duration::from_secs(1)
}

impl Kept {
    /// Lets queries run so long: after a reload that may be more than what the connection was opened for.
    pub(crate) async fn allow(&self, query_timeout: Duration) -> Result<(), tokio_postgres::Error> {
        let wanted = net(query_timeout);
        {
            let mut net = self.net.lock().unwrap_or_else(PoisonError::into_inner);
            if *net >= wanted {
                return Ok(());
            }
            *net = wanted;
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

    /// Takes leave of the server and waits until it has gone too, so that the budget holds on the server's side.
    async fn close(self) {
        self.connection.close(CLOSE_TIMEOUT).await;
    }
}

impl State {
    fn of(&mut self, main: bool) -> &mut usize {
        if main { &mut self.main } else { &mut self.others }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.pool.lock().of(self.main) -= 1;
        self.pool.freed.notify_waiters();
    }
}
