//! What became of each collector in each database: its last good result, its last failure, when to try again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::SourceError;
use crate::exposition::{DropReason, EncodedResult};
use crate::lookup::Details;
use crate::top::TopN;

/// A collector (index into the catalog) in a database.
pub(super) type CollectorKey = (usize, Arc<str>);

/// The longest time between two tries of a collector that goes on failing.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The pause after the second failure in a row; it doubles with each further one. After the first there is none.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// A result and when it came.
#[derive(Debug, Clone)]
pub(crate) struct LastSuccess {
    pub result: Arc<EncodedResult>,
    pub at: Instant,
    /// What it was asked of: version, role and text of the query, as one number.
    pub plan_fingerprint: u64,
}

/// The last failure, while no success has come after it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub error: SourceError,
    pub in_a_row: u32,
    /// Not tried before.
    pub next_try: Instant,
}

/// All that is remembered of one key.
#[derive(Debug, Clone, Default)]
pub(crate) struct CollectorState {
    pub last_success: Option<LastSuccess>,
    pub failure: Option<Failure>,
    /// The failure before the last success, and when that came.
    pub recovered: Option<(SourceError, Instant)>,
    /// How long the last run took.
    pub duration: Duration,
    /// How often it was wanted, served from the cache, failed, skipped by a predicate.
    pub collections: u64,
    pub hits: u64,
    pub errors: u64,
    pub skips: u64,
    pub in_flight: bool,
    predicates: HashMap<usize, (bool, Instant)>,
}

/// What is remembered of one database.
#[derive(Debug, Clone, Default)]
pub(crate) struct DatabaseState {
    pub collections: u64,
    pub errors: u64,
    pub last: Duration,
    pub total: Duration,
    pub error: Option<SourceError>,
}

/// All states.
#[derive(Debug, Default)]
pub(super) struct CollectorStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    states: HashMap<CollectorKey, CollectorState>,
    databases: HashMap<Arc<str>, DatabaseState>,
    top_n: HashMap<CollectorKey, Arc<Mutex<TopN>>>,
    details: HashMap<CollectorKey, Arc<Mutex<Details>>>,
    told: HashSet<(usize, DropReason)>,
}

