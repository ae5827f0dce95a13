//! One collector on one session: its predicates, its query or look-up, and its rows as lines.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reason::Reason;
use tokio::time::Instant;

use super::shared_query::{Part, SharedRows, Sharer};
use crate::collector::{Collector, Lookup, Top, quote};
use crate::error::SourceError;
use crate::exposition::EncodedResult;
use crate::facts::ServerFacts;
use crate::plan::{Planned, version_of_columns};
use crate::rows::{Fetched, Row, RowSink, Rows, Value};
use crate::scrape::shared::Shared;
use crate::scrape::totals::ResultOf;
use crate::source::{Query, Session};
use crate::store::CollectorKey;

/// Lines of so many bytes take longer to compress than it takes to hand them to another thread.
const LARGE: usize = 64 * 1024;

/// One run of a collector.
pub(super) struct CollectorRun<'a, T> {
    pub shared: &'a Shared,
    pub session: &'a T,
    pub facts: &'a ServerFacts,
    pub planned: &'a Planned,
    pub key: &'a CollectorKey,
    /// Its last result.
    pub before: Option<Arc<EncodedResult>>,
}

impl<T: Session> CollectorRun<'_, T> {
    /// Asks the predicates, then the query, and encodes the rows.
    pub async fn run(&self, part: Part) -> Result<Arc<EncodedResult>, SourceError> {
        let result = if let Some(lookup) = &self.collector().lookup {
            self.look_up(lookup).await?
        } else if let Some(reason) = self.unmet_predicate().await? {
            return Ok(Arc::new(EncodedResult::skipped(reason)));
        } else if self.collector().is_accumulated() {
            self.accumulated().await?
        } else if let Some(top) = &self.collector().top {
            self.busiest(top).await?
        } else {
            match part {
                Part::Runs(sharers) => self.all_rows(sharers).await?,
                Part::Waits(result) => match result.await {
                    Ok(result) => result?,
                    Err(_) => self.all_rows(Vec::new()).await?,
                },
            }
        };
        let result = Arc::new(result);
        self.keep(&result).await;
        Ok(result)
    }

    /// Compresses the lines if scrapers want them so; many lines beside the collection, which goes on meanwhile.
    async fn keep(&self, result: &Arc<EncodedResult>) {
        let (wanted, compressors) = (self.shared.demand.wanted(), self.shared.compressors.clone());
        if wanted.deflated && result.size() >= LARGE {
            let (result, turn) = (result.clone(), self.shared.compressors.clone());
            let _turn = turn.turn().await;
            // Should it panic, the lines stay as they are and the page compresses them.
            tokio::task::spawn_blocking(move || result.keep(wanted, &compressors)).await.ok();
        } else {
            result.keep(wanted, &compressors);
        }
    }

    fn collector(&self) -> &Collector {
        &self.shared.catalog.collectors[self.planned.collector]
    }

    /// What the results of a plan are made of.
    fn result_of<'b>(&'b self, key: &'b CollectorKey, planned: &Planned) -> ResultOf<'b> {
        ResultOf { shared: self.shared, facts: self.facts, key, version: planned.version, before: None }
    }

    fn own(&self) -> ResultOf<'_> {
        ResultOf { before: self.before.as_deref(), ..self.result_of(self.key, self.planned) }
    }

    /// All rows of the query, encoded for this collector and for those that share it.
    async fn all_rows(&self, sharers: Vec<Sharer>) -> Result<EncodedResult, SourceError> {
        let keys: Vec<CollectorKey> = sharers
            .iter()
            .map(|sharer| CollectorKey { collector: sharer.planned.collector, ..self.key.clone() })
            .collect();
        let of = |(sharer, key): (&Sharer, _)| self.result_of(key, &sharer.planned).encoder();
        let mut rows = SharedRows { own: self.own().encoder(), sharers: sharers.iter().zip(&keys).map(of).collect() };
        let fetched = self.ask(&self.planned.query, &mut rows).await;
        for (sharer, encoder) in sharers.into_iter().zip(rows.sharers) {
            // What the query took is counted once.
            let result = fetched.clone().and_then(|_| encoder.finish(Duration::ZERO));
            // One that got its result from a fetch that ran already does not wait.
            sharer.result.send(result).ok();
        }
        rows.own.finish(fetched?.took)
    }

    /// What was summed up so far. A sampled collector without a sample is read once: that sample stands for no time, and
    /// shows whether the query runs.
    async fn accumulated(&self) -> Result<EncodedResult, SourceError> {
        let accumulation = self.shared.store.accumulation(self.key);
        let (collector, version) = (self.collector(), self.planned.version);
        let is_first = collector.sample.is_some() && accumulation.lock().read_at().is_none();
        if is_first {
            let mut rows = self.own().rows();
            let fetched = self.ask(&self.planned.query, &mut rows).await?;
            let (now, mut accumulation) = (Instant::now(), accumulation.lock());
            accumulation.accumulator(collector, version).add_rows(&rows, 0.0, now)?;
            accumulation.succeeded(now, fetched.took);
        }
        self.own().totals()
    }

    /// The rows of a sample and what they cost; `None` if a predicate does not hold.
    pub async fn sample(&self) -> Result<Option<(Rows, Fetched)>, SourceError> {
        if self.unmet_predicate().await?.is_some() {
            return Ok(None);
        }
        let mut rows = self.own().rows();
        let fetched = self.ask(&self.planned.query, &mut rows).await?;
        Ok(Some((rows, fetched)))
    }

    /// The busiest label sets, and the sum of the others.
    async fn busiest(&self, top: &Top) -> Result<EncodedResult, SourceError> {
        let mut rows = self.own().rows();
        let fetched = self.ask(&self.planned.query, &mut rows).await?;
        self.own().busiest(top, &rows, fetched.took)
    }

    /// Asks for details that are not known yet of what the other collector shows, at growing intervals. The result has all
    /// that are known, and why none were asked for if a predicate does not hold.
    async fn look_up(&self, lookup: &Lookup) -> Result<EncodedResult, SourceError> {
        let details = self.shared.store.details(self.key);
        let missing = details.lock().missing(&self.shown(lookup));
        let mut skipped = None;
        if !missing.is_empty() {
            skipped = self.unmet_predicate().await?;
            if skipped.is_none() && details.lock().may_ask(Instant::now()) {
                let query = Query { values: Some(missing.clone()), ..self.planned.query.clone() };
                let mut answer = self.own().rows();
                self.ask(&query, &mut answer).await?;
                details.lock().take(missing, &answer, &lookup.label)?;
            }
        }
        let mut encoder = self.own().encoder();
        details.lock().feed(&mut encoder);
        let mut result = encoder.finish(Duration::ZERO)?;
        result.skipped = skipped;
        Ok(result)
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
        let mut rows = self.own().rows();
        self.ask(query, &mut rows).await?;
        let mut cells = rows.iter().flat_map(Row::values);
        let answer = match (cells.next(), cells.next()) {
            (None | Some(Value::Null), None) => false,
            (Some(Value::Bool(answer)), None) => answer,
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

    async fn ask(&self, query: &Query, sink: &mut dyn RowSink) -> Result<Fetched, SourceError> {
        let begun = Instant::now();
        let fetched = self.session.fetch(query, sink).await;
        let counters = &self.shared.counters;
        counters.queries.inc();
        let took = fetched.as_ref().map_or_else(|_| begun.elapsed(), |fetched| fetched.took);
        counters.query_seconds.inc_by(took.as_secs_f64());
        if let Ok(fetched) = &fetched {
            counters.received_bytes.inc_by(fetched.received_bytes);
        }
        fetched
    }
}
