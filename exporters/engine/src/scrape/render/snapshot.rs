//! What a collection made of a server. The metrics, the status page and `explain` are all made of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reason::Reason;
use tokio::time::Instant;

use crate::error::SourceError;
use crate::exposition::EncodedResult;
use crate::facts::ServerProbe;
use crate::plan::SkipReason;
use crate::scrape::history::Outcome;
use crate::scrape::schedule::{DatabaseSchedule, Disposition, Scheduled, Schedules};
use crate::scrape::server::ProbeResult;
use crate::scrape::shared::Shared;
use crate::store::{CollectorKey, CollectorState, DatabaseState, LastSuccess};

/// A server, its databases and their collectors.
pub(crate) struct Snapshot {
    /// When the collection began.
    pub started: Instant,
    /// Whether a query was answered in this collection.
    pub up: ProbeResult,
    /// The main one first.
    pub databases: Vec<DatabaseView>,
    /// Every planned collector of every database.
    pub shown: Vec<CollectorView>,
    /// The collectors of a REST interface, which are of no database.
    pub rest: Vec<CollectorView>,
}

/// One database as a page shows it.
pub(crate) struct DatabaseView {
    pub name: Arc<str>,
    pub main: bool,
    /// `None` until it was read for the first time.
    pub probe: Option<Arc<ServerProbe>>,
    /// Collectors that are not planned, as indexes into the catalog.
    pub skipped: Arc<[(usize, SkipReason)]>,
    pub state: DatabaseState,
}

impl DatabaseView {
    /// Whether the exporter has not come to it since it started.
    pub fn is_unread(&self) -> bool {
        self.probe.is_none() && self.state.at.is_none()
    }
}

/// One planned collector of one database, as a page shows it.
pub(crate) struct CollectorView {
    pub collector: usize,
    /// Index of its database in the snapshot.
    pub database: usize,
    /// Its lines; `None` if there is nothing that may be served.
    pub result: Option<Arc<EncodedResult>>,
    /// Whether it succeeded in this collection or was fresh when that began.
    pub success: bool,
    /// Whether the result was read in this collection.
    pub now: bool,
    /// Whether it was not read again since nothing has happened in its database.
    pub unchanged: bool,
    /// Whether the collection has not come to it yet, or is at it.
    pub postponed: bool,
    pub age: Option<Duration>,
    /// Until it is fetched again.
    pub expires_in: Option<Duration>,
    /// Whether it stays off the page since a collector of its database is fatal and has failed.
    pub withheld: bool,
    pub state: CollectorState,
}

impl Snapshot {
    /// The server as it is known now, in the collection that made these schedules.
    pub(in crate::scrape) fn new(shared: &Shared, schedules: &Schedules, up: ProbeResult) -> Self {
        let mut snapshot =
            Self { started: schedules.started, up, databases: Vec::new(), shown: Vec::new(), rest: Vec::new() };
        for (at, (name, probe)) in shared.server.databases().into_iter().enumerate() {
            let state = shared.store.database(&name);
            let schedule = schedules.get(&name);
            if let (Some(probe), Some(schedule)) = (&probe, &schedule) {
                let shown = snapshot.collectors(shared, at, schedule, probe.fault.is_some());
                snapshot.shown.extend(shown);
            }
            let skipped = schedule.map_or_else(|| Arc::from([]), |schedule| schedule.skipped.clone());
            snapshot.databases.push(DatabaseView { name, main: at == 0, probe, skipped, state });
        }
        snapshot
    }

    /// The same with the collectors of a REST interface, as they ended last.
    pub(in crate::scrape) fn with_rest(mut self, shared: &Shared, keys: &[CollectorKey]) -> Self {
        self.rest = keys.iter().map(|key| rest_view(shared, key)).collect();
        self
    }

    /// The collectors of a database. One that is fatal and has failed withholds them all, and of the main database it
    /// makes the server count as down.
    fn collectors(
        &mut self,
        shared: &Shared,
        at: usize,
        schedule: &DatabaseSchedule,
        is_held: bool,
    ) -> Vec<CollectorView> {
        let database: Arc<str> = schedule.probe.facts.database.as_str().into();
        let show = |one: &Scheduled| {
            let key = CollectorKey { collector: one.collector, database: database.clone() };
            let other = (at > 0).then_some(schedule);
            CollectorView { database: at, ..self.show(shared, &key, one, is_held, other) }
        };
        let mut shown: Vec<CollectorView> = schedule.scheduled.iter().map(show).collect();
        let is_fatal = |one: &&CollectorView| shared.catalog.collectors[one.collector].fatal && !one.success;
        if let Some(fatal) = shown.iter().find(is_fatal).map(|one| one.collector) {
            if at == 0 && self.up.is_ok() {
                let key = &shared.catalog.collectors[fatal].key;
                self.up = Err(SourceError::new(Reason::Fatal, format!("collector {key} is fatal and has failed")));
            }
            shown.iter_mut().for_each(|one| one.withheld = true);
        }
        shown
    }

