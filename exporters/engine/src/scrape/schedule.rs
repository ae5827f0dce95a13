//! What a collection does about each planned collector. Pure: the same plan, standings and time give the same schedule.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::facts::ServerProbe;
use crate::plan::{Plan, Planned, SkipReason};
use crate::store::Standing;

/// A query that took longer than this goes behind those of its batch that take less.
const SLOW: Duration = Duration::from_millis(100);
/// A query that took longer than this waits until every database was read: as many of them would take all the time.
const LONG: Duration = Duration::from_millis(500);

/// What a collection does about a collector. A page is made by it too, so that a result which was fresh when the
/// collection began is served though it expires meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Served from the store.
    Fresh,
    /// Served from the store though its time to live is over: nothing has happened in its database since it was fetched.
    Unchanged,
    /// Fetched.
    Due,
    /// Not tried yet after failures.
    Paused,
    /// Being fetched by an earlier collection.
    InFlight,
}

/// One planned collector.
#[derive(Debug, Clone)]
pub(crate) struct Scheduled {
    /// Index into the catalog.
    pub collector: usize,
    /// What its result depends on, as one number.
    pub fingerprint: u64,
    pub disposition: Disposition,
}

/// One database in one collection.
#[derive(Debug)]
pub(crate) struct DatabaseSchedule {
    /// What it was planned by.
    pub probe: Arc<ServerProbe>,
    pub scheduled: Vec<Scheduled>,
    /// Collectors that are not planned, as indexes into the catalog.
    pub skipped: Arc<[(usize, SkipReason)]>,
    /// What is to be fetched, until somebody does: the texts of the queries are megabytes with many databases.
    due: Mutex<Vec<Due>>,
}

/// A collector that is to be fetched, and its last result.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub planned: Planned,
    /// When the last result came.
    pub success_at: Option<Instant>,
    /// How often something had happened in the database before that, if that is known.
    pub changes: Option<u64>,
    /// How long the last run took.
    duration: Duration,
}

/// Which of the collectors that are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// Those that were quick the last time.
    Quick,
    All,
}

impl DatabaseSchedule {
    /// Schedules a plan at `now`, in a collection that began at `started`.
    pub fn new(
        probe: Arc<ServerProbe>,
        plan: Plan,
        standing: impl Fn(&Planned) -> Standing,
        started: Instant,
        now: Instant,
    ) -> Self {
        let mut scheduled = Vec::with_capacity(plan.planned.len());
        let mut due: Vec<(Duration, Due)> = Vec::new();
        for planned in plan.planned {
            let standing = standing(&planned);
            let disposition = disposition(&standing, started, now);
            let (collector, fingerprint) = (planned.collector, planned.fingerprint);
            scheduled.push(Scheduled { collector, fingerprint, disposition });
            if disposition == Disposition::Due {
                let cost = cost(&standing, planned.query.timeout);
                let Standing { success_at, changes, duration, .. } = standing;
                due.push((cost, Due { planned, success_at, changes, duration }));
            }
        }
        due.sort_by_key(|(cost, _)| *cost);
        let due = Mutex::new(due.into_iter().map(|(_, due)| due).collect());
        Self { probe, scheduled, skipped: plan.skipped.into(), due }
    }

    /// The same schedule, except that what has not changed is served from the store.
    pub fn serving_unchanged(&self, is_unchanged: impl Fn(&Due) -> bool) -> Self {
        let (unchanged, due): (Vec<Due>, Vec<Due>) = self.due.lock().iter().cloned().partition(is_unchanged);
        let mut scheduled = self.scheduled.clone();
        for one in &mut scheduled {
            if unchanged.iter().any(|unchanged| unchanged.planned.collector == one.collector) {
                one.disposition = Disposition::Unchanged;
            }
        }
        Self { probe: self.probe.clone(), scheduled, skipped: self.skipped.clone(), due: Mutex::new(due) }
    }

    /// What is to be fetched in this round, slow ones last; nothing the second time.
    pub fn take_due(&self, round: Round) -> Vec<Planned> {
        let taken =
            self.due.lock().extract_if(.., |due| round == Round::All || due.duration <= LONG).collect::<Vec<_>>();
        taken.into_iter().map(|due| due.planned).collect()
    }

