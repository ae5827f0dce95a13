//! Permits: one connection at a time to a server.
//!
//! A server process ends when the server ends it, not when a client stops waiting for it. So a socket holds its permit
//! until the server has closed its end or the kernel has declared the peer dead, and a login holds it until it has
//! succeeded or failed, however long that takes.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The one permit of a server.
pub(crate) struct ServerPermit {
    semaphore: Arc<Semaphore>,
    changed: Arc<Notify>,
}

/// Held by every socket of a connection, its cancel requests included. Dropping the last one releases the permit.
pub(crate) struct SocketPermit {
    permit: Option<OwnedSemaphorePermit>,
    changed: Arc<Notify>,
}

impl ServerPermit {
    /// A free permit; `changed` is notified whenever it is released.
    pub(crate) fn new(changed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { semaphore: Arc::new(Semaphore::new(1)), changed })
    }

    /// Waits until the previous connection has ended on the server.
    pub(crate) async fn acquire(&self) -> Arc<SocketPermit> {
        // The semaphore is never closed.
        let permit = self.semaphore.clone().acquire_owned().await.ok();
        Arc::new(SocketPermit { permit, changed: self.changed.clone() })
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.semaphore.available_permits() == 0
    }

    /// Wakes those who wait for a change.
    pub(crate) fn notify(&self) {
        self.changed.notify_waiters();
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        // Released before the notification, so that those who are woken see it.
        self.permit.take();
        self.changed.notify_waiters();
    }
}
