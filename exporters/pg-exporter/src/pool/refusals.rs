//! Databases whose connections are refused by rule, as by `pg_hba.conf`: they are tried again at growing intervals, since
//! each attempt is a FATAL line in the server's log.

use std::collections::HashMap;
use std::time::Duration;

use engine::{Reason, SourceError};
use parking_lot::Mutex;
use pgclient::ConnectError;
use tokio::time::Instant;

/// The pause after the first refusal. It doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The refused databases beside the main one, by name.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    databases: Mutex<HashMap<String, Refusal>>,
    /// When the server's configuration was loaded.
    configured: Mutex<f64>,
}

#[derive(Debug)]
struct Refusal {
    error: SourceError,
    pause: Duration,
    until: Instant,
}

impl Refusals {
    /// Why a database is not tried now.
    pub(super) fn current(&self, database: &str) -> Option<SourceError> {
        let databases = self.databases.lock();
        databases.get(database).filter(|refusal| Instant::now() < refusal.until).map(|refusal| refusal.error.clone())
    }

    /// Records that a database was refused.
    pub(super) fn note(&self, database: &str, error: &SourceError) -> SourceError {
        let mut databases = self.databases.lock();
        let pause = databases.get(database).map_or(FIRST_PAUSE, |before| (2 * before.pause).min(LONGEST_PAUSE));
        let hint = format!(
            "{}; tried again after {} s (allow it in pg_hba.conf, or exclude it with --exclude-database)",
            error.message,
            pause.as_secs()
        );
        let error = SourceError::new(error.reason, hint);
        let refusal = Refusal { error: error.clone(), pause, until: Instant::now() + pause };
        databases.insert(database.to_owned(), refusal);
        error
    }

    /// Records that a database was not refused.
    pub(super) fn forget(&self, database: &str) {
        self.databases.lock().remove(database);
    }

    /// Records when the server's configuration was loaded: with another one, all may be tried at once.
    pub(super) fn note_configuration(&self, loaded: f64) {
        let before = std::mem::replace(&mut *self.configured.lock(), loaded);
        if before.to_bits() != loaded.to_bits() {
            self.databases.lock().clear();
        }
    }
}

/// Whether a database is refused by a rule that stays until somebody changes it, and not only now.
pub(super) fn is_by_rule(error: &ConnectError) -> bool {
    match error.reason() {
        Reason::Auth => error.sqlstate().is_some(),
        // A pooler that does not know the database. A server's own answer means that it was dropped.
        Reason::NoDatabase => error.sqlstate() == Some("08P01"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_configuration_is_loaded_again() {
        let (refusals, error) = (Refusals::default(), SourceError::new(Reason::Auth, "no"));
        refusals.note_configuration(1.0);
        for seconds in [15, 30, 60, 120, 240, 300, 300] {
            let message = refusals.note("app", &error).message;
            assert!(message.contains(&format!("tried again after {seconds} s")), "{message}");
        }
        refusals.note("app", &error);
        refusals.note_configuration(1.0);
        assert!(refusals.current("app").is_some() && refusals.current("shop").is_none());
        refusals.note_configuration(2.0);
        assert!(refusals.current("app").is_none());
    }
}
