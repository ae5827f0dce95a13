//! The slots of a pool, as leases and opening tasks share them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::{Connections, Reason, SourceError};
use parking_lot::{Mutex, MutexGuard};
use pgclient::ConnectionSlot;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::pooled_connection::PooledConnection;
use super::state::{PoolState, SlotUse};

/// The slots and their connections.
pub(super) struct Slots {
    state: Mutex<PoolState>,
    idle_limit: Duration,
    /// Notified when a slot becomes free or a connection idle.
    changed: Arc<Notify>,
    opened: AtomicU64,
}

/// How many slots are taken by processes that only the server can end.
#[derive(Debug)]
pub(super) struct NotEnded {
    abandoned: usize,
    logins: usize,
    budget: usize,
}

impl Slots {
    pub(super) fn new(slots: usize, budget: usize, idle_limit: Duration) -> Arc<Self> {
        let changed = Arc::new(Notify::new());
        let state = Mutex::new(PoolState::new(slots, budget, &changed));
        Arc::new(Self { state, idle_limit, changed, opened: AtomicU64::new(0) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock()
    }

    /// Waits for a change from now on.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn connections(&self) -> Connections {
        let state = self.lock();
        let open = state.slots.iter().filter(|slot| slot.connection_slot.taken() > 0).count() as u64;
        Connections {
            open,
            budget: state.budget as u64,
            opened: self.opened.load(Ordering::Relaxed),
            certificate_expiry: state.certificate_expiry,
        }
    }

    pub(super) fn connection_slot(&self, at: usize) -> ConnectionSlot {
        self.lock().slots[at].connection_slot.clone()
    }

    /// Keeps a connection that was opened in a slot.
    pub(super) fn opened(self: &Arc<Self>, at: usize, connection: PooledConnection) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.lock().certificate_expiry = connection.connection.certificate_expiry();
        self.put_back(at, connection);
    }

    /// Keeps a connection for its next use, or closes it if it is to be replaced.
    pub(super) fn put_back(self: &Arc<Self>, at: usize, mut connection: PooledConnection) {
        connection.idle_since = Instant::now();
        let mut state = self.lock();
        state.note_end(at);
        // Without a runtime the process is exiting.
        let runtime = Handle::try_current().ok();
        if let Some(runtime) = runtime.as_ref().filter(|_| state.is_outdated(at, &connection)) {
            state.slots[at].used = SlotUse::None;
            runtime.spawn(connection.close());
            // Whoever waits for it is notified when the server has ended it.
            return;
        }
        state.slots[at].used = SlotUse::Idle(Box::new(connection));
        if let Some(runtime) = runtime.filter(|_| !state.sweeping) {
            state.sweeping = true;
            runtime.spawn(self.clone().sweep());
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends the use of a slot. It is free when the server has ended its side.
    pub(super) fn release(&self, at: usize) {
        let mut state = self.lock();
        state.note_end(at);
        state.slots[at].used = SlotUse::None;
        drop(state);
        self.changed.notify_waiters();
    }

    /// The slots that only the server can free, if there are any.
    pub(super) fn not_ended(&self) -> Option<NotEnded> {
        NotEnded::of(&self.lock())
    }

    /// Closes unused connections until none is idle.
    async fn sweep(self: Arc<Self>) {
        loop {
            let (unused, next) = self.lock().take_unused(self.idle_limit);
            for connection in unused {
                connection.close().await;
            }
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => return,
            }
        }
    }
}

impl NotEnded {
    pub(super) fn of(state: &PoolState) -> Option<Self> {
        let logins = state.openings().filter(|opening| opening.is_unfinished()).count();
        let abandoned = state.slots.iter().filter(|slot| slot.is_abandoned()).count();
        (logins + abandoned > 0).then_some(Self { abandoned, logins, budget: state.budget })
    }

    /// The error for those who find no free slot.
    pub(super) fn error(&self, label: &str) -> SourceError {
        let Self { abandoned, logins, budget } = self;
        let message = format!(
            "{label}: no free connection (--max-connections={budget}): the server has not ended {abandoned} abandoned \
             sessions and {logins} hanging logins (see pg_stat_activity for what they wait for)"
        );
        SourceError::new(Reason::BackendsNotEnded, message)
    }
}
