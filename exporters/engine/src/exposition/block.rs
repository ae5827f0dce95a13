//! The rows of one collector, encoded: for each of its families the lines, plain and, once asked for, compressed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use bytes::Bytes;

use super::gzip::{self, Deflated};
use super::text::{Number, close_labels, write_label, write_sample};
use crate::catalog::Catalog;
use crate::collector::{Column, Usage};
use crate::facts::Version;
use crate::rows::{Broken, Rows, Value};
use crate::source::SourceError;

/// Why samples were left out; the word is the value of the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Drop {
    Duplicate,
    Unreadable,
    Utf8,
    Cap,
    Missing,
}

impl Drop {
    pub fn word(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Unreadable => "unreadable",
            Self::Utf8 => "utf8",
            Self::Cap => "cap",
            Self::Missing => "missing",
        }
    }
}

/// One encoded result.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Family (index into the catalog) and lines; empty ones are left out.
    pub pieces: Vec<(usize, Bytes)>,
    pub rows: usize,
    pub series: usize,
    /// How many samples were left out, and an example of each kind.
    pub drops: BTreeMap<Drop, (u64, String)>,
    /// Whether every line carries the database in `datname`: then it cannot repeat a line of another database.
    pub scoped: bool,
    /// Whether a predicate said no, so that there is nothing by intent.
    pub skipped: bool,
    deflated: OnceLock<Vec<Deflated>>,
}

impl Block {
    /// What a collector has whose predicate said no.
    pub fn skipped() -> Self {
        Self { skipped: true, scoped: true, ..Self::default() }
    }

    /// Compresses its lines, if that is not done yet.
    pub(crate) fn compress(&self) -> &[Deflated] {
        self.deflated.get_or_init(|| gzip::deflate(self.pieces.iter().map(|(_, lines)| lines)))
    }

    pub(super) fn deflated(&self, piece: usize) -> &Bytes {
        &self.compress()[piece].0
    }

    fn dropped(&mut self, why: Drop, samples: usize, example: impl FnOnce() -> String) {
        if samples > 0 {
            self.drops.entry(why).or_insert_with(|| (0, example())).0 += samples as u64;
        }
    }
}

/// Encodes `rows` of the collector with this index, as read from `database` on a server of `version`.
///
/// NULL yields the column's default or no sample. A row whose labels cannot be read or stood before, a cell that is no
/// number, and rows over the cap cost their own samples and are counted.
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
) -> Result<Block, SourceError> {
    let collector = &catalog.collectors[index];
    let mut block = Block { rows: rows.len(), scoped: true, ..Block::default() };
    if rows.is_empty() {
        // Then the names of its columns may be unknown.
        return Ok(block);
    }
    let mut labels: Vec<(usize, &Column)> = Vec::new();
    let mut metrics: Vec<Metric<'_>> = Vec::new();
    for (at, column) in collector.columns_in(version) {
        // When a result has two columns of one name, the last counts, as it does for other drivers.
        let found = rows.columns.iter().rposition(|name| *name == column.name);
        match (column.usage, found) {
            (Usage::Discard, _) => {}
            (Usage::Label, Some(cell)) => labels.push((cell, column)),
            (Usage::Gauge | Usage::Counter | Usage::Histogram, Some(cell)) => {
                let families = &catalog.column_families[index][at];
                metrics.push(Metric::new(cell, column, families, catalog));
            }
            (Usage::Gauge | Usage::Counter, None) => {
                block.dropped(Drop::Missing, 1, || format!("the result has no column {}", column.name));
            }
            (Usage::Label | Usage::Histogram, None) => {
                let message = format!("column {} is missing from the result of {}", column.name, collector.key);
                return Err(SourceError::new("shape", message));
            }
        }
    }

    let mut seen: HashSet<Vec<u8>> = HashSet::with_capacity(rows.len());
    let cap = collector.max_series.unwrap_or(usize::MAX);
    for row in rows.iter() {
        let samples = metrics.iter().filter(|metric| !metric.is_histogram() && metric.is_there(row)).count();
        let set = match label_set(&labels, row, constant_labels) {
            Ok(set) => set,
            Err(why) => {
                block.dropped(why, samples.max(1), || "a label of a row cannot be read".into());
                continue;
            }
        };
        block.scoped &= labels.iter().any(|(cell, column)| {
            column.exposed == "datname" && matches!(&row[*cell], Value::Text(text) if text == database)
        });
        for metric in metrics.iter_mut().filter(|metric| metric.is_histogram()) {
            metric.observe(&row[metric.cell], &set).map_err(|message| {
                SourceError::new("shape", format!("{}: column {}: {message}", collector.key, metric.column.name))
            })?;
        }
        if samples == 0 {
            continue;
        }
        if seen.contains(&set) {
            block.dropped(Drop::Duplicate, samples, || {
                format!("two rows have the labels {}", String::from_utf8_lossy(&set))
            });
            continue;
        }
        if block.series + samples > cap {
            block.dropped(Drop::Cap, samples, || format!("max_series is {cap}"));
            continue;
        }
        for metric in metrics.iter_mut().filter(|metric| !metric.is_histogram()) {
            match number(&row[metric.cell], metric.column) {
                Ok(Some(number)) => {
                    write_sample(&mut metric.lines[0], metric.names[0], &set, number);
                    block.series += 1;
                }
                Ok(None) => {}
                Err(why) => block.dropped(why, 1, || format!("column {}: {:?}", metric.column.name, row[metric.cell])),
            }
        }
        seen.insert(set);
    }
    for metric in metrics {
        block.series += metric.finish(&mut block.pieces)?;
    }
    Ok(block)
}

