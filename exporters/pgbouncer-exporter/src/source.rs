//! The source of rows: a console is opened for each collection and closed after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::{Connections, LogLocation, Reason, Source, SourceError};
use parking_lot::Mutex;
use pgclient::{ConnectError, ConsoleTarget};

use crate::console_slots::ConsoleSlots;
use crate::log_files::locate;
use crate::session::{ConsoleSession, POSTGRES_HINT};

/// How many consoles may be open at once: one for a collection and one for a health endpoint.
const BUDGET: usize = 2;

/// One PgBouncer.
pub(crate) struct PgBouncerSource {
    target: ConsoleTarget,
    connect_timeout: Duration,
    slots: Arc<ConsoleSlots>,
    opened: AtomicU64,
    /// Of the last console's certificate.
    certificate_expiry: Mutex<Option<f64>>,
}

impl PgBouncerSource {
    pub(crate) fn new(target: ConsoleTarget, connect_timeout: Duration) -> Self {
        let (opened, certificate_expiry) = (AtomicU64::new(0), Mutex::default());
        Self { target, connect_timeout, slots: ConsoleSlots::new(BUDGET), opened, certificate_expiry }
    }

    fn error(&self, error: &ConnectError) -> SourceError {
        let mut message = error.to_string();
        if error.is_of_postgres() {
            return SourceError::new(Reason::NoConsole, format!("{message} {POSTGRES_HINT}"));
        }
        if message.contains("not allowed") {
            let user = self.target.user();
            message.push_str(&format!(
                " (only users in stats_users may connect to the console: set stats_users = {user} in pgbouncer.ini and RELOAD)"
            ));
        }
        if error.reason() == Reason::Refused && error.sqlstate().is_none() {
            message.push_str(" (is PgBouncer running there? set --url or PG_EXPORTER_URL)");
        }
        SourceError::new(error.reason(), message)
    }
}

impl Source for PgBouncerSource {
    type Session = ConsoleSession;

    async fn open(&self, _: Option<&str>) -> Result<ConsoleSession, SourceError> {
        let label = self.target.label();
        let permit = self.slots.take(self.connect_timeout).await.map_err(|abandoned| {
            let message = format!(
                "{label}: no new console, since PgBouncer has not ended {abandoned} abandoned consoles (is it frozen? see SHOW CLIENTS)"
            );
            SourceError::new(Reason::BackendsNotEnded, message)
        })?;
        let console =
            self.target.connect(permit.slot(), self.connect_timeout).await.map_err(|error| self.error(&error))?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        *self.certificate_expiry.lock() = console.certificate_expiry();
        Ok(ConsoleSession::new(console, label.into(), self.target.user(), self.connect_timeout, permit))
    }

    async fn logs(&self) -> Result<Vec<LogLocation>, SourceError> {
        let logfile = self.open(None).await?.logfile().await?;
        Ok(vec![locate(&self.target(), &logfile)])
    }

    fn max_parallel_databases(&self) -> usize {
        1
    }

    fn connections(&self) -> Connections {
        Connections {
            open: self.slots.taken() as u64,
            budget: BUDGET as u64,
            opened: self.opened.load(Ordering::Relaxed),
            certificate_expiry: *self.certificate_expiry.lock(),
        }
    }

    fn target(&self) -> String {
        self.target.label()
    }
}
