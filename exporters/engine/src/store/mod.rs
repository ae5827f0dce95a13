//! The one source of truth about collectors: their results, which of them are fresh, what is in flight, what has failed
//! and when it is tried again.

mod results;
mod state;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::accumulate::Accumulation;
use crate::error::SourceError;
use crate::exposition::{DropReason, EncodedResult};
use crate::lookup::Details;
use crate::top::TopN;

pub(crate) use results::Results;
pub(crate) use state::{CollectorKey, CollectorState, DatabaseState, LastSuccess, Standing};

use state::Failure;

/// The longest time between two tries of a collector that goes on failing.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The pause after the second failure in a row; it doubles with each further one. After the first there is none.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Everything that is remembered of one server's collectors.
pub(crate) struct Store {
    /// Fresh results. What expires here is no longer fresh; nothing else decides that.
    results: Results<ResultKey, Arc<EncodedResult>>,
    inner: Mutex<Inner>,
}

/// What a result depends on: the same query to a server of the same version and role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ResultKey {
    key: CollectorKey,
    plan_fingerprint: u64,
}

#[derive(Debug, Default)]
struct Inner {
    states: HashMap<CollectorKey, CollectorState>,
    databases: HashMap<Arc<str>, DatabaseState>,
    top_n: HashMap<CollectorKey, Arc<Mutex<TopN>>>,
    details: HashMap<CollectorKey, Arc<Mutex<Details>>>,
    accumulations: HashMap<CollectorKey, Arc<Mutex<Accumulation>>>,
    logged_drops: HashSet<(usize, DropReason)>,
    /// The longest run of each collector in any database, by index into the catalog.
    longest: HashMap<usize, Duration>,
}