/// The labels of a row as text, closed; empty if there are none.
fn label_set(labels: &[(usize, &Column)], row: &[Value], constant: &[(String, String)]) -> Result<Vec<u8>, Drop> {
    let mut set = Vec::with_capacity(64);
    for (cell, column) in labels {
        let name = &column.exposed;
        match &row[*cell] {
            Value::Null => write_label(&mut set, name, ""),
            Value::Bool(value) => write_label(&mut set, name, if *value { "true" } else { "false" }),
            Value::Int(value) => write_label(&mut set, name, itoa::Buffer::new().format(*value)),
            Value::Float(value) => {
                let mut text = Vec::new();
                super::text::write_number(&mut text, Number::Float(*value));
                write_label(&mut set, name, &String::from_utf8_lossy(&text));
            }
            Value::Text(text) => write_label(&mut set, name, text),
            Value::Broken(broken) => return Err(drop_of(*broken)),
        }
    }
    // A label of the collector's own wins.
    for (name, value) in constant.iter().filter(|(name, _)| !labels.iter().any(|(_, column)| column.exposed == *name)) {
        write_label(&mut set, name, value);
    }
    close_labels(&mut set);
    Ok(set)
}

fn drop_of(broken: Broken) -> Drop {
    match broken {
        Broken::Utf8 => Drop::Utf8,
        Broken::Unreadable => Drop::Unreadable,
    }
}

/// The number that a cell stands for: `None` is no sample.
fn number(value: &Value, column: &Column) -> Result<Option<Number>, Drop> {
    let number = match value {
        Value::Null => match column.default {
            Some(default) => Number::Float(default),
            None => return Ok(None),
        },
        Value::Bool(value) => return Ok(Some(Number::Int(i64::from(*value)))),
        Value::Int(value) => Number::Int(*value),
        Value::Float(value) => Number::Float(*value),
        Value::Text(text) => {
            let text = text.trim();
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(value), _) => Number::Int(value),
                (_, Ok(value)) => Number::Float(value),
                _ => return Err(Drop::Unreadable),
            }
        }
        Value::Broken(broken) => return Err(drop_of(*broken)),
    };
    Ok(Some(match (column.scale, number) {
        (None, number) => number,
        (Some(scale), Number::Int(value)) => Number::Float(value as f64 * scale),
        (Some(scale), Number::Float(value)) => Number::Float(value * scale),
    }))
}

/// One metric column while its lines are written.
struct Metric<'a> {
    cell: usize,
    column: &'a Column,
    families: &'a [usize],
    names: Vec<&'a str>,
    lines: Vec<Vec<u8>>,
    /// For a histogram: by label set, how many observations are up to each bound and above the last, and their sum.
    groups: HashMap<Vec<u8>, (Vec<u64>, f64)>,
    order: Vec<Vec<u8>>,
}

impl<'a> Metric<'a> {
    fn new(cell: usize, column: &'a Column, families: &'a [usize], catalog: &'a Catalog) -> Self {
        let names = families.iter().map(|family| catalog.families[*family].name.as_str()).collect();
        let lines = vec![Vec::new(); families.len()];
        Self { cell, column, families, names, lines, groups: HashMap::new(), order: Vec::new() }
    }

    fn is_histogram(&self) -> bool {
        self.column.usage == Usage::Histogram
    }

    fn is_there(&self, row: &[Value]) -> bool {
        row[self.cell] != Value::Null || self.column.default.is_some()
    }

    fn observe(&mut self, value: &Value, set: &[u8]) -> Result<(), String> {
        let observed = match number(value, self.column) {
            Ok(None) => return Ok(()),
            Ok(Some(Number::Int(value))) => value as f64,
            Ok(Some(Number::Float(value))) if value.is_finite() => value,
            _ => return Err(format!("{value:?} cannot be observed: expected a finite number")),
        };
        if !self.groups.contains_key(set) {
            self.order.push(set.to_vec());
            self.groups.insert(set.to_vec(), (vec![0; self.column.buckets.len() + 1], 0.0));
        }
        if let Some((counts, sum)) = self.groups.get_mut(set) {
            let bucket = self.column.buckets.partition_point(|bound| *bound < observed);
            counts[bucket] += 1;
            *sum += observed;
        }
        Ok(())
    }

    /// Hands over the lines and returns how many series of histograms are among them.
    fn finish(mut self, pieces: &mut Vec<(usize, Bytes)>) -> Result<usize, SourceError> {
        let mut series = 0;
        for set in std::mem::take(&mut self.order) {
            let Some((counts, sum)) = self.groups.remove(&set) else { continue };
            if !sum.is_finite() {
                return Err(SourceError::new("shape", format!("column {}: the sum is not finite", self.column.name)));
            }
            series += counts.len() + 2;
            self.write_group(&set, &counts, sum);
        }
        for (family, lines) in self.families.iter().zip(self.lines) {
            if !lines.is_empty() {
                pieces.push((*family, Bytes::from(lines.into_boxed_slice())));
            }
        }
        Ok(series)
    }

    fn write_group(&mut self, set: &[u8], counts: &[u64], sum: f64) {
        let mut total = 0;
        let bounds = self.column.buckets.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(counts) {
            total += *count as i64;
            let mut le = Vec::new();
            super::text::write_number(&mut le, Number::Float(bound));
            let mut with_le = set.strip_suffix(b"}").unwrap_or(set).to_vec();
            write_label(&mut with_le, "le", &String::from_utf8_lossy(&le));
            close_labels(&mut with_le);
            write_sample(&mut self.lines[0], self.names[0], &with_le, Number::Int(total));
        }
        write_sample(&mut self.lines[1], self.names[1], set, Number::Int(total));
        write_sample(&mut self.lines[2], self.names[2], set, Number::Float(sum));
    }
}
