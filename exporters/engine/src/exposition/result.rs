//! The rows of one collector, encoded: for each of its families the lines, plain and, once asked for, compressed.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use super::drop_reason::DropReason;
use super::gzip::{self, Deflated};

/// One encoded result.
#[derive(Debug, Default)]
pub(crate) struct EncodedResult {
    /// Family (index into the catalog) and lines; empty ones are left out.
    pub families: Vec<(usize, Bytes)>,
    pub rows: usize,
    pub series: usize,
    /// How many rows are summed into `other`, if the collector shows the busiest only.
    pub others: Option<usize>,
    /// How long the source worked on it.
    pub took: Duration,
    /// How many samples were dropped, and an example of each kind.
    pub drops: BTreeMap<DropReason, (u64, String)>,
    /// Whether every line carries the database in `datname`: then it cannot repeat a line of another database.
    pub scoped: bool,
    /// Why no query ran, if a predicate did not hold: the result is empty, or what a lookup found before.
    pub skipped: Option<String>,
    deflated: OnceLock<Vec<Deflated>>,
}

impl EncodedResult {
    /// A result without rows.
    pub(super) fn empty() -> Self {
        Self { scoped: true, ..Self::default() }
    }

    /// The result of a collector whose predicate does not hold.
    pub fn skipped(reason: String) -> Self {
        Self { skipped: Some(reason), ..Self::empty() }
    }

    /// Compresses its lines, if that is not done yet.
    pub(crate) fn compress(&self) -> &[Deflated] {
        self.deflated.get_or_init(|| gzip::deflate(self.families.iter().map(|(_, lines)| lines)))
    }

    pub(super) fn deflated(&self, family: usize) -> &Bytes {
        &self.compress()[family].0
    }

    /// Counts samples that were dropped.
    pub fn dropped(&mut self, why: DropReason, samples: usize, example: impl FnOnce() -> String) {
        if samples > 0 {
            self.drops.entry(why).or_insert_with(|| (0, example())).0 += samples as u64;
        }
    }
}
