//! A few connections for many databases, under a hard budget.
//!
//! The budget is a number of slots. A slot is taken until the server has ended its side of the connection that was opened
//! in it: a login that hangs keeps its slot, and so does a connection that was closed while a query ran.

pub(crate) mod connector;
mod hints;
pub(crate) mod lease;
mod opener;
mod opening;
pub(crate) mod pooled_connection;
pub(crate) mod purpose;
mod refusals;
mod slots;
mod state;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use engine::{Connections, Reason, SourceError};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use self::connector::Connector;
use self::lease::Lease;
use self::opener::Opener;
use self::opening::{Opening, Waiter};
use self::pooled_connection::PooledConnection;
use self::purpose::Purpose;
use self::refusals::Refusals;
use self::slots::{NotEnded, Slots};
use self::state::{PoolState, SlotUse};
use crate::instance::{FEW, MOST};
use crate::tracking::SettingSet;

/// A connection that was not used for this long is closed: where nothing happens, none is needed, and it would be in the way
/// of whoever wants to rename or drop the database. Longer than the time between two scrapes.
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(150);

/// Connections to one server. One slot is reserved for the main database, so that other databases never prevent the
/// exporter from checking whether the server is up. Clones are the same pool.
#[derive(Clone)]
pub(crate) struct Pool {
    connector: Arc<Connector>,
    slots: Arc<Slots>,
    refusals: Arc<Refusals>,
    /// Whether the budget follows what the server allows.
    automatic: bool,
}

/// How long a scrape waits for a sample to end before it opens another connection: samples take a few milliseconds.
const SAMPLE_LIMIT: Duration = Duration::from_millis(100);

enum Next {
    Take(Box<Lease>),
    /// Wait for a sample to end, but not for long.
    WaitForSample,
    Join(Waiter),
    /// Wait for a change; with an error if only the server can cause it.
    Wait(Option<SourceError>),
}

impl Pool {
    /// A pool with this budget, or one that follows what the server allows.
    pub(crate) fn new(connector: Connector, idle_limit: Duration, budget: Option<usize>) -> Self {
        let (slots, first) = budget.map_or((MOST, FEW), |budget| (budget, budget));
        let slots = Slots::new(slots, first, idle_limit);
        Self { connector: Arc::new(connector), slots, refusals: Arc::default(), automatic: budget.is_none() }
    }

    /// Records when the server's configuration was loaded: with another one, refused databases may be tried again.
    pub(crate) fn note_configuration(&self, loaded: f64) {
        self.refusals.note_configuration(loaded);
    }

    /// Replaces encrypted connections, since the server has loaded its configuration again and its certificate with it: an
    /// old connection would show the expiry of one that is no longer presented.
    pub(crate) fn renew_encrypted(&self) {
        for outdated in self.slots.lock().renew_encrypted() {
            tokio::spawn(outdated.close());
        }
    }

    /// Sets the budget to what the server allows, unless it is fixed.
    pub(crate) fn set_allowed(&self, allowed: usize) {
        if !self.automatic {
            return;
        }
        for beyond in self.slots.lock().set_budget(allowed) {
            tokio::spawn(beyond.close());
        }
    }

    pub(crate) fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    /// How many databases beside the main one may be read at once.
    pub(crate) fn max_parallel_databases(&self) -> usize {
        self.slots.lock().max_parallel_databases()
    }

    pub(crate) fn connections(&self) -> Connections {
        self.slots.connections()
    }

