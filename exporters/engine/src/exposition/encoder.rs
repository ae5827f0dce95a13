//! Encodes the rows of one collector as they arrive: each label set once, each number into the lines of its family.

use std::time::Duration;

use reason::Reason;

use super::drop_reason::DropReason;
use super::histogram::{Histogram, TotalHistogram};
use super::label_sets::LabelSets;
use super::result::EncodedResult;
use super::text::write_sample;
use super::value::{LONGEST_LABEL, number, write_label_set};
use crate::catalog::Catalog;
use crate::collector::{Collector, Column, Usage};
use crate::error::SourceError;
use crate::facts::Version;
use crate::redact::secrets;
use crate::rows::{RowSink, Value};

/// The most samples of a result, unless its collector has a `max_series`.
const MOST_SERIES: usize = 1_000_000;

/// Where rows of a collector come from, and how they are encoded.
#[derive(Clone, Copy)]
pub(crate) struct Encoding<'a> {
    pub catalog: &'a Catalog,
    /// Index of the collector.
    pub collector: usize,
    /// The version of the server, or of the extension, that selects the columns.
    pub version: Version,
    pub database: &'a str,
    pub constant_labels: &'a [(String, String)],
    /// The most bytes of its lines, and of its label sets.
    pub most_bytes: usize,
    /// The result before this one: the new one will be about as long.
    pub before: Option<&'a EncodedResult>,
}

/// Takes the rows of one collector and makes its result.
///
/// NULL yields the column's default or no sample. A row whose labels cannot be read or stood before, a cell that is not a
/// number, and rows over the cap lose their own samples and are counted.
pub(crate) struct Encoder<'a> {
    encoding: Encoding<'a>,
    /// `None` before the columns are known.
    layout: Option<Layout<'a>>,
    seen: LabelSets,
    /// The label set of the row at hand.
    set: Vec<u8>,
    cap: usize,
    /// How many bytes the lines have so far.
    bytes: usize,
    result: EncodedResult,
    /// Why there will be no result.
    error: Option<SourceError>,
}

impl RowSink for Encoder<'_> {
    fn columns(&mut self, names: &[&str]) {
        match Layout::new(&self.encoding, names, &mut self.result) {
            Ok(layout) => self.layout = Some(layout),
            Err(error) => self.error = Some(error),
        }
    }

    fn row(&mut self, cells: &[Value<'_>]) {
        self.result.rows += 1;
        if self.error.is_none() {
            self.error = self.encode(cells).err();
        }
    }

    fn unreadable(&mut self, rows: usize, error: &str) {
        self.result.dropped(DropReason::Unreadable, rows, || format!("a row cannot be read: {}", secrets(error)));
    }
}

impl<'a> Encoder<'a> {
    /// An encoder that has no rows yet.
    pub fn new(encoding: Encoding<'a>) -> Self {
        let collector = &encoding.catalog.collectors[encoding.collector];
        // The label sets of an accumulated one are within its budget.
        let cap = collector.max_series.filter(|_| !collector.is_accumulated()).unwrap_or(MOST_SERIES);
        let (seen, set, result) = (LabelSets::default(), Vec::new(), EncodedResult::empty());
        Self { encoding, layout: None, seen, set, cap, bytes: 0, result, error: None }
    }

    /// The result of all rows, on which the source has worked for so long.
    ///
    /// # Errors
    /// `shape` when a label or histogram column is missing from the result, or a histogram cannot be made.
    pub fn finish(mut self, took: Duration) -> Result<EncodedResult, SourceError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.result.took = took;
        if let Some(layout) = self.layout {
            layout.finish(self.cap, &mut self.result);
        }
        Ok(self.result)
    }

    fn encode(&mut self, row: &[Value<'_>]) -> Result<(), SourceError> {
        let Some(layout) = &mut self.layout else { return Ok(()) };
        let (result, set) = (&mut self.result, &mut self.set);
        let samples = layout.samples(row);
        if let Err(why) = write_label_set(set, &layout.labels, row, self.encoding.constant_labels) {
            result.dropped(why, samples.max(1), || match why {
                DropReason::Cap => format!("a row or one of its labels is too large: over {} KiB", LONGEST_LABEL >> 10),
                _ => "a label of a row cannot be read".into(),
            });
            return Ok(());
        }
        result.scoped &= layout.names_database(row, self.encoding.database);
        layout.observe(row, set)?;
        if samples == 0 {
            return Ok(());
        }
        if self.seen.contains(set) {
            // The rows of a shared query repeat what all of them have in common.
            if layout.collector.query_of.is_some() {
                return Ok(());
            }
            result.dropped(DropReason::Duplicate, samples, || {
                format!("two rows have the labels {}", String::from_utf8_lossy(set))
            });
        } else if result.series + samples > self.cap {
            result.dropped(DropReason::Cap, samples, || format!("max_series is {}", self.cap));
        } else if self.bytes.max(self.seen.length()) + set.len() > self.encoding.most_bytes {
            result.dropped(DropReason::Cap, samples, || {
                format!("the result has more than {} MiB: see --max-result-size", self.encoding.most_bytes >> 20)
            });
        } else {
            self.bytes += layout.write(row, set, result);
            self.seen.insert(set);
        }
        Ok(())
    }
}

