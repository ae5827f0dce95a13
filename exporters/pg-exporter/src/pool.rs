//! A few connections for many databases, under a hard budget.
//!
//! The budget is a number of places. A place is taken until the server has ended its side of what was opened there: a
//! login that hangs keeps its place, and so does a connection that was given up while a query ran.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::{Connections, Reason, SourceError};
use pgclient::{ConnectError, Connection, ConnectionSlot, Target};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::opening::{Opening, Waiter};
use crate::pooled_connection::PooledConnection;
use crate::purpose::Purpose;
use crate::session_settings::TransactionTimeout;
use crate::session_start;
use crate::tracking::{TRACK, Tracking};

/// A connection that was not used for so long is closed. Longer than the longest time to live of a collector, so that one
/// which is needed at each of them is kept.
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Connections to one server. A place is kept back for the main database, so that other databases never keep the exporter
/// from telling whether the server is up.
pub(crate) struct Pool {
    target: Target,
    pub(crate) connect_timeout: Duration,
    pub(crate) tracking: Tracking,
    transaction_timeout: TransactionTimeout,
    /// The `statement_timeout` that connections are opened with.
    statement_timeout: Duration,
    idle_limit: Duration,
    state: Mutex<State>,
    /// Notified when a place comes free, and when a connection comes to be idle.
    changed: Arc<Notify>,
    opened: AtomicU64,
}

struct State {
    seats: Vec<Seat>,
    /// Whether a task closes connections that nobody uses.
    sweeping: bool,
}

/// A place of the budget, and its use.
struct Seat {
    place: ConnectionSlot,
    /// What it was last used for.
    purpose: Purpose,
    usage: Usage,
}

enum Usage {
    /// None, but the server may not have ended the one before.
    None,
    Opening(Opening),
    Idle(Box<PooledConnection>),
    InUse,
}

enum Next {
    Take(Box<PooledConnection>),
    Join(Waiter),
    /// Why it may take longer than anybody waits, if it may.
    Wait(Option<SourceError>),
}

impl Pool {
    pub(crate) fn new(
        target: Target,
        connect_timeout: Duration,
        statement_timeout: Duration,
        idle_limit: Duration,
        budget: usize,
    ) -> Arc<Self> {
        let changed = Arc::new(Notify::new());
        let seat = || Seat { place: ConnectionSlot::new(changed.clone()), purpose: Purpose::Main, usage: Usage::None };
        let state = Mutex::new(State { seats: (0..budget).map(|_| seat()).collect(), sweeping: false });
        let (tracking, opened) = (Tracking::default(), AtomicU64::new(0));
        let transaction_timeout = TransactionTimeout::default();
        Arc::new(Self {
            target,
            connect_timeout,
            tracking,
            transaction_timeout,
            statement_timeout,
            idle_limit,
            state,
            changed,
            opened,
        })
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
    pub(crate) fn max_parallel_databases(&self) -> usize {
        self.lock().max_parallel_databases()
    }

    pub(crate) fn connections(&self) -> Connections {
        let state = self.lock();
        let open = state.seats.iter().filter(|seat| seat.place.taken() > 0).count() as u64;
        Connections { open, budget: state.seats.len() as u64, opened: self.opened.load(Ordering::Relaxed) }
    }

    /// A connection for that purpose: an idle one, one that is being opened, a new one, or the next that comes free.
    pub(crate) async fn take(self: &Arc<Self>, purpose: &Purpose) -> Result<PooledConnection, SourceError> {
        let deadline = tokio::time::Instant::now() + self.connect_timeout;
        loop {
            let changed = self.changed.notified();
            match self.next(purpose) {
                Next::Take(kept) => return Ok(*kept),
                Next::Join(waiter) => tokio::select! {
                    outcome = waiter.wait() => outcome?,
                    // Another connection for the same purpose may have come back.
                    () = changed => {}
                },
                Next::Wait(None) => changed.await,
                Next::Wait(Some(error)) => timeout_at(deadline, changed).await.map_err(|_| error)?,
            }
        }
    }

    fn next(self: &Arc<Self>, purpose: &Purpose) -> Next {
        let mut state = self.lock();
        let purpose =
            if *purpose == Purpose::Health && !state.keeps_one_for_health() { &Purpose::Main } else { purpose };
        let taken = |(at, kept): (usize, PooledConnection)| Next::Take(Box::new(kept.held(self.clone(), at)));
        if let Some(idle) = state.take_idle(purpose) {
            return taken(idle);
        }
        let main = if *purpose == Purpose::Health { state.take_idle(&Purpose::Main) } else { None };
        let waiter = self.open(&mut state, purpose);
        match (main, waiter) {
            // The new connection is for the next time, when a scrape may use the main one.
            (Some(main), _) => taken(main),
            (None, Some(waiter)) => Next::Join(waiter),
            (None, None) if *purpose == Purpose::Main => {
                let health = state.take_idle(&Purpose::Health);
                health.map_or_else(|| Next::Wait(self.not_ended(&state)), taken)
            }
            (None, None) => Next::Wait(self.not_ended(&state)),
        }
    }

    /// The wait for a connection that is being opened; `None` if there is no place for it.
    fn open(self: &Arc<Self>, state: &mut State, purpose: &Purpose) -> Option<Waiter> {
        if let Some(opening) = state.openings().find(|opening| opening.purpose == *purpose) {
            return Some(opening.join());
        }
        let at = state.seat_for(purpose, &self.target)?;
        let seat = &mut state.seats[at];
        let evicted = match std::mem::replace(&mut seat.usage, Usage::None) {
            Usage::Idle(kept) => Some(*kept),
            _ => None,
        };
        seat.purpose = purpose.clone();
        let opening = Opening::start(self.clone(), at, purpose.clone(), evicted);
        let waiter = opening.join();
        seat.usage = Usage::Opening(opening);
        Some(waiter)
    }

    /// Keeps a connection for its next use.
    pub(crate) fn put_back(self: &Arc<Self>, mut kept: PooledConnection) {
        if let Some(hold) = kept.hold.take().filter(|_| !kept.connection.is_closed()) {
            self.keep(hold.give_back(), kept);
        }
    }

    /// Keeps a connection that was opened at a place.
    pub(crate) fn opened(self: &Arc<Self>, at: usize, kept: PooledConnection) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.keep(at, kept);
    }

