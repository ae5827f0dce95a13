//! The budget of consoles: a place is free when PgBouncer has ended what was opened there, also a login that hangs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pgclient::ConnectionSlot;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Places for so many consoles.
pub(crate) struct Places {
    all: Vec<ConnectionSlot>,
    /// By index, those that nobody holds.
    unheld: Mutex<Vec<usize>>,
    changed: Arc<Notify>,
}

/// A place until it is dropped. A login that is unfinished then is closed as soon as it is over.
pub(crate) struct Held {
    places: Arc<Places>,
    at: usize,
}

impl Places {
    pub(crate) fn new(budget: usize) -> Arc<Self> {
        let changed = Arc::new(Notify::new());
        let all = (0..budget).map(|_| ConnectionSlot::new(changed.clone())).collect();
        Arc::new(Self { all, unheld: Mutex::new((0..budget).collect()), changed })
    }

    /// Waits for a free place: those that are held come free in time.
    ///
    /// # Errors
    /// When none has come free within `timeout` and some are taken by what was given up: their number.
    pub(crate) async fn take(self: &Arc<Self>, timeout: Duration) -> Result<Held, usize> {
        let deadline = Instant::now() + timeout;
        loop {
            let changed = self.changed.notified();
            if let Some(at) = self.free() {
                return Ok(Held { places: self.clone(), at });
            }
            let unheld = self.lock().len();
            match unheld {
                0 => changed.await,
                given_up => timeout_at(deadline, changed).await.map_err(|_| given_up)?,
            }
        }
    }

    /// How many consoles PgBouncer may have.
    pub(crate) fn taken(&self) -> usize {
        self.all.iter().filter(|place| place.taken() > 0).count()
    }

    fn free(&self) -> Option<usize> {
        let mut unheld = self.lock();
        let found = unheld.iter().position(|at| self.all[*at].taken() == 0)?;
        Some(unheld.swap_remove(found))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.unheld.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub(crate) fn place(&self) -> &ConnectionSlot {
        &self.places.all[self.at]
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.place().abandon_logins();
        self.places.lock().push(self.at);
        self.places.changed.notify_waiters();
    }
}
