//! A PgBouncer as a source of rows: a console is opened for each collection and closed after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::{Connections, Reason, Source, SourceError};
use pgclient::{ConnectError, ConsoleTarget};

use crate::places::Places;
use crate::session::ConsoleSession;

/// How many consoles may be open at once: one that collects, and one that looks for a health endpoint meanwhile.
const BUDGET: usize = 2;

/// One PgBouncer.
pub(crate) struct PgBouncerSource {
    target: ConsoleTarget,
    connect_timeout: Duration,
    places: Arc<Places>,
    opened: AtomicU64,
}

impl PgBouncerSource {
    pub(crate) fn new(target: ConsoleTarget, connect_timeout: Duration) -> Self {
        Self { target, connect_timeout, places: Places::new(BUDGET), opened: AtomicU64::new(0) }
    }

    fn error(&self, error: &ConnectError) -> SourceError {
        let mut message = error.to_string();
        if message.contains("not allowed") {
            let user = self.target.user();
            message.push_str(&format!(
                ": the console is for users in stats_users: add {user} there in pgbouncer.ini (stats_users = {user}) and RELOAD"
            ));
        }
        SourceError::new(error.reason(), message)
    }
}

impl Source for PgBouncerSource {
    type Session = ConsoleSession;

    async fn open(&self, _: Option<&str>) -> Result<ConsoleSession, SourceError> {
        let label = self.target.label();
        let place = self.places.take(self.connect_timeout).await.map_err(|given_up| {
            let message = format!(
                "{label}: no console is opened while PgBouncer has not ended the {given_up} that were given up: is it frozen? see SHOW CLIENTS"
            );
            SourceError::new(Reason::BackendsNotEnded, message)
        })?;
        let console =
            self.target.connect(place.place(), self.connect_timeout).await.map_err(|error| self.error(&error))?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(ConsoleSession::new(console, label.into(), self.target.user(), self.connect_timeout, place))
    }

    fn max_parallel_databases(&self) -> usize {
        1
    }

    fn connections(&self) -> Connections {
        let open = self.places.taken() as u64;
        Connections { open, budget: BUDGET as u64, opened: self.opened.load(Ordering::Relaxed) }
    }

    fn target(&self) -> String {
        self.target.label()
    }
}