impl Store {
    pub fn new() -> Self {
        Self { results: Results::new(), inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Notes how long a run took.
    fn ran(&self, key: &CollectorKey, duration: Duration) {
        let mut inner = self.lock();
        let longest = inner.longest.entry(key.collector).or_default();
        *longest = duration.max(*longest);
    }

    fn with<T>(&self, key: &CollectorKey, change: impl FnOnce(&mut CollectorState) -> T) -> T {
        change(self.lock().states.entry(key.clone()).or_default())
    }

    pub fn state(&self, key: &CollectorKey) -> CollectorState {
        self.lock().states.get(key).cloned().unwrap_or_default()
    }

    /// How many collectors have a result.
    pub fn results(&self) -> usize {
        self.lock().states.values().filter(|state| state.last_success.is_some()).count()
    }

    pub fn database(&self, name: &str) -> DatabaseState {
        self.lock().databases.get(name).cloned().unwrap_or_default()
    }

    /// What scheduling asks of a collector, for one plan.
    pub fn standing(&self, key: &CollectorKey, plan_fingerprint: u64) -> Standing {
        let is_fresh = self.results.has(&ResultKey { key: key.clone(), plan_fingerprint });
        let inner = self.lock();
        // One that has not run in this database yet is taken for as slow as elsewhere.
        let elsewhere = inner.longest.get(&key.collector).copied().unwrap_or_default();
        let Some(state) = inner.states.get(key).filter(|state| state.has_run()) else {
            let is_in_flight = inner.states.get(key).is_some_and(|state| state.in_flight > 0);
            return Standing { is_fresh, is_in_flight, duration: elsewhere, ..Standing::default() };
        };
        Standing {
            is_fresh,
            success_at: state.success_of(plan_fingerprint).map(|success| success.at),
            changes: state
                .success_of(plan_fingerprint)
                .filter(|_| state.failure.is_none())
                .and_then(|success| success.changes),
            is_in_flight: state.in_flight > 0,
            next_try: state.failure.as_ref().map(|failure| failure.next_try),
            duration: state.duration,
        }
    }

    /// Notes that a scrape wanted this collector, `hit` when it was served from the store; gives the state after that.
    pub fn wanted(&self, key: &CollectorKey, hit: bool) -> CollectorState {
        self.with(key, |state| {
            state.collections += 1;
            state.hits += u64::from(hit);
            state.clone()
        })
    }

    /// The fresh result, or that of the fetch that runs, or that of `run`. While it runs, the collector is in flight.
    ///
    /// # Errors
    /// That of `run`, for everyone who waited for it.
    pub async fn fetch<F>(
        &self,
        key: &CollectorKey,
        plan_fingerprint: u64,
        ttl: Duration,
        run: F,
    ) -> Result<Arc<EncodedResult>, SourceError>
    where
        F: Future<Output = Result<Arc<EncodedResult>, SourceError>>,
    {
        // Until the result is in its place, so that nobody sees the collector neither fresh nor in flight.
        let mut in_flight = None;
        let run = async {
            in_flight = Some(InFlight::begin(self, key));
            run.await
        };
        let result_key = ResultKey { key: key.clone(), plan_fingerprint };
        let fetched = self.results.get_or_fetch(result_key, ttl, run).await;
        drop(in_flight);
        fetched
    }

    /// Notes a success. Returns how often it had failed in a row before.
    pub fn succeeded(
        &self,
        key: &CollectorKey,
        result: Arc<EncodedResult>,
        plan_fingerprint: u64,
        ttl: Duration,
        changes: Option<u64>,
    ) -> u32 {
        self.ran(key, result.took);
        self.with(key, |state| {
            let at = Instant::now();
            state.skips += u64::from(result.skipped.is_some());
            state.duration = result.took;
            state.last_success =
                Some(LastSuccess { result, at, expires_at: at + results::fresh_for(ttl), plan_fingerprint, changes });
            let Some(failure) = state.failure.take() else { return 0 };
            state.recovered = Some((failure.error, at));
            failure.in_a_row
        })
    }

    /// Notes a failure; tries come at growing intervals up to the time to live. Returns whether it is news.
    pub fn failed(&self, key: &CollectorKey, error: SourceError, ttl: Duration, duration: Duration) -> bool {
        self.ran(key, duration);
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

    /// Notes that the collector could not be tried.
    pub fn missed(&self, key: &CollectorKey) {
        self.with(key, |state| state.errors += 1);
    }

    /// The answer of a predicate, if it is within its time to live.
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
        state.at = Some(Instant::now());
        state.collections += 1;
        state.errors += u64::from(error.is_some());
        state.last = duration;
        state.total += duration;
        state.error = error;
        news
    }

    /// What is remembered of a collector's earlier results, for its `top`.
    pub fn top_n(&self, key: &CollectorKey) -> Arc<Mutex<TopN>> {
        self.lock().top_n.entry(key.clone()).or_default().clone()
    }

    /// Takes over the top-N and the totals of another store for the collectors that `index` maps to one here.
    pub fn inherit(&self, before: &Self, index: impl Fn(usize) -> Option<usize>) {
        let (top_n, accumulations) = {
            let before = before.lock();
            (before.top_n.clone(), before.accumulations.clone())
        };
        let moved = |key: CollectorKey| Some(CollectorKey { collector: index(key.collector)?, ..key });
        let mut inner = self.lock();
        inner.top_n.extend(top_n.into_iter().filter_map(|(key, top_n)| Some((moved(key)?, top_n))));
        inner.accumulations.extend(accumulations.into_iter().filter_map(|(key, totals)| Some((moved(key)?, totals))));
    }

    /// What was summed up of an accumulated collector.
    pub fn accumulation(&self, key: &CollectorKey) -> Arc<Mutex<Accumulation>> {
        self.lock().accumulations.entry(key.clone()).or_default().clone()
    }

    /// What a collector has looked up.
    pub fn details(&self, key: &CollectorKey) -> Arc<Mutex<Details>> {
        self.lock().details.entry(key.clone()).or_default().clone()
    }

    /// Whether dropped samples of this kind are news for this collector.
    pub fn is_first_drop(&self, collector: usize, why: DropReason) -> bool {
        self.lock().logged_drops.insert((collector, why))
    }

    /// Forgets databases that are gone: one that comes again under such a name is another one.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        let mut inner = self.lock();
        let all = inner.states.keys().map(|key| &key.database);
        let gone: HashSet<Arc<str>> = all.filter(|name| !is_there(name)).cloned().collect();
        inner.states.retain(|key, state| state.in_flight > 0 || is_there(&key.database));
        inner.top_n.retain(|key, _| is_there(&key.database));
        inner.details.retain(|key, _| is_there(&key.database));
        inner.accumulations.retain(|key, _| is_there(&key.database));
        inner.databases.retain(|database, _| is_there(database));
        if !gone.is_empty() {
            self.results.forget_all(move |of| gone.contains(&of.key.database));
        }
    }

    /// Lets every result expire.
    #[cfg(test)]
    pub fn expire_all(&self) {
        self.results.forget_all(|_| true);
    }
}

fn pause(in_a_row: u32, ttl: Duration) -> Duration {
    let Some(doublings) = in_a_row.checked_sub(2) else { return Duration::ZERO };
    let growing = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(doublings));
    growing.min(ttl).min(LONGEST_PAUSE)
}

/// A fetch that runs; over when this goes, also if the fetch is abandoned.
struct InFlight<'a> {
    store: &'a Store,
    key: &'a CollectorKey,
}

impl<'a> InFlight<'a> {
    fn begin(store: &'a Store, key: &'a CollectorKey) -> Self {
        store.with(key, |state| state.in_flight += 1);
        Self { store, key }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.store.with(self.key, |state| state.in_flight -= 1);
    }
}

#[cfg(test)]
mod tests;