    /// One collector. `is_held`: the source is down and goes on with what it knew before, which is exposed all the same.
    /// `other`: the schedule of a database beside the main one. With more databases than the collection has time for, those
    /// that it has not come to keep their results; so does the one that it is at, until the query ends or its time is over.
    fn show(
        &self,
        shared: &Shared,
        key: &CollectorKey,
        one: &Scheduled,
        is_held: bool,
        other: Option<&DatabaseSchedule>,
    ) -> CollectorView {
        let state = shared.store.state(key);
        let success = state.success_of(one.fingerprint);
        let now = success.is_some_and(|success| success.at >= self.started);
        // What was fresh when the collection began was not fetched, so it is served though it may have expired since.
        let unchanged = !now && one.disposition == Disposition::Unchanged;
        let is_good = now || (success.is_some() && (unchanged || one.disposition == Disposition::Fresh));
        let is_served = is_good && (self.up.is_ok() || is_held);
        let mut stale = shared.catalog.collectors[key.collector].stale;
        let waits = other.is_some_and(|schedule| schedule.is_waiting(one.collector) || state.in_flight > 0);
        let postponed = waits && !is_good && self.up.is_ok() && !shared.settings.disable_cache;
        if postponed && state.failure.is_none() {
            stale = stale.max(shared.settings.unchanged_limit);
        }
        let served = success.filter(|success| is_served || success.is_servable(stale));
        CollectorView {
            collector: key.collector,
            database: 0,
            result: served.map(|success| success.result.clone()),
            success: is_good && self.up.is_ok(),
            now,
            unchanged,
            postponed,
            age: served.map(|success| success.result.read_at.unwrap_or(success.at).elapsed()),
            expires_in: served.map(LastSuccess::expires_in),
            withheld: false,
            state,
        }
    }

    /// What goes onto the page.
    pub fn parts(&self) -> impl Iterator<Item = (&CollectorView, &Arc<EncodedResult>)> {
        self.shown.iter().filter(|one| !one.withheld).filter_map(|one| Some((one, one.result.as_ref()?)))
    }

    /// Every collector that runs, whether on a server or not.
    pub fn running(&self) -> impl Iterator<Item = &CollectorView> {
        self.shown.iter().chain(&self.rest)
    }

    /// How many databases the exporter has not come to since it started.
    pub fn unread_databases(&self) -> usize {
        self.databases.iter().filter(|database| database.is_unread()).count()
    }

    /// How many databases were not visited since nothing has happened in them.
    pub fn unchanged_databases(&self) -> usize {
        let databases = |of: fn(&&CollectorView) -> bool| -> BTreeSet<usize> {
            self.shown.iter().filter(of).map(|one| one.database).collect()
        };
        databases(|one| one.unchanged).difference(&databases(|one| one.now)).count()
    }

    /// The snapshot in numbers.
    pub fn outcome(&self) -> Outcome {
        let count = |of: fn(&CollectorView) -> bool| self.running().filter(|one| of(one)).count();
        Outcome {
            took: Duration::ZERO,
            up: self.up.is_ok(),
            planned: self.running().count(),
            failed: count(|one| !one.success),
            fetched: count(|one| one.now),
            series: self.parts().map(|(_, result)| result.series).sum(),
        }
    }
}

/// A collector of a REST interface: its result is exported if its last run succeeded.
fn rest_view(shared: &Shared, key: &CollectorKey) -> CollectorView {
    let state = shared.store.state(key);
    let success = state.last_success.as_ref().filter(|_| state.failure.is_none());
    CollectorView {
        collector: key.collector,
        database: 0,
        result: success.map(|success| success.result.clone()),
        success: success.is_some(),
        now: success.is_some(),
        unchanged: false,
        postponed: false,
        age: success.map(|success| success.result.read_at.unwrap_or(success.at).elapsed()),
        expires_in: None,
        withheld: false,
        state,
    }
}
