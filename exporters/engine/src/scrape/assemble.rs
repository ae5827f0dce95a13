//! From what is there to a page: which results are shown, and what is said of those that are not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pass::Pass;
use super::{DatabaseView, Record, Scraper, epoch};
use crate::error::SourceError;
use crate::exposition::{Block, OwnFamilies, Part};
use crate::facts::ServerFacts;
use crate::plan::Planned;
use crate::source::Source;

/// One planned collector of one database, as a page shows it.
pub(super) struct Shown {
    pub collector: usize,
    pub database: Arc<str>,
    /// Its lines; `None` if there is nothing that may be served.
    pub block: Option<Arc<Block>>,
    /// Whether it is a good result of now or within its time to live.
    pub success: bool,
    pub age: Option<Duration>,
    pub record: Record,
}

/// One server's part of a page.
pub(super) struct Sheet {
    pub parts: Vec<Part>,
    pub own: OwnFamilies,
    /// How many databases its parts are from.
    pub databases: usize,
}

impl<S: Source> Scraper<S> {
    /// What goes onto the page after a pass. What did not come in time is left out and said to be so.
    pub(super) fn sheet(&self, pass: &Pass) -> Sheet {
        let mut up = self.look_since(pass.started);
        let databases = self.databases();
        let mut shown = Vec::new();
        let mut parts = Vec::new();
        for (at, database) in databases.iter().enumerate() {
            let mine = self.show_database(database, pass.started, up.is_ok());
            let failed = mine.iter().find(|one| self.catalog.collectors[one.collector].fatal && !one.success);
            if let Some(fatal) = failed {
                if database.main && up.is_ok() {
                    let key = &self.catalog.collectors[fatal.collector].key;
                    up = Err(SourceError::new("fatal", format!("collector {key} is fatal and has failed")));
                }
            } else {
                parts.extend(mine.iter().filter_map(|one| {
                    Some(Part { collector: one.collector, database: at, block: one.block.clone()? })
                }));
            }
            shown.extend(mine);
        }
        self.counters.scraped(up.is_ok());
        let own = self.report(&up, &databases, &shown);
        Sheet { parts, own, databases: databases.len() }
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

    fn show_database(&self, database: &DatabaseView, started: Instant, up: bool) -> Vec<Shown> {
        let Some(facts) = &database.facts else { return Vec::new() };
        database.plan.planned.iter().map(|planned| self.show(planned, facts, &database.name, started, up)).collect()
    }

    fn show(&self, planned: &Planned, facts: &ServerFacts, database: &Arc<str>, started: Instant, up: bool) -> Shown {
        let slot = (planned.collector, database.clone());
        let record = self.ledger.record(&slot);
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
            database: database.clone(),
            block: servable.map(|good| good.block.clone()),
            success: fresh,
            age: servable.map(|good| good.at.elapsed()),
            record: self.ledger.wanted(&slot, fresh && !now),
        }
    }
}
