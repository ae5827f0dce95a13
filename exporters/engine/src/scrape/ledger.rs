//! What became of each collector in each database: its last good result, its last failure, when to try again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::SourceError;
use crate::exposition::{Block, Drop};
use crate::lookup::Details;
use crate::top::Standings;

/// A collector (index into the catalog) in a database.
pub(super) type Slot = (usize, Arc<str>);

/// The longest time between two tries of a collector that goes on failing.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The pause after the second failure in a row; it doubles with each further one. After the first there is none.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// A result and when it came.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub block: Arc<Block>,
    pub at: Instant,
    /// What it was asked of: version, role and text of the query, as one number.
    pub epoch: u64,
}

/// The last failure, while no success has come after it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub error: SourceError,
    pub in_a_row: u32,
    /// Not tried before.
    pub next_try: Instant,
}

/// All that is remembered of one slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub good: Option<Good>,
    pub failure: Option<Failure>,
    /// The failure before the last success, and when that came.
    pub recovered: Option<(SourceError, Instant)>,
    /// How long the last run took.
    pub duration: Duration,
    /// How often it was wanted, served from the cache, failed, skipped by a predicate.
    pub visits: u64,
    pub hits: u64,
    pub errors: u64,
    pub skips: u64,
    pub in_flight: bool,
    predicates: HashMap<usize, (bool, Instant)>,
}

/// What is remembered of one database.
#[derive(Debug, Clone, Default)]
pub(crate) struct DatabaseRecord {
    pub visits: u64,
    pub errors: u64,
    pub last: Duration,
    pub total: Duration,
    pub error: Option<SourceError>,
}

/// All records.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: HashMap<Slot, Record>,
    databases: HashMap<Arc<str>, DatabaseRecord>,
    standings: HashMap<Slot, Arc<Mutex<Standings>>>,
    details: HashMap<Slot, Arc<Mutex<Details>>>,
    told: HashSet<(usize, Drop)>,
}

impl Ledger {
    /// A panic elsewhere leaves records that are still true.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn record(&self, slot: &Slot) -> Record {
        self.lock().records.get(slot).cloned().unwrap_or_default()
    }

    pub fn database(&self, name: &str) -> DatabaseRecord {
        self.lock().databases.get(name).cloned().unwrap_or_default()
    }

    fn with<T>(&self, slot: &Slot, change: impl FnOnce(&mut Record) -> T) -> T {
        change(self.lock().records.entry(slot.clone()).or_default())
    }

    /// Notes that a scrape wanted this slot, `hit` when it was fresh; gives the record after that.
    pub fn wanted(&self, slot: &Slot, hit: bool) -> Record {
        self.with(slot, |record| {
            record.visits += 1;
            record.hits += u64::from(hit);
            record.clone()
        })
    }

    /// Takes the slot for a fetch; `None` if one runs already.
    pub fn begin(self: &Arc<Self>, slot: &Slot) -> Option<InFlight> {
        self.with(slot, |record| (!std::mem::replace(&mut record.in_flight, true)).then_some(()))?;
        Some(InFlight { ledger: self.clone(), slot: slot.clone() })
    }

    /// Notes a success. Returns how often it had failed in a row before.
    pub fn succeeded(&self, slot: &Slot, block: Arc<Block>, epoch: u64) -> u32 {
        self.with(slot, |record| {
            record.skips += u64::from(block.skipped.is_some());
            record.duration = block.took;
            record.good = Some(Good { block, at: Instant::now(), epoch });
            let Some(failure) = record.failure.take() else { return 0 };
            record.recovered = Some((failure.error, Instant::now()));
            failure.in_a_row
        })
    }

    /// Notes a failure; tries come at growing intervals up to the time to live. Returns whether it is news.
    pub fn failed(&self, slot: &Slot, error: SourceError, ttl: Duration, duration: Duration) -> bool {
        self.with(slot, |record| {
            let before = record.failure.take();
            let in_a_row = before.as_ref().map_or(0, |failure| failure.in_a_row) + 1;
            let news = before.is_none_or(|failure| failure.error.reason != error.reason);
            let next_try = Instant::now() + pause(in_a_row, ttl);
            record.failure = Some(Failure { error, in_a_row, next_try });
            record.errors += 1;
            record.duration = duration;
            news
        })
    }

    /// Notes that the slot could not be tried.
    pub fn missed(&self, slot: &Slot) {
        self.with(slot, |record| record.errors += 1);
    }

    pub fn predicate(&self, slot: &Slot, index: usize, ttl: Duration) -> Option<bool> {
        let (answer, at) = self.with(slot, |record| record.predicates.get(&index).copied())?;
        (at.elapsed() < ttl).then_some(answer)
    }

    pub fn keep_predicate(&self, slot: &Slot, index: usize, answer: bool) {
        self.with(slot, |record| record.predicates.insert(index, (answer, Instant::now())));
    }

    /// Notes the end of a visit. Returns whether its outcome differs from the one before.
    pub fn visited(&self, database: &str, duration: Duration, error: Option<SourceError>) -> bool {
        let mut inner = self.lock();
        let record = inner.databases.entry(database.into()).or_default();
        let reason = |error: &Option<SourceError>| error.as_ref().map(|error| error.reason);
        let news = reason(&record.error) != reason(&error);
        record.visits += 1;
        record.errors += u64::from(error.is_some());
        record.last = duration;
        record.total += duration;
        record.error = error;
        news
    }

    /// What is remembered of the slot's earlier results, for its `top`.
    pub fn standings(&self, slot: &Slot) -> Arc<Mutex<Standings>> {
        self.lock().standings.entry(slot.clone()).or_default().clone()
    }

    /// Takes over the standings of another ledger for the collectors that have a place here.
    pub fn inherit(&self, before: &Self, place: impl Fn(usize) -> Option<usize>) {
        let standings = before.lock().standings.clone();
        let moved = standings.into_iter().filter_map(|((index, name), kept)| Some(((place(index)?, name), kept)));
        self.lock().standings.extend(moved);
    }

    /// What the slot has looked up.
    pub fn details(&self, slot: &Slot) -> Arc<Mutex<Details>> {
        self.lock().details.entry(slot.clone()).or_default().clone()
    }

    /// Whether dropped samples of this kind are news for this collector.
    pub fn first_drop(&self, collector: usize, why: Drop) -> bool {
        self.lock().told.insert((collector, why))
    }

    /// Forgets databases that are no more.
    pub fn retain(&self, known: impl Fn(&str) -> bool) {
        let mut inner = self.lock();
        inner.records.retain(|(_, database), record| record.in_flight || known(database));
        inner.standings.retain(|(_, database), _| known(database));
        inner.details.retain(|(_, database), _| known(database));
        inner.databases.retain(|database, _| known(database));
    }
}

fn pause(in_a_row: u32, ttl: Duration) -> Duration {
    let Some(doublings) = in_a_row.checked_sub(2) else { return Duration::ZERO };
    let growing = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(doublings));
    growing.min(ttl).min(LONGEST_PAUSE)
}

/// A fetch that runs; the slot is free again when this goes, also if the fetch is abandoned.
pub(super) struct InFlight {
    ledger: Arc<Ledger>,
    slot: Slot,
}

impl std::ops::Drop for InFlight {
    fn drop(&mut self) {
        self.ledger.with(&self.slot, |record| record.in_flight = false);
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
        let ledger = Arc::new(Ledger::default());
        let slot: Slot = (0, "app".into());
        let fetch = ledger.begin(&slot);
        assert!(fetch.is_some() && ledger.begin(&slot).is_none());
        drop(fetch);
        assert!(ledger.begin(&slot).is_some());
    }
}