    /// A connection for the purpose: an idle one, one that is being opened, a new one, or the next that becomes free.
    pub(crate) async fn take(&self, purpose: &Purpose) -> Result<Lease, SourceError> {
        let deadline = Instant::now() + self.connector.connect_timeout;
        if *purpose == Purpose::Main {
            self.slots.lock().note_scrape();
        }
        let mut waits_for_sample = *purpose != Purpose::Sample;
        // Of an attempt that another request began earlier: this one has time left for its own.
        let mut earlier: Option<SourceError> = None;
        loop {
            let changed = self.slots.changed();
            if let Some(error) = purpose.database().and_then(|name| self.refusals.current(name)) {
                return Err(error);
            }
            match self.next(purpose, waits_for_sample) {
                Next::Take(lease) => return Ok(*lease),
                Next::WaitForSample => waits_for_sample = timeout(SAMPLE_LIMIT, changed).await.is_ok(),
                Next::Join(waiter) => tokio::select! {
                    outcome = waiter.wait() => match outcome {
                        Err(error) if error.reason == Reason::Timeout && Instant::now() < deadline => earlier = Some(error),
                        outcome => outcome?,
                    },
                    // Another connection for the same purpose may have been put back.
                    () = changed => {}
                    error = at(deadline, &earlier) => return Err(error),
                },
                Next::Wait(None) => changed.await,
                Next::Wait(Some(error)) => timeout_at(deadline, changed).await.map_err(|_| error)?,
            }
        }
    }

    fn next(&self, purpose: &Purpose, waits_for_sample: bool) -> Next {
        let mut state = self.slots.lock();
        if *purpose == Purpose::Sample {
            return self.next_for_sample(&mut state);
        }
        let purpose =
            if *purpose == Purpose::Health && !state.keeps_one_for_health() { &Purpose::Main } else { purpose };
        if let Some(idle) = state.take_idle(purpose) {
            return self.lend(idle);
        }
        if *purpose == Purpose::Main && waits_for_sample && state.is_sampled() {
            return Next::WaitForSample;
        }
        let main = if *purpose == Purpose::Health { state.take_idle(&Purpose::Main) } else { None };
        let waiter = self.open(&mut state, purpose);
        match (main, waiter) {
            // The new connection is for the next time, when a scrape may use the main one.
            (Some(main), _) => self.lend(main),
            (None, Some(waiter)) => Next::Join(waiter),
            (None, None) if *purpose == Purpose::Main => {
                let health = state.take_idle(&Purpose::Health);
                health.map_or_else(|| self.wait(&state), |health| self.lend(health))
            }
            (None, None) => self.wait(&state),
        }
    }

    /// The connection of scrapes, when they do not use it; it is opened if there is none.
    fn next_for_sample(&self, state: &mut PoolState) -> Next {
        if let Some((at, connection)) = state.take_idle(&Purpose::Main) {
            state.note_sample(at);
            return self.lend((at, connection));
        }
        let waiter = if state.may_open_for_sample() { self.open(state, &Purpose::Main) } else { None };
        waiter.map_or_else(|| self.wait(state), Next::Join)
    }

    fn lend(&self, (at, connection): (usize, PooledConnection)) -> Next {
        Next::Take(Box::new(Lease::new(self.slots.clone(), at, connection)))
    }

    fn wait(&self, state: &PoolState) -> Next {
        Next::Wait(NotEnded::of(state).map(|not_ended| not_ended.error(&self.connector.label())))
    }

    /// Joins or starts the opening of a connection; `None` if no slot is available.
    fn open(&self, state: &mut PoolState, purpose: &Purpose) -> Option<Waiter> {
        if let Some(opening) = state.openings().find(|opening| opening.purpose == *purpose) {
            return Some(opening.join());
        }
        let at = state.slot_for(purpose, &self.connector.target(None, SettingSet::default()))?;
        let slot = &mut state.slots[at];
        let evicted = match std::mem::replace(&mut slot.used, SlotUse::None) {
            SlotUse::Idle(pooled) => Some(*pooled),
            _ => None,
        };
        slot.purpose = purpose.clone();
        slot.opened = std::time::Instant::now();
        let (opening, task) = Opening::new(purpose.clone());
        let (connector, slots, refusals) = (self.connector.clone(), self.slots.clone(), self.refusals.clone());
        tokio::spawn(Opener { connector, slots, refusals, at, purpose: purpose.clone(), task }.run(evicted));
        let waiter = opening.join();
        slot.used = SlotUse::Opening(opening);
        Some(waiter)
    }
}

/// Returns the error at that time; never without one.
async fn at(time: Instant, error: &Option<SourceError>) -> SourceError {
    match error {
        Some(error) => {
            sleep_until(time).await;
            error.clone()
        }
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