fn missing(column: &Column, collector: &Collector) -> SourceError {
    let message = format!("column {} is missing from the result of {}", column.name, collector.key);
    SourceError::new(Reason::Shape, message)
}

/// Enough for lines that had this length the last time: numbers grow, and so does the number of rows.
fn room(length: usize) -> usize {
    length + length / 32 + 128
}

/// Where the cells of a result go, and the lines written so far.
struct Layout<'a> {
    collector: &'a Collector,
    labels: Vec<(usize, &'a Column)>,
    metrics: Vec<Metric<'a>>,
    histograms: Vec<Histogram<'a>>,
    totals: Vec<TotalHistogram<'a>>,
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
    fn new(encoding: &Encoding<'a>, names: &[&str], result: &mut EncodedResult) -> Result<Self, SourceError> {
        let catalog = encoding.catalog;
        let collector = &catalog.collectors[encoding.collector];
        let mut layout =
            Self { collector, labels: Vec::new(), metrics: Vec::new(), histograms: Vec::new(), totals: Vec::new() };
        for (at, column) in collector.columns_in(encoding.version) {
            // When a result has two columns of one name, the last counts, as it does for other drivers.
            let found = names.iter().rposition(|name| *name == column.name);
            let families = &catalog.column_families[encoding.collector][at];
            match (column.usage, found, families.as_slice()) {
                (Usage::Label, Some(cell), _) => layout.labels.push((cell, column)),
                (Usage::Histogram, _, &[family]) => {
                    let named = (family, catalog.families[family].name.as_str());
                    match TotalHistogram::new(column, names, named) {
                        Some(histogram) => layout.totals.push(histogram),
                        None => return Err(missing(column, collector)),
                    }
                }
                (Usage::Histogram, Some(cell), &[bucket, count, sum]) => {
                    let named = [bucket, count, sum].map(|family| (family, catalog.families[family].name.as_str()));
                    layout.histograms.push(Histogram::new(cell, column, named, encoding.most_bytes));
                }
                (Usage::Gauge | Usage::Counter, Some(cell), &[family]) => {
                    let name = catalog.families[family].name.as_str();
                    let lines = Vec::with_capacity(encoding.before.map_or(0, |before| room(before.length(family))));
                    layout.metrics.push(Metric { cell, column, family, name, lines });
                }
                (Usage::Gauge | Usage::Counter, None, _) => {
                    result.dropped(DropReason::Missing, 1, || format!("the result has no column {}", column.name));
                }
                (Usage::Label | Usage::Histogram, None, _) => {
                    return Err(missing(column, collector));
                }
                _ => {}
            }
        }
        Ok(layout)
    }

    /// How many samples a row has, histograms of snapshots aside.
    fn samples(&self, row: &[Value<'_>]) -> usize {
        let there = |metric: &&Metric<'_>| !matches!(row[metric.cell], Value::Null) || metric.column.default.is_some();
        let histograms: usize = self.totals.iter().map(TotalHistogram::series).sum();
        self.metrics.iter().filter(there).count() + histograms
    }

    /// Whether a row says in `datname` that it is of this database.
    fn names_database(&self, row: &[Value<'_>], database: &str) -> bool {
        self.labels.iter().any(|(cell, column)| {
            column.exposed == "datname" && matches!(&row[*cell], Value::Text(text) if text == database)
        })
    }

    fn observe(&mut self, row: &[Value<'_>], set: &[u8]) -> Result<(), SourceError> {
        for histogram in &mut self.histograms {
            histogram
                .observe(row, set)
                .map_err(|message| SourceError::new(Reason::Shape, format!("{}: {message}", self.collector.key)))?;
        }
        Ok(())
    }

    /// Writes the samples of a row; returns how many bytes they have.
    fn write(&mut self, row: &[Value<'_>], set: &[u8], result: &mut EncodedResult) -> usize {
        let mut bytes = 0;
        for metric in &mut self.metrics {
            match number(&row[metric.cell], metric.column) {
                Ok(Some(number)) => {
                    let before = metric.lines.len();
                    write_sample(&mut metric.lines, metric.name, set, number);
                    bytes += metric.lines.len() - before;
                    result.series += 1;
                }
                Ok(None) => {}
                Err(why) => result.dropped(why, 1, || {
                    let cell = row[metric.cell].to_string();
                    format!("column {}: {} is no number", metric.column.name, secrets(&cell))
                }),
            }
        }
        for histogram in &mut self.totals {
            bytes += histogram.write(row, set);
            result.series += histogram.series();
        }
        bytes
    }

    /// Hands the lines over; groups of histograms over the cap are dropped.
    fn finish(self, cap: usize, result: &mut EncodedResult) {
        let mut families: Vec<(usize, Vec<u8>)> =
            self.metrics.into_iter().map(|metric| (metric.family, metric.lines)).collect();
        families.extend(self.totals.into_iter().map(TotalHistogram::finish));
        for histogram in self.histograms {
            let written = histogram.write(cap.saturating_sub(result.series));
            result.series += written.series;
            result
                .dropped(DropReason::Cap, written.over, || format!("max_series is {cap}, or a histogram is too large"));
            families.extend(written.families);
        }
        result.set_lines(families.into_iter());
    }
}
