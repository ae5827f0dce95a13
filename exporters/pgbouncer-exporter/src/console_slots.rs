//! The budget of consoles: a slot is free when PgBouncer has ended the console, or the login, that was opened in it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pgclient::ConnectionSlot;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// The slots of one PgBouncer.
pub(crate) struct ConsoleSlots {
    all: Vec<ConnectionSlot>,
    /// The indexes of the slots that are not in use.
    unheld: Mutex<Vec<usize>>,
    changed: Arc<Notify>,
}

/// A slot in use. When it is dropped, an unfinished login is closed as soon as it is over.
pub(crate) struct ConsolePermit {
    slots: Arc<ConsoleSlots>,
    at: usize,
}

impl ConsoleSlots {
    pub(crate) fn new(budget: usize) -> Arc<Self> {
        let changed = Arc::new(Notify::new());
        let all = (0..budget).map(|_| ConnectionSlot::new(changed.clone())).collect();
        Arc::new(Self { all, unheld: Mutex::new((0..budget).collect()), changed })
    }

    /// Waits for a free slot. Held slots become free in time.
    ///
    /// # Errors
    /// The number of abandoned consoles, if PgBouncer does not end one of them within `timeout`.
    pub(crate) async fn take(self: &Arc<Self>, timeout: Duration) -> Result<ConsolePermit, usize> {
        let deadline = Instant::now() + timeout;
        loop {
            let changed = self.changed.notified();
            if let Some(at) = self.free() {
                return Ok(ConsolePermit { slots: self.clone(), at });
            }
            let unheld = self.unheld.lock().len();
            match unheld {
                0 => changed.await,
                abandoned => timeout_at(deadline, changed).await.map_err(|_| abandoned)?,
            }
        }
    }

    /// How many consoles may be open on PgBouncer.
    pub(crate) fn taken(&self) -> usize {
        self.all.iter().filter(|slot| slot.taken() > 0).count()
    }

    fn free(&self) -> Option<usize> {
        let mut unheld = self.unheld.lock();
        let found = unheld.iter().position(|at| self.all[*at].taken() == 0)?;
        Some(unheld.swap_remove(found))
    }
}

impl ConsolePermit {
    pub(crate) fn slot(&self) -> &ConnectionSlot {
        &self.slots.all[self.at]
    }
}

impl Drop for ConsolePermit {
    fn drop(&mut self) {
        self.slot().abandon_logins();
        self.slots.unheld.lock().push(self.at);
        self.slots.changed.notify_waiters();
    }
}
