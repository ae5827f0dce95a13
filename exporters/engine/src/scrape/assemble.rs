//! From what is there to a page: which results are shown, and what is said of those that are not.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::history::Outcome;
use super::pass::Pass;
use super::{DatabaseView, Record, Scraper, epoch};
use crate::error::SourceError;
use crate::exposition::{Block, OwnFamilies, Part};
use crate::facts::ServerFacts;
use crate::plan::Planned;
use crate::source::Source;

/// What a pass made of a server. The page that is scraped and the one that people read are both made of it.
pub(crate) struct View {
    /// When the pass began.
    pub started: Instant,
    /// Whether a query was answered in this pass.
    pub up: Result<Arc<ServerFacts>, SourceError>,
    pub databases: Vec<DatabaseView>,
    /// Every planned collector of every database.
    pub shown: Vec<Shown>,
}

/// One planned collector of one database, as a page shows it.
pub(crate) struct Shown {
    pub collector: usize,
    /// Index of its database in the view.
    pub database: usize,
    /// Its lines; `None` if there is nothing that may be served.
    pub block: Option<Arc<Block>>,
    /// Whether it is a good result of now or within its time to live.
    pub success: bool,
    /// Whether the result was read in this pass.
    pub now: bool,
    pub age: Option<Duration>,
    /// Whether it stays off the page since a collector of its database is fatal and has failed.
    pub withheld: bool,
    pub record: Record,
}

/// One server's part of a page.
pub(super) struct Sheet {
    pub parts: Vec<Part>,
    pub own: OwnFamilies,
    /// How many databases its parts are from.
    pub databases: usize,
    pub outcome: Outcome,
}

impl View {
    fn outcome(&self) -> Outcome {
        let count = |of: fn(&Shown) -> bool| self.shown.iter().filter(|one| of(one)).count();
        Outcome {
            took: Duration::ZERO,
            up: self.up.is_ok(),
            planned: self.shown.len(),
            failed: count(|one| !one.success),
            fetched: count(|one| one.now),
            series: self.parts().map(|(_, block)| block.series).sum(),
        }
    }

    /// What goes onto the page.
    fn parts(&self) -> impl Iterator<Item = (&Shown, &Arc<Block>)> {
        self.shown.iter().filter(|one| !one.withheld).filter_map(|one| Some((one, one.block.as_ref()?)))
    }
}

impl<S: Source> Scraper<S> {
    /// What goes onto the page after a pass. What did not come in time is left out and said to be so.
    pub(super) fn sheet(&self, pass: &Pass) -> Sheet {
        let mut view = self.view(pass.started, self.look_since(pass.started));
        for one in &mut view.shown {
            let slot = (one.collector, view.databases[one.database].name.clone());
            one.record = self.ledger.wanted(&slot, one.success && !one.now);
        }
        self.counters.scraped(view.up.is_ok());
        let part = |(one, block): (&Shown, &Arc<Block>)| Part {
            collector: one.collector,
            database: one.database,
            block: block.clone(),
        };
        Sheet {
            parts: view.parts().map(part).collect(),
            own: self.report(&view),
            databases: view.databases.len(),
            outcome: view.outcome(),
        }
    }

    /// What the last pass showed, or the one that runs has so far; `None` before the first.
    pub fn last_view(&self) -> Option<View> {
        let pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (look, _) = self.last_look()?;
        // One that runs may still get its answer.
        let up = if pass.is_running() { look } else { self.look_since(pass.started) };
        Some(self.view(pass.started, up))
    }

    /// The look of this pass; an older one does not count, since up means "a query answered now".
    fn look_since(&self, started: Instant) -> Result<Arc<ServerFacts>, SourceError> {
        match self.last_look() {
            Some((look, at)) if at >= started => look,
            _ => {
                Err(SourceError::new("timeout", format!("no answer from {} before the deadline", self.source.target())))
            }
        }
    }

    fn view(&self, started: Instant, mut up: Result<Arc<ServerFacts>, SourceError>) -> View {
        let databases = self.databases();
        let mut shown = Vec::new();
        for (at, database) in databases.iter().enumerate() {
            let mut mine = self.show_database(at, database, started, up.is_ok());
            let failed = mine.iter().find(|one| self.catalog.collectors[one.collector].fatal && !one.success);
            if let Some(fatal) = failed {
                if database.main && up.is_ok() {
                    let key = &self.catalog.collectors[fatal.collector].key;
                    up = Err(SourceError::new("fatal", format!("collector {key} is fatal and has failed")));
                }
                mine.iter_mut().for_each(|one| one.withheld = true);
            }
            shown.extend(mine);
        }
        View { started, up, databases, shown }
    }

    fn show_database(&self, at: usize, database: &DatabaseView, started: Instant, up: bool) -> Vec<Shown> {
        let Some(facts) = &database.facts else { return Vec::new() };
        let show = |planned| Shown { database: at, ..self.show(planned, facts, &database.name, started, up) };
        database.plan.planned.iter().map(show).collect()
    }

    fn show(&self, planned: &Planned, facts: &ServerFacts, database: &Arc<str>, started: Instant, up: bool) -> Shown {
        let record = self.ledger.record(&(planned.collector, database.clone()));
        let good = record.good.as_ref().filter(|good| good.epoch == epoch(planned, facts));
        let now = good.is_some_and(|good| good.at >= started);
        // As of the pass's beginning: what was fresh then was not fetched, though it may have expired since.
        let age = good.map(|good| started.saturating_duration_since(good.at));
        let still = record.failure.is_none() && age.is_some_and(|age| age < self.ttl(planned.collector));
        let fresh = up && (now || still);
        let held = facts.fault.is_some() && (now || still);
        let stale = self.catalog.collectors[planned.collector].stale;
        let servable = good.filter(|good| fresh || held || (good.at.elapsed() <= stale && stale > Duration::ZERO));
        Shown {
            collector: planned.collector,
            database: 0,
            block: servable.map(|good| good.block.clone()),
            success: fresh,
            now,
            age: servable.map(|good| good.at.elapsed()),
            withheld: false,
            record,
        }
    }
}
