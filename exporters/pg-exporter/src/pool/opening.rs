//! A connection that is being opened, and those who wait for it.

use engine::SourceError;
use tokio::sync::watch;

use super::purpose::Purpose;

/// A connection that is being opened.
pub(super) struct Opening {
    pub(super) purpose: Purpose,
    /// Why the last attempt failed; closed when there is a connection or no attempt is left.
    failure: watch::Receiver<Option<SourceError>>,
    requests: watch::Sender<()>,
}

/// The opening task's side of an [`Opening`].
pub(super) struct OpeningTask {
    failure: watch::Sender<Option<SourceError>>,
    requests: watch::Receiver<()>,
}

/// The wait for an [`Opening`].
pub(super) struct Waiter(watch::Receiver<Option<SourceError>>);

impl Opening {
    pub(super) fn new(purpose: Purpose) -> (Self, OpeningTask) {
        let (failure_sender, failure) = watch::channel(None);
        let (requests, request_receiver) = watch::channel(());
        let task = OpeningTask { failure: failure_sender, requests: request_receiver };
        (Self { purpose, failure, requests }, task)
    }

    /// Waits for the outcome of the current attempt, or requests another one.
    pub(super) fn join(&self) -> Waiter {
        let mut failure = self.failure.clone();
        failure.mark_unchanged();
        self.requests.send_replace(());
        Waiter(failure)
    }

    /// Whether an attempt has taken longer than its caller waited, so that only the server can end it.
    pub(super) fn is_unfinished(&self) -> bool {
        self.failure.borrow().is_some()
    }
}

impl Waiter {
    /// Returns when there may be a connection.
    ///
    /// # Errors
    /// Why the attempt failed.
    pub(super) async fn wait(mut self) -> Result<(), SourceError> {
        match self.0.changed().await {
            Ok(()) => self.0.borrow_and_update().clone().map_or(Ok(()), Err),
            Err(_) => Ok(()),
        }
    }
}

impl OpeningTask {
    /// Reports a failed attempt to those who waited for it.
    pub(super) fn fail(&mut self, error: SourceError) {
        self.requests.mark_unchanged();
        self.failure.send_replace(Some(error));
    }

    /// Waits for a request after the last failure; `None` if the opening was dropped.
    pub(super) async fn requested(&mut self) -> Option<()> {
        self.requests.changed().await.ok()
    }
}
