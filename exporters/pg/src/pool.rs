//! A few connections for many databases, under a hard budget.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::{Connections, SourceError};
use pgclient::{ConnectError, Connection, Target};
use tokio::sync::Notify;
use tokio_postgres::Statement;

/// Connections to one server. One is kept back for the main database, so that other databases never keep the exporter
/// from telling whether the server is up.
pub(crate) struct Pool {
    target: Target,
    pub(crate) connect_timeout: Duration,
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
    database: Option<String>,
    pub(crate) connection: Connection,
    /// SQL that was run on it: once so far, or prepared.
    pub(crate) statements: Mutex<HashMap<Arc<str>, Option<Statement>>>,
    slot: Slot,
}

/// A place in the budget, free again when this goes.
struct Slot {
    pool: Arc<Pool>,
    main: bool,
}

enum Next {
    Take(Box<Kept>),
    Connect(Slot),
    Wait,
}

impl Pool {
    pub(crate) fn new(target: Target, connect_timeout: Duration, budget: usize) -> Arc<Self> {
        let (state, freed, opened) = (Mutex::default(), Notify::new(), AtomicU64::new(0));
        Arc::new(Self { target, connect_timeout, budget, state, freed, opened })
    }

    pub(crate) fn label(&self) -> String {
        self.target.label()
    }

    /// How many databases beside the main one may be connected at once.
    pub(crate) fn lanes(&self) -> usize {
        (self.budget - 1).max(1)
    }

    pub(crate) fn connections(&self) -> Connections {
        let state = self.lock();
        let open = (state.main + state.others) as u64;
        Connections { open, budget: self.budget as u64, opened: self.opened.load(Ordering::Relaxed) }
    }

    /// A connection to `database`, or to the main one: an idle one, a new one, or the next that comes free.
    pub(crate) async fn take(self: &Arc<Self>, database: Option<&str>) -> Result<Kept, SourceError> {
        loop {
            let freed = self.freed.notified();
            match self.next(database) {
                Next::Take(kept) => return Ok(*kept),
                Next::Connect(slot) => return self.connect(database, slot).await,
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
        // What is thrown out goes after the lock: its slot needs the lock too.
        let mut out = Vec::new();
        let mut state = self.lock();
        let (dead, idle): (Vec<_>, Vec<_>) = state.idle.drain(..).partition(|kept| kept.connection.is_closed());
        state.idle = idle;
        out.extend(dead);
        if let Some(at) = state.idle.iter().position(|kept| kept.database.as_deref() == database) {
            return Next::Take(Box::new(state.idle.remove(at)));
        }
        let mut free = self.has_place(&state, database, &out);
        if !free
            && let Some(at) =
                state.idle.iter().position(|kept| kept.slot.main != database.is_none() || database.is_some())
        {
            out.push(state.idle.remove(at));
            free = self.has_place(&state, database, &out);
        }
        if !free {
            drop(state);
            return Next::Wait;
        }
        let main = database.is_none();
        *state.of(main) += 1;
        drop(state);
        Next::Connect(Slot { pool: self.clone(), main })
    }

    /// Whether one more would be within the budget once those in `out` are gone.
    fn has_place(&self, state: &State, database: Option<&str>, out: &[Kept]) -> bool {
        let out_others = out.iter().filter(|kept| !kept.slot.main).count();
        let all = state.main + state.others - out.len();
        all < self.budget && (database.is_none() || state.others - out_others < self.lanes())
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
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Kept { database: database.map(str::to_owned), connection, statements: Mutex::default(), slot })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source_error(error: &ConnectError) -> SourceError {
    SourceError::new(error.reason().as_str(), error.to_string())
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
