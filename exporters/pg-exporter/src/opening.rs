//! A connection that is being opened, and those who wait for it.
//!
//! It is opened by a task, which goes on when nobody waits any more: a login that the server has begun cannot be taken
//! back, and whoever wants that database next gets its connection.

use std::sync::Arc;

use engine::SourceError;
use pgclient::Connection;
use tokio::sync::watch;

use crate::pool::Pool;
use crate::pooled_connection::PooledConnection;
use crate::purpose::Purpose;

/// A connection on its way.
pub(crate) struct Opening {
    pub(crate) purpose: Purpose,
    /// Why the last attempt has failed; closed when there is a connection, or nothing left to wait for.
    failed: watch::Receiver<Option<SourceError>>,
    asked: watch::Sender<()>,
}

/// The task's side of an [`Opening`].
struct Attempts {
    failed: watch::Sender<Option<SourceError>>,
    asked: watch::Receiver<()>,
}

/// The wait for an [`Opening`].
pub(crate) struct Waiter(watch::Receiver<Option<SourceError>>);

impl Opening {
    /// Opens a connection at a place of the pool, once `evicted` is closed, which is there now.
    pub(crate) fn start(pool: Arc<Pool>, at: usize, purpose: Purpose, evicted: Option<PooledConnection>) -> Self {
        let ((failed, failure), (asked, wish)) = (watch::channel(None), watch::channel(()));
        let attempts = Attempts { failed, asked: wish };
        tokio::spawn(attempts.run(pool, at, purpose.clone(), evicted));
        Self { purpose, failed: failure, asked }
    }

    /// Waits for the outcome of the attempt that runs, or of another one.
    pub(crate) fn join(&self) -> Waiter {
        let mut failed = self.failed.clone();
        failed.mark_unchanged();
        self.asked.send_replace(());
        Waiter(failed)
    }

    /// Whether an attempt has taken longer than its caller waited, so that only the server can end it.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.failed.borrow().is_some()
    }
}

impl Waiter {
    /// Returns when there may be a connection.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn wait(mut self) -> Result<(), SourceError> {
        match self.0.changed().await {
            Ok(()) => self.0.borrow_and_update().clone().map_or(Ok(()), Err),
            Err(_) => Ok(()),
        }
    }
}

impl Attempts {
    async fn run(mut self, pool: Arc<Pool>, at: usize, purpose: Purpose, evicted: Option<PooledConnection>) {
        if let Some(evicted) = evicted {
            evicted.close().await;
        }
        match self.connection(&pool, at, purpose.database()).await {
            None => pool.release(at),
            Some(connection) => match pool.prepared(purpose, connection).await {
                Ok(kept) => pool.opened(at, kept),
                Err(error) => {
                    self.failed.send_replace(Some(error));
                    pool.release(at);
                }
            },
        }
    }

    /// Tries once, and again whenever somebody asks, as long as a login is unfinished.
    async fn connection(&mut self, pool: &Arc<Pool>, at: usize, database: Option<&str>) -> Option<Connection> {
        let (target, place) = (pool.target(database), pool.place(at));
        loop {
            match target.connect(&place, pool.connect_timeout).await {
                Ok(connection) => return Some(connection),
                Err(error) => {
                    // Those who have come so far have waited for this one.
                    self.asked.mark_unchanged();
                    self.failed.send_replace(Some(pool.connect_error(&error)));
                }
            }
            tokio::select! {
                biased;
                late = place.late_connection(&target) => return late,
                asked = self.asked.changed() => asked.ok()?,
            }
        }
    }
}
