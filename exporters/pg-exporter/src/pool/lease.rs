//! A connection in use.

use std::sync::Arc;

use super::pooled_connection::PooledConnection;
use super::slots::Slots;

/// A connection that the pool has lent. Dropping it closes the connection; its slot is free when the server has ended it.
pub(crate) struct Lease {
    slots: Arc<Slots>,
    /// The slot's index.
    at: usize,
    /// `None` after it was put back.
    connection: Option<PooledConnection>,
}

impl Lease {
    pub(super) fn new(slots: Arc<Slots>, at: usize, connection: PooledConnection) -> Self {
        Self { slots, at, connection: Some(connection) }
    }

    /// The connection, until it is put back.
    pub(crate) fn connection(&self) -> Option<&PooledConnection> {
        self.connection.as_ref()
    }

    /// The same lease in another place; this one is over.
    pub(crate) fn take(&mut self) -> Self {
        Self { slots: self.slots.clone(), at: self.at, connection: self.connection.take() }
    }

    /// Returns the connection to the pool, unless it has ended.
    pub(crate) fn put_back(&mut self) {
        if let Some(connection) = self.connection.take_if(|pooled| !pooled.connection.is_closed()) {
            self.slots.put_back(self.at, connection);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The connection is dropped before its slot is released.
        if self.connection.take().is_some() {
            self.slots.release(self.at);
        }
    }
}
