//! One collector on one session: its predicates, its query or look-up, and its rows as lines.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use reason::Reason;
use tokio::time::Instant;

use crate::collector::{Collector, Lookup, quote};
use crate::error::SourceError;
use crate::exposition::{EncodedResult, encode};
use crate::facts::ServerFacts;
use crate::plan::{Planned, version_of_columns};
use crate::rows::{Rows, Value};
use crate::scrape::shared::Shared;
use crate::source::{Query, Session};
use crate::store::CollectorKey;
use crate::top::Aggregated;

/// One run of a collector.
pub(super) struct CollectorRun<'a, T> {
    pub shared: &'a Shared,
    pub session: &'a T,
    pub facts: &'a ServerFacts,
    pub planned: &'a Planned,
    pub key: &'a CollectorKey,
}

impl<T: Session> CollectorRun<'_, T> {
    /// Asks the predicates, then the query, and encodes the rows.
    pub async fn run(&self) -> Result<Arc<EncodedResult>, SourceError> {
        let (rows, skipped) = match &self.collector().lookup {
            Some(lookup) => self.look_up(lookup).await?,
            None => match self.unmet_predicate().await? {
                Some(reason) => return Ok(Arc::new(EncodedResult::skipped(reason))),
                None => (self.ask(&self.planned.query).await?, None),
            },
        };
        let mut result = self.encode(rows)?;
        result.skipped = skipped;
        if self.shared.compress.load(Ordering::Relaxed) {
            result.compress();
        }
        Ok(Arc::new(result))
    }

    fn collector(&self) -> &Collector {
        &self.shared.catalog.collectors[self.planned.collector]
    }

    /// The rows as lines; where the collector has a `top`, the other label sets are summed first.
    fn encode(&self, rows: Rows) -> Result<EncodedResult, SourceError> {
        let (shared, planned) = (self.shared, self.planned);
        let labels = &shared.settings.constant_labels;
        let encode =
            |rows| encode(&shared.catalog, planned.collector, rows, planned.version, &self.facts.database, labels);
        let Some(top) = &self.collector().top else { return encode(&rows) };
        let top_n = shared.store.top_n(self.key);
        let Aggregated { rows, others, drops } =
            top_n.lock().aggregate(self.collector(), top, planned.version, rows)?;
        let mut result = encode(&rows)?;
        result.others = Some(others);
        for (why, example) in drops {
            result.dropped(why, 1, || example);
        }
        Ok(result)
    }

    /// Asks for details that are not known yet of what the other collector shows, at growing intervals. Gives all that are
    /// known, and why none were asked for if a predicate does not hold.
    async fn look_up(&self, lookup: &Lookup) -> Result<(Rows, Option<String>), SourceError> {
        let details = self.shared.store.details(self.key);
        let missing = details.lock().missing(&self.shown(lookup));
        let mut skipped = None;
        if !missing.is_empty() {
            skipped = self.unmet_predicate().await?;
            if skipped.is_none() && details.lock().may_ask(Instant::now()) {
                let query = Query { values: Some(missing.clone()), ..self.planned.query.clone() };
                let answer = self.ask(&query).await?;
                details.lock().take(missing, &answer, &lookup.label)?;
            }
        }
        let rows = details.lock().rows();
        Ok((rows, skipped))
    }

    /// The values of the label in what the other collector shows now.
    fn shown(&self, lookup: &Lookup) -> BTreeSet<String> {
        let Some(of) = self.shared.catalog.index_of(&lookup.of) else { return BTreeSet::new() };
        let collector = &self.shared.catalog.collectors[of];
        let version = version_of_columns(collector, self.facts);
        let Some(at) = collector.label_place(&lookup.label, version) else { return BTreeSet::new() };
        let top_n = self.shared.store.top_n(&CollectorKey { collector: of, ..self.key.clone() });
        top_n.lock().shown(at)
    }

    /// Why the first predicate that does not hold skips the collector; `None` if all hold.
    async fn unmet_predicate(&self) -> Result<Option<String>, SourceError> {
        for (index, query) in self.planned.predicates.iter().enumerate() {
            if !self.predicate_holds(index, query).await? {
                let reason = self.collector().predicates[index].reason.as_deref().unwrap_or("skipped by a predicate");
                return Ok(Some(reason.replace("@user@", &quote(&self.facts.user))));
            }
        }
        Ok(None)
    }

    async fn predicate_holds(&self, index: usize, query: &Query) -> Result<bool, SourceError> {
        let predicate = &self.collector().predicates[index];
        if let Some(answer) = self.shared.store.predicate(self.key, index, predicate.ttl) {
            return Ok(answer);
        }
        let rows = self.ask(query).await?;
        let answer = match rows.cells.as_slice() {
            [] | [Value::Null] => false,
            [Value::Bool(answer)] => *answer,
            _ => {
                let found = format!("{} rows of {} columns", rows.len(), rows.columns.len());
                let message =
                    format!("predicate {} of {}: expected one boolean, found {found}", predicate.name, query.collector);
                return Err(SourceError::new(Reason::Shape, message));
            }
        };
        self.shared.store.keep_predicate(self.key, index, answer);
        Ok(answer)
    }

    async fn ask(&self, query: &Query) -> Result<Rows, SourceError> {
        let begun = Instant::now();
        let rows = self.session.fetch(query).await;
        let counters = &self.shared.counters;
        counters.queries.inc();
        let took = rows.as_ref().map_or_else(|_| begun.elapsed(), |rows| rows.took);
        counters.query_seconds.inc_by(took.as_secs_f64());
        if let Ok(rows) = &rows {
            counters.received_bytes.inc_by(rows.received_bytes);
        }
        rows
    }
}
