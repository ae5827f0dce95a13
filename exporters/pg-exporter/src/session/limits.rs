//! Time limits of the queries that share a connection.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::Reason;
use parking_lot::Mutex;
use pgclient::Connection;
use tokio::sync::{oneshot, watch};
use tokio_postgres::Error;

/// How long a cancelled query may take to end before its connection is closed.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// Runs the pipelined queries of one connection, each within its own time limit.
pub(super) struct QueryLimits {
    running: AtomicUsize,
    /// Becomes true when the connection must not be used any more: pending queries fail at once.
    broken: watch::Sender<bool>,
    /// Resolves when the previous query has ended: a query's time starts then, since the server runs one after another.
    previous: Mutex<Option<oneshot::Receiver<()>>>,
    /// When the last query ended and the work on the next one began.
    last_end: Mutex<Instant>,
}

/// Why a query has no result.
pub(super) enum QueryError {
    Failed(Error),
    TimedOut,
    /// The connection broke because of another query.
    Broken,
}

impl QueryLimits {
    pub(super) fn new() -> Self {
        let (running, broken) = (AtomicUsize::new(0), watch::Sender::new(false));
        Self { running, broken, previous: Mutex::default(), last_end: Mutex::new(Instant::now()) }
    }

    /// Whether nothing runs on the connection, so that it can be used again.
    pub(super) fn is_idle(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0 && !*self.broken.borrow()
    }

    /// Fails all pending queries. The connection is closed after use.
    pub(super) fn break_connection(&self) {
        self.broken.send_replace(true);
    }

    /// Runs `query` within `timeout`, counted from the end of the previous query. Then it is cancelled; if that does not end
    /// it, the connection is broken. Returns the result and how long the server worked on it.
    pub(super) async fn run<T>(
        &self,
        connection: &Connection,
        query: impl Future<Output = Result<T, Error>>,
        timeout: Duration,
    ) -> Result<(T, Duration), QueryError> {
        let begun = Instant::now();
        let (ended, previous) = self.queue();
        self.running.fetch_add(1, Ordering::Relaxed);
        let mut query = pin!(query);
        let overdue = async {
            if let Some(previous) = previous {
                // An error means that the previous query was dropped, which ends it too.
                previous.await.ok();
            }
            tokio::time::sleep(timeout).await;
        };
        let result = tokio::select! {
            biased;
            result = &mut query => result.map_err(QueryError::Failed),
            () = overdue => self.cancel(connection, query).await,
            () = self.broken() => Err(QueryError::Broken),
        };
        // Not reached if the caller drops this future: then the query still runs and stays counted.
        self.running.fetch_sub(1, Ordering::Relaxed);
        drop(ended);
        let now = Instant::now();
        let previous_end = std::mem::replace(&mut *self.last_end.lock(), now);
        result.map(|result| (result, now - begun.max(previous_end)))
    }

    fn queue(&self) -> (oneshot::Sender<()>, Option<oneshot::Receiver<()>>) {
        let (ended, end) = oneshot::channel();
        (ended, self.previous.lock().replace(end))
    }

    async fn broken(&self) {
        // The sender lives as long as this value, so the wait ends only with true.
        self.broken.subscribe().wait_for(|broken| *broken).await.ok();
    }

    async fn cancel<T>(
        &self,
        connection: &Connection,
        query: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, QueryError> {
        let cancelled = connection.cancel(CANCEL_GRACE).await;
        let undelivered = cancelled.is_err();
        match tokio::time::timeout(CANCEL_GRACE, query).await {
            Ok(Ok(result)) => {
                if cancelled.is_err_and(|error| error.reason() == Reason::Timeout) {
                    // The request may still arrive and would then cancel the next query.
                    self.break_connection();
                }
                return Ok(result);
            }
            Ok(Err(_)) => {}
            Err(_) => {
                tracing::debug!(
                    server = connection.label(),
                    undelivered,
                    "query did not end after its cancellation, closing the connection"
                );
                self.break_connection();
            }
        }
        Err(QueryError::TimedOut)
    }
}