impl CollectorStore {
    /// A panic elsewhere leaves states that are still true.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn state(&self, key: &CollectorKey) -> CollectorState {
        self.lock().states.get(key).cloned().unwrap_or_default()
    }

    pub fn database(&self, name: &str) -> DatabaseState {
        self.lock().databases.get(name).cloned().unwrap_or_default()
    }

    fn with<T>(&self, key: &CollectorKey, change: impl FnOnce(&mut CollectorState) -> T) -> T {
        change(self.lock().states.entry(key.clone()).or_default())
    }

    /// Notes that a scrape wanted this key, `hit` when it was fresh; gives the state after that.
    pub fn wanted(&self, key: &CollectorKey, hit: bool) -> CollectorState {
        self.with(key, |state| {
            state.collections += 1;
            state.hits += u64::from(hit);
            state.clone()
        })
    }

    /// Takes the key for a fetch; `None` if one runs already.
    pub fn begin(self: &Arc<Self>, key: &CollectorKey) -> Option<InFlight> {
        self.with(key, |state| (!std::mem::replace(&mut state.in_flight, true)).then_some(()))?;
        Some(InFlight { store: self.clone(), key: key.clone() })
    }

    /// Notes a success. Returns how often it had failed in a row before.
    pub fn succeeded(&self, key: &CollectorKey, result: Arc<EncodedResult>, plan_fingerprint: u64) -> u32 {
        self.with(key, |state| {
            state.skips += u64::from(result.skipped.is_some());
            state.duration = result.took;
            state.last_success = Some(LastSuccess { result, at: Instant::now(), plan_fingerprint });
            let Some(failure) = state.failure.take() else { return 0 };
            state.recovered = Some((failure.error, Instant::now()));
            failure.in_a_row
        })
    }

    /// Notes a failure; tries come at growing intervals up to the time to live. Returns whether it is news.
    pub fn failed(&self, key: &CollectorKey, error: SourceError, ttl: Duration, duration: Duration) -> bool {
        self.with(key, |state| {
            let before = state.failure.take();
            let in_a_row = before.as_ref().map_or(0, |failure| failure.in_a_row) + 1;
            let news = before.is_none_or(|failure| failure.error.reason != error.reason);
            let next_try = Instant::now() + pause(in_a_row, ttl);
            state.failure = Some(Failure { error, in_a_row, next_try });
            state.errors += 1;
            state.duration = duration;
            news
        })
    }

    /// Notes that the key could not be tried.
    pub fn missed(&self, key: &CollectorKey) {
        self.with(key, |state| state.errors += 1);
    }

    pub fn predicate(&self, key: &CollectorKey, index: usize, ttl: Duration) -> Option<bool> {
        let (answer, at) = self.with(key, |state| state.predicates.get(&index).copied())?;
        (at.elapsed() < ttl).then_some(answer)
    }

    pub fn keep_predicate(&self, key: &CollectorKey, index: usize, answer: bool) {
        self.with(key, |state| state.predicates.insert(index, (answer, Instant::now())));
    }

    /// Notes the end of a collection. Returns whether its outcome differs from the one before.
    pub fn collected(&self, database: &str, duration: Duration, error: Option<SourceError>) -> bool {
        let mut inner = self.lock();
        let state = inner.databases.entry(database.into()).or_default();
        let reason = |error: &Option<SourceError>| error.as_ref().map(|error| error.reason);
        let news = reason(&state.error) != reason(&error);
        state.collections += 1;
        state.errors += u64::from(error.is_some());
        state.last = duration;
        state.total += duration;
        state.error = error;
        news
    }

    /// What is remembered of the key's earlier results, for its `top`.
    pub fn top_n(&self, key: &CollectorKey) -> Arc<Mutex<TopN>> {
        self.lock().top_n.entry(key.clone()).or_default().clone()
    }

    /// Takes over the top_n of another store for the collectors that have a place here.
    pub fn inherit(&self, before: &Self, place: impl Fn(usize) -> Option<usize>) {
        let top_n = before.lock().top_n.clone();
        let moved = top_n.into_iter().filter_map(|((index, name), kept)| Some(((place(index)?, name), kept)));
        self.lock().top_n.extend(moved);
    }

    /// What the key has looked up.
    pub fn details(&self, key: &CollectorKey) -> Arc<Mutex<Details>> {
        self.lock().details.entry(key.clone()).or_default().clone()
    }

    /// Whether dropped samples of this kind are news for this collector.
    pub fn first_drop(&self, collector: usize, why: DropReason) -> bool {
        self.lock().told.insert((collector, why))
    }

    /// Forgets databases that are no more.
    pub fn retain(&self, known: impl Fn(&str) -> bool) {
        let mut inner = self.lock();
        inner.states.retain(|(_, database), state| state.in_flight || known(database));
        inner.top_n.retain(|(_, database), _| known(database));
        inner.details.retain(|(_, database), _| known(database));
        inner.databases.retain(|database, _| known(database));
    }
}

fn pause(in_a_row: u32, ttl: Duration) -> Duration {
    let Some(doublings) = in_a_row.checked_sub(2) else { return Duration::ZERO };
    let growing = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(doublings));
    growing.min(ttl).min(LONGEST_PAUSE)
}

/// A fetch that runs; the key is free again when this goes, also if the fetch is abandoned.
pub(super) struct InFlight {
    store: Arc<CollectorStore>,
    key: CollectorKey,
}

impl std::ops::Drop for InFlight {
    fn drop(&mut self) {
        self.store.with(&self.key, |state| state.in_flight = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_at_growing_intervals_up_to_the_ttl_and_a_minute() {
        let seconds = |in_a_row, ttl| pause(in_a_row, Duration::from_secs(ttl)).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 40].map(|n| seconds(n, 300)), [0, 5, 10, 20, 40, 60, 60]);
        assert_eq!([1, 2, 3].map(|n| seconds(n, 8)), [0, 5, 8]);
        assert_eq!(seconds(9, 0), 0);
    }

    #[test]
    fn a_slot_is_fetched_by_one_at_a_time_and_free_after_a_dropped_fetch() {
        let store = Arc::new(CollectorStore::default());
        let key: CollectorKey = (0, "app".into());
        let fetch = store.begin(&key);
        assert!(fetch.is_some() && store.begin(&key).is_none());
        drop(fetch);
        assert!(store.begin(&key).is_some());
    }
}