    fn keep(self: &Arc<Self>, at: usize, kept: PooledConnection) {
        let mut state = self.lock();
        state.seats[at].usage = Usage::Idle(Box::new(kept.unused()));
        // Without a runtime the program ends.
        if let Some(runtime) = Handle::try_current().ok().filter(|_| !state.sweeping) {
            state.sweeping = true;
            runtime.spawn(self.clone().sweep());
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends the use of a place. It is free when the server has ended its side.
    pub(crate) fn release(&self, at: usize) {
        self.lock().seats[at].usage = Usage::None;
        self.changed.notify_waiters();
    }

    /// Closes connections that nobody uses, until there are none.
    async fn sweep(self: Arc<Self>) {
        loop {
            let (unused, next) = self.lock().unused(self.idle_limit);
            for kept in unused {
                kept.close().await;
            }
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => return,
            }
        }
    }

    pub(crate) fn place(&self, at: usize) -> ConnectionSlot {
        self.lock().seats[at].place.clone()
    }

    pub(crate) fn target(&self, database: Option<&str>) -> Target {
        let target = database.map_or_else(|| self.target.clone(), |name| self.target.with_database(name));
        let target = self.transaction_timeout.lifted(target);
        if self.tracking.may_switch_off() { target.with_optional_setting(TRACK, "none") } else { target }
    }

    /// A new connection, ready for queries.
    pub(crate) async fn prepared(
        &self,
        purpose: Purpose,
        connection: Connection,
    ) -> Result<PooledConnection, SourceError> {
        self.transaction_timeout.note(&connection);
        if purpose == Purpose::Health {
            // Nothing is asked on it that a database's owner could change, and nothing here may wait for a lock.
            return Ok(PooledConnection::new(purpose, connection, self.statement_timeout));
        }
        let failed = match tokio::time::timeout(self.connect_timeout, session_start::prepare(&connection)).await {
            Ok(Ok(())) => return Ok(PooledConnection::new(purpose, connection, self.statement_timeout)),
            Ok(Err(error)) => {
                let reason = error.code().map_or(Reason::Protocol, crate::session::reason);
                let said = error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned());
                SourceError::new(reason, format!("{}: preparing a session: {said}", self.label()))
            }
            Err(_) => SourceError::new(Reason::Timeout, format!("{}: preparing a session: no answer", self.label())),
        };
        Err(failed)
    }

    pub(crate) fn connect_error(&self, error: &ConnectError) -> SourceError {
        let not_ended = (error.reason() == Reason::BackendsNotEnded).then(|| self.not_ended(&self.lock())).flatten();
        not_ended.unwrap_or_else(|| SourceError::new(error.reason(), error.to_string()))
    }

