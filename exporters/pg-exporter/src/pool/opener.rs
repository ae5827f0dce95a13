//! The task that opens a connection.
//!
//! It continues without waiters: a login that the server has started cannot be withdrawn, and the next request for that
//! database gets its connection.

use std::sync::Arc;

use engine::{Reason, SourceError};
use pgclient::{ConnectError, Connection};

use super::connector::Connector;
use super::opening::OpeningTask;
use super::pooled_connection::PooledConnection;
use super::purpose::Purpose;
use super::refusals::{Refusals, is_by_rule};
use super::slots::Slots;
use crate::tracking::SettingSet;

/// Opens one connection in one slot.
pub(super) struct Opener {
    pub(super) connector: Arc<Connector>,
    pub(super) slots: Arc<Slots>,
    pub(super) refusals: Arc<Refusals>,
    /// The slot's index.
    pub(super) at: usize,
    pub(super) purpose: Purpose,
    pub(super) task: OpeningTask,
}

impl Opener {
    /// Opens the connection after the evicted one has been closed, and puts it into the slot.
    pub(super) async fn run(mut self, evicted: Option<PooledConnection>) {
        if let Some(evicted) = evicted {
            evicted.close().await;
        }
        let mut outcome = self.open().await;
        if outcome.as_ref().is_some_and(|outcome| outcome.as_ref().is_err_and(|error| error.reason == Reason::Closed)) {
            // As by a transaction_timeout of the role: from the first session on, it is known whether the server has one.
            outcome = self.open().await;
        }
        match outcome {
            None => self.slots.release(self.at),
            Some(Ok(connection)) => self.slots.opened(self.at, connection),
            Some(Err(error)) => {
                self.task.fail(error);
                self.slots.release(self.at);
            }
        }
    }

    /// A connection that is ready for queries, or why a session cannot be prepared; `None` if none is wanted any more.
    async fn open(&mut self) -> Option<Result<PooledConnection, SourceError>> {
        let switched_off = self.connector.tracking.switched_off();
        let connection = self.connection(switched_off).await?;
        Some(self.connector.prepare(self.purpose.clone(), connection, switched_off).await)
    }

    /// Tries once, and again on request while a login is unfinished.
    async fn connection(&mut self, switched_off: SettingSet) -> Option<Connection> {
        let target = self.connector.target(self.purpose.database(), switched_off);
        let slot = self.slots.connection_slot(self.at);
        loop {
            match target.connect(&slot, self.connector.connect_timeout).await {
                Ok(connection) => {
                    if let Some(name) = self.purpose.database() {
                        self.refusals.forget(name);
                    }
                    return Some(connection);
                }
                Err(error) => {
                    let error = self.error(&error);
                    self.task.fail(error);
                }
            }
            tokio::select! {
                biased;
                late = slot.late_connection(&target) => return late,
                requested = self.task.requested() => requested?,
            }
        }
    }

    fn error(&self, error: &ConnectError) -> SourceError {
        let not_ended = (error.reason() == Reason::BackendsNotEnded).then(|| self.slots.not_ended());
        let not_ended = not_ended.flatten().map(|not_ended| not_ended.error(&self.connector.label()));
        let refused = || self.connector.connect_error(error, self.purpose.database());
        not_ended.unwrap_or_else(|| match self.purpose.database() {
            Some(name) if is_by_rule(error) => self.refusals.note(name, &refused()),
            _ => refused(),
        })
    }
}
