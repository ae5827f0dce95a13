//! Where the cells of a result are that a `top` looks at.

use std::sync::Arc;

use reason::Reason;

use crate::collector::{Collector, Fold, Top, Usage};
use crate::error::SourceError;
use crate::exposition::DropReason;
use crate::facts::Version;
use crate::rows::Value;

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
    pub fn number(&self, row: &[Value]) -> Option<f64> {
        row[self.cell].number().unwrap_or(None).or(self.default)
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
                _ => {}
            }
        }
        if layout.by == usize::MAX { Err(missing(&top.by)) } else { Ok(layout) }
    }

    /// The labels of a row as one text; `None` if one cannot be read.
    pub fn key(&self, row: &[Value]) -> Option<Arc<str>> {
        joined(self.labels.iter().map(|(cell, _)| &row[*cell])).map(Arc::from)
    }

    pub fn kept<'a>(&'a self, row: &'a [Value]) -> impl Iterator<Item = &'a Value> {
        self.labels.iter().filter(|(_, kept)| *kept).map(|(cell, _)| &row[*cell])
    }

    pub fn kept_key(&self, row: &[Value]) -> String {
        // What cannot be read has no key and does not come here.
        joined(self.kept(row)).unwrap_or_default()
    }

    pub fn counter(&self, row: &[Value], at: usize) -> Option<f64> {
        self.counters[at].number(row)
    }

    /// The cells of a row that are no numbers and so are not in the rest.
    pub fn unreadable(&self, row: &[Value]) -> impl Iterator<Item = (DropReason, String)> {
        let metrics = self.counters.iter().chain(&self.gauges);
        metrics.filter_map(|metric| {
            let why = row[metric.cell].number().err()?;
            Some((why.into(), format!("{:?} is no number", row[metric.cell])))
        })
    }

    /// The row of an aggregated series.
    pub fn other_row(
        &self,
        width: usize,
        kept: &[Value],
        counters: &[Option<f64>],
        gauges: &[Option<f64>],
    ) -> Vec<Value> {
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

fn joined<'a>(labels: impl Iterator<Item = &'a Value>) -> Option<String> {
    let mut key = String::new();
    for (at, label) in labels.enumerate() {
        if at > 0 {
            key.push(SEPARATOR);
        }
        key.push_str(&label.label().ok()?);
    }
    Some(key)
}