    /// That places are taken which only the server can free, if there are any.
    fn not_ended(&self, state: &State) -> Option<SourceError> {
        let logins = state.openings().filter(|opening| opening.is_unfinished()).count();
        let given_up = state.seats.iter().filter(|seat| seat.is_given_up()).count();
        (logins + given_up > 0).then(|| {
            let message = format!(
                "{}: no connection is free of the {} that --max-connections allows: the server has not ended the processes of {given_up} that were given up and {logins} whose login hangs; see pg_stat_activity for what they wait for",
                self.label(),
                state.seats.len()
            );
            SourceError::new(Reason::BackendsNotEnded, message)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `statement_timeout` for queries that may run so long: under the exporter's own limits, should it die meanwhile.
pub(crate) fn statement_timeout(longest_query: Duration) -> Duration {
    longest_query + Duration::from_secs(1)
}

impl State {
    fn max_parallel_databases(&self) -> usize {
        (self.seats.len() - 1).max(1)
    }

    fn openings(&self) -> impl Iterator<Item = &Opening> {
        self.seats.iter().filter_map(|seat| match &seat.usage {
            Usage::Opening(opening) => Some(opening),
            _ => None,
        })
    }

    /// Whether health endpoints have a connection of their own. Two places are too few for that; and while there is none to
    /// the main database, both wait for the same login, so that one which hangs is not made twice.
    fn keeps_one_for_health(&self) -> bool {
        let is_main =
            |seat: &Seat| seat.purpose == Purpose::Main && matches!(seat.usage, Usage::Idle(_) | Usage::InUse);
        let has_one = |seat: &Seat| seat.purpose == Purpose::Health && seat.idle().is_some();
        self.seats.len() > 2 && self.seats.iter().any(|seat| is_main(seat) || has_one(seat))
    }

    /// The idle connection for that purpose; those that have ended are forgotten.
    fn take_idle(&mut self, purpose: &Purpose) -> Option<(usize, PooledConnection)> {
        for seat in &mut self.seats {
            if seat.idle().is_some_and(|kept| kept.connection.is_closed()) {
                seat.usage = Usage::None;
            }
        }
        let is_wanted = |seat: &Seat| seat.idle().is_some_and(|kept| kept.purpose == *purpose);
        let at = self.seats.iter().position(is_wanted)?;
        match std::mem::replace(&mut self.seats[at].usage, Usage::InUse) {
            Usage::Idle(kept) => Some((at, *kept)),
            _ => None,
        }
    }

    /// The place for a new connection: a free one, else that of the connection which was not used for the longest time, of
    /// other databases first.
    fn seat_for(&self, purpose: &Purpose, target: &Target) -> Option<usize> {
        let seats = || self.seats.iter().enumerate();
        let kept_back_idle = seats().filter(|(_, seat)| seat.purpose.is_kept_back() && seat.idle().is_some()).count();
        let taken = seats().filter(|(_, seat)| seat.is_taken()).count();
        // The main database's place is free or an idle connection: a query that still runs there leaves it another one.
        let others_full = !purpose.is_kept_back() && taken - kept_back_idle >= self.max_parallel_databases();
        let free = seats().filter(|(_, seat)| seat.is_free_for(target)).min_by_key(|(_, seat)| seat.place.taken());
        let idle_since = |(_, seat): &(usize, &Seat)| seat.idle().map(|kept| kept.idle_since);
        let idle = || seats().filter(|(_, seat)| seat.idle().is_some());
        // With a budget of one, all databases take turns at it.
        let is_spare = |(_, seat): &(usize, &Seat)| {
            let count = idle().filter(|(_, other)| other.purpose == seat.purpose).count();
            seat.purpose.is_kept_back() && (count > 1 || self.seats.len() == 1)
        };
        let found = free
            .filter(|_| !others_full)
            .or_else(|| idle().filter(|(_, seat)| !seat.purpose.is_kept_back()).min_by_key(idle_since))
            .or_else(|| idle().filter(is_spare).min_by_key(idle_since).filter(|_| !others_full));
        found.map(|(at, _)| at)
    }

    /// Takes out the connections that were idle for so long, and says when there may be more of them.
    fn unused(&mut self, idle_limit: Duration) -> (Vec<PooledConnection>, Option<Instant>) {
        let now = Instant::now();
        let mut unused = Vec::new();
        for seat in &mut self.seats {
            if seat.idle().is_some_and(|kept| kept.idle_since + idle_limit <= now)
                && let Usage::Idle(kept) = std::mem::replace(&mut seat.usage, Usage::None)
            {
                unused.push(*kept);
            }
        }
        let next = self.seats.iter().filter_map(Seat::idle).map(|kept| kept.idle_since + idle_limit).min();
        self.sweeping = next.is_some();
        (unused, next)
    }
}

impl Seat {
    fn idle(&self) -> Option<&PooledConnection> {
        match &self.usage {
            Usage::Idle(kept) => Some(kept),
            _ => None,
        }
    }

    fn is_taken(&self) -> bool {
        !matches!(self.usage, Usage::None) || self.place.taken() > 0
    }

    /// Whether a connection can be opened there now: of several servers one may have ended its side.
    fn is_free_for(&self, target: &Target) -> bool {
        matches!(self.usage, Usage::None) && !self.place.is_full(target)
    }

    fn is_given_up(&self) -> bool {
        matches!(self.usage, Usage::None) && self.place.taken() > 0
    }
}

#[cfg(test)]
mod tests;