    /// Whether something is left for another round.
    pub fn has_more(&self) -> bool {
        !self.due.lock().is_empty()
    }

    /// Whether the collector is due and was not begun yet.
    pub fn is_waiting(&self, collector: usize) -> bool {
        self.due.lock().iter().any(|due| due.planned.collector == collector)
    }

    /// When the oldest of the results came that are to be fetched again.
    pub fn oldest_due(&self) -> Option<Instant> {
        self.due.lock().iter().filter_map(|due| due.success_at).min()
    }

    pub fn is_due(&self) -> bool {
        self.scheduled.iter().any(|one| one.disposition == Disposition::Due)
    }
}

/// What a query may cost those behind it, as far as it matters for their order: what it took last, or all the time that it
/// may take. A collector that was never tried may be slow, and others would wait for it until it has ended.
fn cost(standing: &Standing, timeout: Duration) -> Duration {
    let was_tried = standing.success_at.is_some() || standing.next_try.is_some() || !standing.duration.is_zero();
    let expected = if was_tried { standing.duration } else { timeout };
    if expected > SLOW { expected } else { Duration::ZERO }
}

fn disposition(standing: &Standing, started: Instant, now: Instant) -> Disposition {
    // What came in this collection is not asked for twice, though it may have no time to live.
    let has_arrived = standing.success_at.is_some_and(|at| at >= started);
    if standing.is_fresh || has_arrived {
        Disposition::Fresh
    } else if standing.is_in_flight {
        Disposition::InFlight
    } else if standing.next_try.is_some_and(|next_try| next_try > now) {
        Disposition::Paused
    } else {
        Disposition::Due
    }
}

/// The schedules of one collection. A database that is planned again in it has the later one.
#[derive(Debug)]
pub(super) struct Schedules {
    /// When the collection began.
    pub started: Instant,
    databases: Mutex<HashMap<Arc<str>, Arc<DatabaseSchedule>>>,
}

impl Schedules {
    pub fn new(started: Instant) -> Self {
        Self { started, databases: Mutex::default() }
    }

    /// Replaces the schedule of a database.
    pub fn set(&self, schedule: DatabaseSchedule) -> Arc<DatabaseSchedule> {
        let schedule = Arc::new(schedule);
        self.lock().insert(schedule.probe.facts.database.as_str().into(), schedule.clone());
        schedule
    }

    pub fn get(&self, database: &str) -> Option<Arc<DatabaseSchedule>> {
        self.lock().get(database).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<DatabaseSchedule>>> {
        self.databases.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(standing: &Standing) -> Disposition {
        let started = Instant::now();
        disposition(standing, started, started)
    }

    #[test]
    fn each_standing_has_its_disposition() {
        let standing = Standing::default();
        assert_eq!(at(&standing), Disposition::Due);
        let later = Instant::now() + Duration::from_secs(5);
        assert_eq!(at(&Standing { next_try: Some(later), ..standing.clone() }), Disposition::Paused);
        let now = Instant::now();
        assert_eq!(at(&Standing { next_try: Some(now), ..standing.clone() }), Disposition::Due);
        assert_eq!(at(&Standing { is_in_flight: true, ..standing.clone() }), Disposition::InFlight);
        assert_eq!(at(&Standing { is_fresh: true, next_try: Some(later), ..standing.clone() }), Disposition::Fresh);
    }

    #[test]
    fn a_query_that_may_take_long_stands_behind_others() {
        let cost = |duration, timeout| {
            let [duration, timeout] = [duration, timeout].map(Duration::from_millis);
            cost(&Standing { duration, ..Standing::default() }, timeout).as_millis()
        };
        // Their order among themselves stays.
        assert_eq!((cost(1, 2000), cost(50, 2000), cost(0, 100)), (0, 0, 0));
        assert_eq!((cost(500, 2000), cost(0, 2000), cost(0, 60_000)), (500, 2000, 60_000));
    }

    #[test]
    fn a_result_of_this_collection_is_not_due_again() {
        let started = Instant::now();
        let standing = |success_at| Standing { success_at: Some(success_at), ..Standing::default() };
        assert_eq!(disposition(&standing(started), started, started), Disposition::Fresh);
        assert_eq!(disposition(&standing(started - Duration::from_millis(1)), started, started), Disposition::Due);
    }
}
