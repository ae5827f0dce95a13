//! The columns of an accumulated collector: which cells are labels, which are numbers, and how totals become rows.

use super::totals::{HistogramTotals, Totals};
use crate::collector::{Collector, Column, Usage};
use crate::exposition::{DropReason, LONGEST_LABEL};
use crate::facts::Version;
use crate::rows::Value;

/// Between the labels of a key; no text of a server has it, and of a log line it is removed.
const SEPARATOR: char = '\0';
/// The label value of what had no room.
const OTHER: &str = "other";

/// The labels, counters and histograms of a collector, in its order.
#[derive(Debug)]
pub(super) struct Shape {
    columns: Vec<Item>,
    /// GAUGEs, which are 1 for each label set.
    infos: Vec<String>,
}

#[derive(Debug)]
struct Item {
    column: Column,
    /// Of a label: whether `other` keeps its value.
    is_kept: bool,
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.total_names() == other.total_names() && self.bounds() == other.bounds()
    }
}

impl Shape {
    pub fn new(collector: &Collector, version: Version) -> Self {
        let per = collector.top.as_ref().map_or(&[][..], |top| &top.per);
        let is_used = |column: &&Column| matches!(column.usage, Usage::Label | Usage::Counter | Usage::Histogram);
        let item = |column: &Column| Item { column: column.clone(), is_kept: per.contains(&column.name) };
        let columns = collector.columns_in(version).map(|(_, column)| column).filter(is_used);
        let infos =
            collector.columns_in(version).map(|(_, column)| column).filter(|column| column.usage == Usage::Gauge);
        Self { columns: columns.map(item).collect(), infos: infos.map(|column| column.name.clone()).collect() }
    }

    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().map(|item| &item.column)
    }

    fn of(&self, usage: Usage) -> impl Iterator<Item = &Column> {
        self.columns().filter(move |column| column.usage == usage)
    }

    fn labels(&self) -> impl Iterator<Item = &Item> {
        self.columns.iter().filter(|item| item.column.usage == Usage::Label)
    }

    /// Makes `key` the labels of a row as one text, as they are shown.
    pub fn write_key(&self, cells: &[Value<'_>], key: &mut String) -> Result<(), (DropReason, String)> {
        key.clear();
        let labels = self.columns().zip(cells).filter(|(column, _)| column.usage == Usage::Label);
        for (at, (column, cell)) in labels.enumerate() {
            let text = cell.label().map_err(|why| (why.into(), format!("label {} cannot be read", column.name)))?;
            if text.len() > LONGEST_LABEL {
                return Err((DropReason::Cap, format!("label {} is over {} KiB", column.name, LONGEST_LABEL >> 10)));
            }
            if at > 0 {
                key.push(SEPARATOR);
            }
            key.extend(column.shown(&text).chars().filter(|character| *character != SEPARATOR));
        }
        Ok(())
    }

    /// The labels of a key that `other` keeps, as one text.
    pub fn kept_key(&self, key: &str) -> String {
        let labels = self.labels().zip(labels_of(key)).filter(|(item, _)| item.is_kept);
        labels.map(|(_, value)| value).collect::<Vec<_>>().join("\0")
    }

    /// The labels of `other`.
    pub fn other_labels<'a>(&self, kept: &'a str) -> Vec<&'a str> {
        let mut kept = labels_of(kept);
        self.labels().map(|item| item.is_kept.then(|| kept.next()).flatten().unwrap_or(OTHER)).collect()
    }

    /// Makes `numbers` the counters of a row, then its observations; those of histograms are scaled.
    pub fn read_numbers(
        &self,
        cells: &[Value<'_>],
        numbers: &mut Vec<Option<f64>>,
    ) -> Result<(), (DropReason, String)> {
        numbers.clear();
        for usage in [Usage::Counter, Usage::Histogram] {
            for (column, cell) in self.columns().zip(cells).filter(|(column, _)| column.usage == usage) {
                let is_sound = |number: &f64| number.is_finite() && (usage == Usage::Histogram || *number >= 0.0);
                let number = match cell.number().map(|number| number.or(column.default)) {
                    Ok(None) => None,
                    Ok(Some(number)) if is_sound(&number) => Some(number),
                    Ok(Some(number)) => {
                        return Err((
                            DropReason::Unreadable,
                            format!("column {}: {number} cannot be added", column.name),
                        ));
                    }
                    Err(why) => return Err((why.into(), format!("column {}: {cell} is no number", column.name))),
                };
                let scale = if usage == Usage::Histogram { column.scale.unwrap_or(1.0) } else { 1.0 };
                numbers.push(number.map(|number| number * scale));
            }
        }
        Ok(())
    }

    pub fn no_totals(&self) -> Totals {
        let none = |column: &Column| HistogramTotals { counts: vec![0.0; column.buckets.len() + 1], sum: 0.0 };
        Totals {
            counters: vec![0.0; self.of(Usage::Counter).count()],
            histograms: self.of(Usage::Histogram).map(none).collect(),
        }
    }

    /// Whether these can be totals of its columns.
    pub fn has(&self, totals: &Totals) -> bool {
        let lengths = totals.histograms.iter().map(|histogram| histogram.counts.len());
        totals.counters.len() == self.of(Usage::Counter).count()
            && lengths.eq(self.of(Usage::Histogram).map(|column| column.buckets.len() + 1))
    }

    /// Adds the numbers of a row; returns whether something grew.
    pub fn add(&self, totals: &mut Totals, numbers: &[Option<f64>], weight: f64) -> bool {
        // Only in that it was seen.
        let mut has_grown = !self.infos.is_empty();
        let (counters, observations) = numbers.split_at(totals.counters.len().min(numbers.len()));
        for (total, number) in totals.counters.iter_mut().zip(counters) {
            let growth = number.unwrap_or_default() * weight;
            has_grown |= growth > 0.0;
            *total += growth;
        }
        let histograms = totals.histograms.iter_mut().zip(self.of(Usage::Histogram));
        for ((histogram, column), value) in histograms.zip(observations) {
            if let Some(value) = value {
                has_grown |= weight > 0.0;
                histogram.observe(*value, weight, &column.buckets);
            }
        }
        has_grown
    }

    /// The names of the cells of a row of totals.
    pub fn total_names(&self) -> Vec<String> {
        let names = |column: &Column| match column.usage {
            Usage::Histogram => column.total_cells().collect(),
            _ => vec![column.name.clone()],
        };
        self.columns().flat_map(names).chain(self.infos.iter().cloned()).collect()
    }

    /// The bounds of its histograms.
    pub fn bounds(&self) -> Vec<Vec<f64>> {
        self.of(Usage::Histogram).map(|column| column.buckets.clone()).collect()
    }

    /// A row of totals; `None` stands for 0.
    pub fn total_row<'a>(&self, labels: Vec<&'a str>, totals: Option<&Totals>) -> Vec<Value<'a>> {
        let (mut labels, zero) = (labels.into_iter(), self.no_totals());
        let totals = totals.unwrap_or(&zero);
        let (mut counters, mut histograms) = (totals.counters.iter(), totals.histograms.iter());
        let mut row = Vec::with_capacity(self.columns.len());
        for column in self.columns() {
            match column.usage {
                Usage::Label => row.push(Value::Text(labels.next().unwrap_or_default().into())),
                Usage::Counter => row.extend(counters.next().map(|total| Value::Float(*total))),
                _ => row.extend(histograms.next().into_iter().flat_map(|histogram| {
                    histogram.counts.iter().chain([&histogram.sum]).map(|number| Value::Float(*number))
                })),
            }
        }
        row.extend(self.infos.iter().map(|_| Value::Int(1)));
        row
    }
}

/// The labels of a key.
pub(super) fn labels_of(key: &str) -> impl Iterator<Item = &str> {
    key.split(SEPARATOR)
}
