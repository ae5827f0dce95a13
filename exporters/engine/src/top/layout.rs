//! Where the cells of a result are that a `top` looks at.

use reason::Reason;

use crate::collector::{Collector, Fold, Top, Usage};
use crate::error::SourceError;
use crate::exposition::{DropReason, LONGEST_LABEL};
use crate::facts::Version;
use crate::rows::{Row, Value};

/// The label value of the aggregated label sets.
const OTHER: &str = "other";
/// Between the labels of a key; no text of a server has it.
pub(super) const SEPARATOR: char = '\0';

/// Where the cells of a row are.
pub(super) struct Layout {
    /// In the collector's order; whether the rest keeps its value.
    labels: Vec<(usize, bool)>,
    pub counters: Vec<Metric>,
    pub gauges: Vec<Metric>,
    /// The counter that ranks.
    pub by: usize,
}

pub(super) struct Metric {
    cell: usize,
    default: Option<f64>,
    pub fold: Fold,
}

impl Metric {
    pub fn number(&self, row: &Row<'_>) -> Option<f64> {
        row.get(self.cell).number().unwrap_or(None).or(self.default)
    }
}

impl Layout {
    pub fn new(collector: &Collector, top: &Top, version: Version, names: &[String]) -> Result<Self, SourceError> {
        let mut layout = Self { labels: Vec::new(), counters: Vec::new(), gauges: Vec::new(), by: usize::MAX };
        let missing = |name: &str| {
            SourceError::new(Reason::Shape, format!("column {name} is missing from the result of {}", collector.key))
        };
        for (_, column) in collector.columns_in(version) {
            let cell = names.iter().rposition(|name| *name == column.name);
            let metric = |cell, fold| Metric { cell, default: column.default, fold };
            match (column.usage, cell, column.other) {
                (Usage::Label, Some(cell), _) => layout.labels.push((cell, top.per.contains(&column.name))),
                (Usage::Label, None, _) => return Err(missing(&column.name)),
                (Usage::Counter, Some(cell), Some(fold)) => {
                    if column.name == top.by {
                        layout.by = layout.counters.len();
                    }
                    layout.counters.push(metric(cell, fold));
                }
                (Usage::Gauge, Some(cell), Some(fold)) => layout.gauges.push(metric(cell, fold)),
                // All that was observed, as counters.
                (Usage::Histogram, ..) => {
                    for wanted in column.total_cells() {
                        let cell = names.iter().position(|name| *name == wanted);
                        layout.counters.push(metric(cell.ok_or_else(|| missing(&column.name))?, Fold::Sum));
                    }
                }
                _ => {}
            }
        }
        if layout.by == usize::MAX { Err(missing(&top.by)) } else { Ok(layout) }
    }

    /// Makes `key` the labels of a row as one text; returns whether all can be read.
    pub fn write_key(&self, row: &Row<'_>, key: &mut String) -> bool {
        write_joined(key, self.labels.iter().map(|(cell, _)| row.get(*cell)))
    }

    /// Whether a row is itself a sum of others.
    pub fn is_other(&self, row: &Row<'_>) -> bool {
        let mut summed = self.labels.iter().filter(|(_, kept)| !kept).peekable();
        summed.peek().is_some() && summed.all(|(cell, _)| matches!(row.get(*cell), Value::Text(text) if text == OTHER))
    }

    pub fn kept<'a>(&self, row: &Row<'a>) -> impl Iterator<Item = Value<'a>> {
        self.labels.iter().filter(|(_, kept)| *kept).map(|(cell, _)| row.get(*cell))
    }

    pub fn kept_key(&self, row: &Row<'_>) -> String {
        let mut key = String::new();
        // A row with a label that cannot be read does not come here.
        write_joined(&mut key, self.kept(row));
        key
    }

    pub fn counter(&self, row: &Row<'_>, at: usize) -> Option<f64> {
        self.counters[at].number(row)
    }

    /// The cells of a row that are no numbers and so are not in the rest.
    pub fn unreadable<'a>(&self, row: &Row<'a>) -> impl Iterator<Item = (DropReason, Value<'a>)> {
        let metrics = self.counters.iter().chain(&self.gauges);
        metrics.filter_map(|metric| {
            let value = row.get(metric.cell);
            let why = value.number().err()?;
            Some((why.into(), value))
        })
    }

    /// The row of an aggregated series.
    pub fn other_row(
        &self,
        width: usize,
        kept: &[Value<'static>],
        counters: &[Option<f64>],
        gauges: &[Option<f64>],
    ) -> Vec<Value<'static>> {
        let mut row = vec![Value::Null; width];
        let mut kept = kept.iter();
        for (cell, is_kept) in &self.labels {
            row[*cell] = is_kept.then(|| kept.next().cloned()).flatten().unwrap_or_else(|| Value::Text(OTHER.into()));
        }
        let metrics = self.counters.iter().zip(counters).chain(self.gauges.iter().zip(gauges));
        for (metric, number) in metrics {
            row[metric.cell] = number.map_or(Value::Null, Value::Float);
        }
        row
    }
}

/// Returns whether all labels can be read.
fn write_joined<'a>(key: &mut String, labels: impl Iterator<Item = Value<'a>>) -> bool {
    key.clear();
    for (at, label) in labels.enumerate() {
        if at > 0 {
            key.push(SEPARATOR);
        }
        match label.label() {
            Ok(text) if text.len() <= LONGEST_LABEL => key.push_str(&text),
            _ => return false,
        }
    }
    true
}
