//! Counts what the exporter's own sessions do, so that it is not taken for activity of others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// The exporter's own work by database, the main one aside.
#[derive(Debug, Default)]
pub(crate) struct OwnWork(Mutex<HashMap<String, Arc<DatabaseWork>>>);

/// The exporter's own work in one database.
#[derive(Debug, Default)]
pub(crate) struct DatabaseWork {
    sessions: AtomicU64,
    transactions: AtomicU64,
    /// Visits whose transactions the server may not have counted yet.
    visits: AtomicUsize,
}

/// Our own sessions and transactions so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(super) sessions: u64,
    pub(super) transactions: u64,
}

/// A visit to a database, until the server has counted its transactions.
#[derive(Debug)]
pub(crate) struct Visit(Arc<DatabaseWork>);

impl OwnWork {
    /// The work in a database.
    pub(crate) fn of(&self, database: &str) -> Arc<DatabaseWork> {
        self.0.lock().entry(database.to_owned()).or_default().clone()
    }

    /// What was done by database, where the server has counted all of it.
    pub(crate) fn counted(&self) -> HashMap<String, Option<Counted>> {
        let counted = |work: &DatabaseWork| {
            let [sessions, transactions] =
                [&work.sessions, &work.transactions].map(|count| count.load(Ordering::Relaxed));
            (work.visits.load(Ordering::Relaxed) == 0).then_some(Counted { sessions, transactions })
        };
        self.0.lock().iter().map(|(name, work)| (name.clone(), counted(work))).collect()
    }

    /// Forgets databases that are gone.
    pub(crate) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().retain(|name, work| is_there(name) || Arc::strong_count(work) > 1);
    }
}

impl DatabaseWork {
    /// Counts a session that has opened with so many transactions.
    pub(crate) fn count_session(&self, transactions: u64) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        self.count(transactions);
    }

    /// Counts transactions of one of our sessions.
    pub(crate) fn count(&self, transactions: u64) {
        self.transactions.fetch_add(transactions, Ordering::Relaxed);
    }

    /// Begins a visit.
    pub(crate) fn visit(self: &Arc<Self>) -> Visit {
        self.visits.fetch_add(1, Ordering::Relaxed);
        Visit(self.clone())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.visits.fetch_sub(1, Ordering::Relaxed);
    }
}
