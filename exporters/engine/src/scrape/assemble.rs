//! From what is there to a page: which results are shown, and what is said of those that are not.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use reason::Reason;

use super::collection::Collection;
use super::history::Outcome;
use super::{CollectorState, DatabaseView, Scraper, plan_fingerprint};
use crate::error::SourceError;
use crate::exposition::{EncodedResult, Part, SelfMetrics};
use crate::facts::ServerFacts;
use crate::plan::Planned;
use crate::source::Source;

/// What a collection made of a server. The page that is scraped and the one that people read are both made of it.
pub(crate) struct Snapshot {
    /// When the collection began.
    pub started: Instant,
    /// Whether a query was answered in this collection.
    pub up: Result<Arc<ServerFacts>, SourceError>,
    pub databases: Vec<DatabaseView>,
    /// Every planned collector of every database.
    pub shown: Vec<CollectorView>,
}

/// One planned collector of one database, as a page shows it.
pub(crate) struct CollectorView {
    pub collector: usize,
    /// Index of its database in the view.
    pub database: usize,
    /// Its lines; `None` if there is nothing that may be served.
    pub result: Option<Arc<EncodedResult>>,
    /// Whether it is a good result of now or within its time to live.
    pub success: bool,
    /// Whether the result was read in this collection.
    pub now: bool,
    pub age: Option<Duration>,
    /// Whether it stays off the page since a collector of its database is fatal and has failed.
    pub withheld: bool,
    pub state: CollectorState,
}

/// One server's part of a page.
pub(super) struct TargetPage {
    pub parts: Vec<Part>,
    pub own: SelfMetrics,
    /// How many databases its parts are from.
    pub databases: usize,
    pub outcome: Outcome,
}

impl Snapshot {
    fn outcome(&self) -> Outcome {
        let count = |of: fn(&CollectorView) -> bool| self.shown.iter().filter(|one| of(one)).count();
        Outcome {
            took: Duration::ZERO,
            up: self.up.is_ok(),
            planned: self.shown.len(),
            failed: count(|one| !one.success),
            fetched: count(|one| one.now),
            series: self.parts().map(|(_, result)| result.series).sum(),
        }
    }

    /// What goes onto the page.
    fn parts(&self) -> impl Iterator<Item = (&CollectorView, &Arc<EncodedResult>)> {
        self.shown.iter().filter(|one| !one.withheld).filter_map(|one| Some((one, one.result.as_ref()?)))
    }
}

impl<S: Source> Scraper<S> {
    /// What goes onto the page after a collection. What did not come in time is left out and said to be so.
    pub(super) fn page(&self, collection: &Collection) -> TargetPage {
        let mut view = self.view(collection.started, self.probe_since(collection.started));
        for one in &mut view.shown {
            let key = (one.collector, view.databases[one.database].name.clone());
            one.state = self.store.wanted(&key, one.success && !one.now);
        }
        self.counters.scraped(view.up.is_ok());
        let part = |(one, result): (&CollectorView, &Arc<EncodedResult>)| Part {
            collector: one.collector,
            database: one.database,
            result: result.clone(),
        };
        TargetPage {
            parts: view.parts().map(part).collect(),
            own: self.report(&view),
            databases: view.databases.len(),
            outcome: view.outcome(),
        }
    }

    /// What the last collection showed, or the one that runs has so far; `None` before the first.
    pub fn last_snapshot(&self) -> Option<Snapshot> {
        let collection = self.collection.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (probe, _) = self.last_probe()?;
        // One that runs may still get its answer.
        let up = if collection.is_running() { probe } else { self.probe_since(collection.started) };
        Some(self.view(collection.started, up))
    }

    /// The probe of this collection; an older one does not count, since up means "a query answered now".
    fn probe_since(&self, started: Instant) -> Result<Arc<ServerFacts>, SourceError> {
        match self.last_probe() {
            Some((probe, at)) if at >= started => probe,
            _ => Err(SourceError::new(
                Reason::Timeout,
                format!("no answer from {} before the deadline", self.source.target()),
            )),
        }
    }

    fn view(&self, started: Instant, mut up: Result<Arc<ServerFacts>, SourceError>) -> Snapshot {
        let databases = self.databases();
        let mut shown = Vec::new();
        for (at, database) in databases.iter().enumerate() {
            let mut mine = self.show_database(at, database, started, up.is_ok());
            let failed = mine.iter().find(|one| self.catalog.collectors[one.collector].fatal && !one.success);
            if let Some(fatal) = failed {
                if database.main && up.is_ok() {
                    let key = &self.catalog.collectors[fatal.collector].key;
                    up = Err(SourceError::new(Reason::Fatal, format!("collector {key} is fatal and has failed")));
                }
                mine.iter_mut().for_each(|one| one.withheld = true);
            }
            shown.extend(mine);
        }
        Snapshot { started, up, databases, shown }
    }

    fn show_database(&self, at: usize, database: &DatabaseView, started: Instant, up: bool) -> Vec<CollectorView> {
        let Some(facts) = &database.facts else { return Vec::new() };
        let show = |planned| CollectorView { database: at, ..self.show(planned, facts, &database.name, started, up) };
        database.plan.planned.iter().map(show).collect()
    }

    fn show(
        &self,
        planned: &Planned,
        facts: &ServerFacts,
        database: &Arc<str>,
        started: Instant,
        up: bool,
    ) -> CollectorView {
        let state = self.store.state(&(planned.collector, database.clone()));
        let good = state.last_success.as_ref().filter(|good| good.plan_fingerprint == plan_fingerprint(planned, facts));
        let now = good.is_some_and(|good| good.at >= started);
        // As of the collection's beginning: what was fresh then was not fetched, though it may have expired since.
        let age = good.map(|good| started.saturating_duration_since(good.at));
        let still = state.failure.is_none() && age.is_some_and(|age| age < self.ttl(planned.collector));
        let fresh = up && (now || still);
        let held = facts.fault.is_some() && (now || still);
        let stale = self.catalog.collectors[planned.collector].stale;
        let servable = good.filter(|good| fresh || held || (good.at.elapsed() <= stale && stale > Duration::ZERO));
        CollectorView {
            collector: planned.collector,
            database: 0,
            result: servable.map(|good| good.result.clone()),
            success: fresh,
            now,
            age: servable.map(|good| good.at.elapsed()),
            withheld: false,
            state,
        }
    }
}
