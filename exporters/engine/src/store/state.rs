//! What is remembered of a collector in a database, and of a database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::SourceError;
use crate::exposition::EncodedResult;

/// A collector in a database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CollectorKey {
    /// Index into the catalog.
    pub collector: usize,
    pub database: Arc<str>,
}

/// A result and when it came.
#[derive(Debug, Clone)]
pub(crate) struct LastSuccess {
    pub result: Arc<EncodedResult>,
    pub at: Instant,
    /// When it expires in the store.
    pub expires_at: Instant,
    /// Version, role and text of the query that gave it, as one number.
    pub plan_fingerprint: u64,
    /// How often something had happened in the database before it was fetched, if that is known.
    pub changes: Option<u64>,
}

/// The last failure, while no success has come after it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub error: SourceError,
    pub in_a_row: u32,
    /// Not tried before.
    pub next_try: Instant,
}

/// All that is remembered of one collector in one database.
#[derive(Debug, Clone, Default)]
pub(crate) struct CollectorState {
    pub last_success: Option<LastSuccess>,
    pub failure: Option<Failure>,
    /// The failure before the last success, and when that came.
    pub recovered: Option<(SourceError, Instant)>,
    /// How long the last run took.
    pub duration: Duration,
    /// Scrapes that wanted its result.
    pub collections: u64,
    /// Scrapes that were served from the store.
    pub hits: u64,
    pub errors: u64,
    /// Runs in which a predicate skipped the query.
    pub skips: u64,
    /// Fetches that run now.
    pub in_flight: u32,
    pub(super) predicates: HashMap<usize, (bool, Instant)>,
}

impl CollectorState {
    /// Whether it ended at least once, well or not.
    pub(super) fn has_run(&self) -> bool {
        self.last_success.is_some() || self.failure.is_some()
    }

    /// The last result of this plan.
    pub fn success_of(&self, plan_fingerprint: u64) -> Option<&LastSuccess> {
        self.last_success.as_ref().filter(|success| success.plan_fingerprint == plan_fingerprint)
    }
}

impl LastSuccess {
    /// How long it is still fresh.
    pub fn expires_in(&self) -> Duration {
        self.expires_at.saturating_duration_since(Instant::now())
    }

    /// Whether it may be served in place of a newer one, for so long after it came.
    pub fn is_servable(&self, stale: Duration) -> bool {
        !stale.is_zero() && self.at.elapsed() <= stale
    }
}

/// What scheduling asks of a collector in a database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// Whether there is a result of this plan within its time to live.
    pub is_fresh: bool,
    /// When the last result of this plan came.
    pub success_at: Option<Instant>,
    /// How often something had happened in the database before that, if that is known and nothing failed since.
    pub changes: Option<u64>,
    pub is_in_flight: bool,
    /// After failures: not tried before.
    pub next_try: Option<Instant>,
    /// How long the last run took.
    pub duration: Duration,
}

/// What is remembered of one database.
#[derive(Debug, Clone, Default)]
pub(crate) struct DatabaseState {
    /// When it was last read, or tried to.
    pub at: Option<Instant>,
    pub collections: u64,
    pub errors: u64,
    pub last: Duration,
    pub total: Duration,
    pub error: Option<SourceError>,
}
