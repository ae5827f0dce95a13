//! The rows of one collector, encoded: for each of its families the lines, plain and, once asked for, compressed.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use reason::Reason;

use super::drop_reason::DropReason;
use super::gzip::{self, Deflated};
use super::histogram::Histogram;
use super::text::write_sample;
use super::value::{label_set, number};
use crate::catalog::Catalog;
use crate::collector::{Collector, Column, Usage};
use crate::error::SourceError;
use crate::facts::Version;
use crate::redact::secrets;
use crate::rows::{Rows, Value};

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
    /// The result of a collector whose predicate does not hold.
    pub fn skipped(reason: String) -> Self {
        Self { skipped: Some(reason), scoped: true, ..Self::default() }
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

/// Encodes `rows` of the collector with this index, as read from `database` on a server of `version`.
///
/// NULL yields the column's default or no sample. A row whose labels cannot be read or stood before, a cell that is not a
/// number, and rows over the cap lose their own samples and are counted.
///
/// # Errors
/// `shape` when a label or histogram column is missing from the result, or a histogram cannot be made.
pub(crate) fn encode(
    catalog: &Catalog,
    index: usize,
    rows: &Rows,
    version: Version,
    database: &str,
    constant_labels: &[(String, String)],
) -> Result<EncodedResult, SourceError> {
    let collector = &catalog.collectors[index];
    let mut result = EncodedResult { rows: rows.len(), took: rows.took, scoped: true, ..EncodedResult::default() };
    if rows.is_empty() {
        // Then the names of its columns may be unknown.
        return Ok(result);
    }
    let mut layout = Layout::new(catalog, index, &rows.columns, version, &mut result)?;
    let mut seen: HashSet<Vec<u8>> = HashSet::with_capacity(rows.len());
    let cap = collector.max_series.unwrap_or(usize::MAX);
    for row in rows.iter() {
        let samples = layout.samples(row);
        let set = match label_set(&layout.labels, row, constant_labels) {
            Ok(set) => set,
            Err(why) => {
                result.dropped(why, samples.max(1), || "a label of a row cannot be read".into());
                continue;
            }
        };
        result.scoped &= layout.names_database(row, database);
        layout.observe(row, &set)?;
        if samples == 0 {
            continue;
        }
        if seen.contains(&set) {
            result.dropped(DropReason::Duplicate, samples, || {
                format!("two rows have the labels {}", String::from_utf8_lossy(&set))
            });
            continue;
        }
        if result.series + samples > cap {
            result.dropped(DropReason::Cap, samples, || format!("max_series is {cap}"));
            continue;
        }
        layout.write(row, &set, &mut result);
        seen.insert(set);
    }
    layout.finish(cap, &mut result);
    Ok(result)
}

/// Where the cells of a result go, and the lines written so far.
struct Layout<'a> {
    collector: &'a Collector,
    labels: Vec<(usize, &'a Column)>,
    metrics: Vec<Metric<'a>>,
    histograms: Vec<Histogram<'a>>,
}

/// A gauge or counter: its cell, and the lines of its family.
struct Metric<'a> {
    cell: usize,
    column: &'a Column,
    family: usize,
    name: &'a str,
    lines: Vec<u8>,
}

impl<'a> Layout<'a> {
    fn new(
        catalog: &'a Catalog,
        index: usize,
        names: &[String],
        version: Version,
        result: &mut EncodedResult,
    ) -> Result<Self, SourceError> {
        let collector = &catalog.collectors[index];
        let mut layout = Self { collector, labels: Vec::new(), metrics: Vec::new(), histograms: Vec::new() };
        for (at, column) in collector.columns_in(version) {
            // When a result has two columns of one name, the last counts, as it does for other drivers.
            let found = names.iter().rposition(|name| *name == column.name);
            let families = &catalog.column_families[index][at];
            match (column.usage, found, families.as_slice()) {
                (Usage::Label, Some(cell), _) => layout.labels.push((cell, column)),
                (Usage::Histogram, Some(cell), &[bucket, count, sum]) => {
                    let named = [bucket, count, sum].map(|family| (family, catalog.families[family].name.as_str()));
                    layout.histograms.push(Histogram::new(cell, column, named));
                }
                (Usage::Gauge | Usage::Counter, Some(cell), &[family]) => {
                    let name = catalog.families[family].name.as_str();
                    layout.metrics.push(Metric { cell, column, family, name, lines: Vec::new() });
                }
                (Usage::Gauge | Usage::Counter, None, _) => {
                    result.dropped(DropReason::Missing, 1, || format!("the result has no column {}", column.name));
                }
                (Usage::Label | Usage::Histogram, None, _) => {
                    let message = format!("column {} is missing from the result of {}", column.name, collector.key);
                    return Err(SourceError::new(Reason::Shape, message));
                }
                _ => {}
            }
        }
        Ok(layout)
    }

    /// How many samples a row has, histograms aside.
    fn samples(&self, row: &[Value]) -> usize {
        let there = |metric: &&Metric<'_>| row[metric.cell] != Value::Null || metric.column.default.is_some();
        self.metrics.iter().filter(there).count()
    }

    /// Whether a row says in `datname` that it is of this database.
    fn names_database(&self, row: &[Value], database: &str) -> bool {
        self.labels.iter().any(|(cell, column)| {
            column.exposed == "datname" && matches!(&row[*cell], Value::Text(text) if text == database)
        })
    }

    fn observe(&mut self, row: &[Value], set: &[u8]) -> Result<(), SourceError> {
        for histogram in &mut self.histograms {
            histogram
                .observe(row, set)
                .map_err(|message| SourceError::new(Reason::Shape, format!("{}: {message}", self.collector.key)))?;
        }
        Ok(())
    }

    fn write(&mut self, row: &[Value], set: &[u8], result: &mut EncodedResult) {
        for metric in &mut self.metrics {
            match number(&row[metric.cell], metric.column) {
                Ok(Some(number)) => {
                    write_sample(&mut metric.lines, metric.name, set, number);
                    result.series += 1;
                }
                Ok(None) => {}
                Err(why) => result.dropped(why, 1, || {
                    let cell = format!("{:?}", row[metric.cell]);
                    format!("column {}: {}", metric.column.name, secrets(&cell))
                }),
            }
        }
    }

    /// Hands the lines over; groups of histograms over the cap are dropped.
    fn finish(self, cap: usize, result: &mut EncodedResult) {
        let mut families: Vec<(usize, Vec<u8>)> =
            self.metrics.into_iter().map(|metric| (metric.family, metric.lines)).collect();
        for histogram in self.histograms {
            let written = histogram.write(cap.saturating_sub(result.series));
            result.series += written.series;
            result.dropped(DropReason::Cap, written.over, || format!("max_series is {cap}"));
            families.extend(written.families);
        }
        let filled = families.into_iter().filter(|(_, lines)| !lines.is_empty());
        result.families = filled.map(|(family, lines)| (family, Bytes::from(lines.into_boxed_slice()))).collect();
    }
}
