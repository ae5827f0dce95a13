//! The result of a collector that is summed up in the exporter, from its totals as they are now.

use std::time::Duration;

use super::shared::Shared;
use crate::collector::Top;
use crate::error::SourceError;
use crate::exposition::{DropReason, EncodedResult, Encoder, Encoding};
use crate::facts::{ServerFacts, Version};
use crate::rows::Rows;
use crate::store::CollectorKey;
use crate::top::Aggregated;

/// A collector of a database whose results are made.
#[derive(Clone, Copy)]
pub(in crate::scrape) struct ResultOf<'a> {
    pub shared: &'a Shared,
    pub facts: &'a ServerFacts,
    pub key: &'a CollectorKey,
    /// That its columns are of.
    pub version: Version,
    /// Its last result.
    pub before: Option<&'a EncodedResult>,
}

impl<'a> ResultOf<'a> {
    /// For a result that is needed as a whole. A row has cells that are not exported, and numbers take more room than as text.
    pub fn rows(&self) -> Rows {
        Rows::within(self.shared.settings.most_result_bytes.saturating_mul(4))
    }

    pub fn encoder(&self) -> Encoder<'a> {
        let shared = self.shared;
        Encoder::new(Encoding {
            catalog: &shared.catalog,
            collector: self.key.collector,
            version: self.version,
            database: &self.facts.database,
            constant_labels: &shared.settings.constant_labels,
            most_bytes: shared.settings.most_result_bytes,
            before: self.before,
        })
    }

    /// The busiest label sets of these rows, and the sum of the others.
    ///
    /// # Errors
    /// The rows lack a column, or the result is too large.
    pub fn busiest(&self, top: &Top, rows: &Rows, took: Duration) -> Result<EncodedResult, SourceError> {
        let collector = &self.shared.catalog.collectors[self.key.collector];
        let mut encoder = self.encoder();
        let top_n = self.shared.store.top_n(self.key);
        let Aggregated { others, drops } = top_n.lock().aggregate(collector, top, self.version, rows, &mut encoder)?;
        let mut result = encoder.finish(took)?;
        result.others = Some(others);
        for (why, (count, example)) in drops {
            result.dropped(why, count, || example);
        }
        result.dropped(DropReason::Cap, rows.dropped, || "the result has too many rows to choose from".into());
        Ok(result)
    }

    /// What was summed up so far.
    ///
    /// # Errors
    /// That of the last sample, if it failed, or those of [`ResultOf::busiest`].
    pub fn totals(&self) -> Result<EncodedResult, SourceError> {
        let collector = &self.shared.catalog.collectors[self.key.collector];
        let accumulation = self.shared.store.accumulation(self.key);
        let mut accumulation = accumulation.lock();
        if let Some(error) = accumulation.failing() {
            return Err(error.clone());
        }
        let (took, read_at) = (accumulation.took(), accumulation.read_at());
        let accumulator = accumulation.accumulator(collector, self.version);
        let shown = self.shared.scrapers.shown();
        let mut result = if let Some(top) = &collector.top {
            let mut rows = self.rows();
            accumulator.feed(&mut rows, shown);
            self.busiest(top, &rows, took)?
        } else {
            let mut encoder = self.encoder();
            accumulator.feed(&mut encoder, shown);
            encoder.finish(took)?
        };
        for (why, (count, example)) in accumulator.take_drops() {
            result.dropped(why, count, || example);
        }
        (result.overflowed, result.read_at) = (Some(accumulator.overflowed()), read_at);
        Ok(result)
    }
}
