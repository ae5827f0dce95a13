//! One server's part of a page.

use std::sync::Arc;

use tokio::time::Instant;

use super::self_metrics::self_metrics;
use super::snapshot::{CollectorView, Snapshot};
use crate::exposition::{EncodedResult, Part, SelfMetrics};
use crate::scrape::history::Outcome;
use crate::scrape::shared::Shared;
use crate::source::Connections;
use crate::store::CollectorKey;

/// One server's part of a page.
pub(in crate::scrape) struct TargetPage {
    pub parts: Vec<Part>,
    pub own: SelfMetrics,
    /// How many databases its parts are from.
    pub databases: usize,
    pub outcome: Outcome,
    /// When it was begun to be made.
    pub begun: Instant,
}

impl TargetPage {
    /// The same with results that are of no database; those that are there already stay as they are.
    pub fn with(mut self, mut own: Vec<(usize, Arc<EncodedResult>)>) -> Self {
        own.retain(|(collector, _)| self.parts.iter().all(|part| part.collector != *collector));
        self.outcome.series += own.iter().map(|(_, result)| result.series).sum::<usize>();
        let database = self.databases;
        self.parts.extend(own.into_iter().map(|(collector, result)| Part { collector, database, result }));
        self.databases += 1;
        self
    }
}

/// Makes a page of a snapshot, and counts the scrape.
pub(in crate::scrape) fn target_page(shared: &Shared, mut snapshot: Snapshot, connections: Connections) -> TargetPage {
    let begun = Instant::now();
    for one in &mut snapshot.shown {
        let database = snapshot.databases[one.database].name.clone();
        let key = CollectorKey { collector: one.collector, database };
        one.state = shared.store.wanted(&key, one.success && !one.now);
    }
    for one in &mut snapshot.rest {
        one.state = shared.store.wanted(&CollectorKey { collector: one.collector, database: "".into() }, false);
    }
    shared.counters.scraped(snapshot.up.is_ok());
    let part = |(one, result): (&CollectorView, &Arc<EncodedResult>)| Part {
        collector: one.collector,
        database: one.database,
        result: result.clone(),
    };
    let rest = snapshot.rest.iter().filter_map(|one| Some((one.collector, one.result.clone()?)));
    let page = TargetPage {
        parts: snapshot.parts().map(part).collect(),
        own: self_metrics(shared, &snapshot, connections),
        databases: snapshot.databases.len(),
        outcome: snapshot.outcome(),
        begun,
    };
    page.with(rest.collect())
}
