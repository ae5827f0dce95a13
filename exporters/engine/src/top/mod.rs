//! The top N label sets of a result, and all others aggregated into one: 20,000 tables make a bounded page whose totals
//! stay right.
//!
//! A label set is exposed individually while it is among the top N by growth, and for a few results after that. All others
//! are summed into one with the label value `other`. Its counters begin as the sum of the others and then grow as they
//! grow: nothing moves into or out of it when a label set changes sides or disappears, since Prometheus would read a
//! counter that jumps or falls as work that never happened.

mod layout;
mod other;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::collector::{Collector, Top};
use crate::error::SourceError;
use crate::exposition::DropReason;
use crate::facts::Version;
use crate::rows::Rows;
use layout::{Layout, SEPARATOR};
use other::{OtherSeries, growth};

/// Results for which a label set may be out of the busiest before it gives its place to a busier one.
const RESULTS_OUT: u32 = 3;

/// What is remembered of the results of one collector in one database.
#[derive(Debug, Default)]
pub(crate) struct TopN {
    /// The columns of the last result: other ones, after an upgrade, are another beginning.
    columns: Vec<String>,
    result: u64,
    sets: HashMap<Arc<str>, Standing>,
    /// The rest, by those of its labels that are kept.
    rest: BTreeMap<String, OtherSeries>,
}

#[derive(Debug, Default)]
struct Standing {
    /// The last result that it was in.
    result: u64,
    /// Its counters then; NaN is none.
    before: Box<[f64]>,
    /// If it is shown: for how many results it has been out of the busiest.
    out: Option<u32>,
}

/// A result in which the rest is one row for each combination of the labels that are kept.
#[derive(Debug)]
pub(crate) struct Aggregated {
    pub rows: Rows,
    /// How many rows are in the rest.
    pub others: usize,
    /// Rows and cells that could not be counted in.
    pub drops: Vec<(DropReason, String)>,
}

impl TopN {
    /// Takes the next result.
    ///
    /// # Errors
    /// `shape` when a column that is needed is missing.
    pub fn aggregate(
        &mut self,
        collector: &Collector,
        top: &Top,
        version: Version,
        rows: Rows,
    ) -> Result<Aggregated, SourceError> {
        let mut drops = Vec::new();
        if rows.is_empty() {
            *self = Self::default();
            return Ok(Aggregated { rows, others: 0, drops });
        }
        let layout = Layout::new(collector, top, version, &rows.columns)?;
        if self.columns != rows.columns {
            *self = Self { columns: rows.columns.clone(), ..Self::default() };
        }
        self.result += 1;
        let ranking = self.rank(&layout, &rows, &mut drops);
        self.choose(ranking, top.limit);
        Ok(self.split(&layout, rows, drops))
    }

    /// The values of a label in the label sets that are shown; `at` is its place among the labels.
    pub fn shown(&self, at: usize) -> BTreeSet<String> {
        let shown = self.sets.iter().filter(|(_, standing)| standing.out.is_some());
        shown.filter_map(|(key, _)| key.split(SEPARATOR).nth(at).map(str::to_owned)).collect()
    }

    /// The label sets of a result, the busiest first.
    fn rank(&mut self, layout: &Layout, rows: &Rows, drops: &mut Vec<(DropReason, String)>) -> Vec<Arc<str>> {
        let mut ranking: Vec<(f64, f64, Arc<str>)> = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let Some(key) = layout.key(row) else { continue };
            let standing = self.sets.entry(key.clone()).or_default();
            if standing.result == self.result {
                drops.push((
                    DropReason::Duplicate,
                    format!("two rows have the labels {}", key.replace(SEPARATOR, ", ")),
                ));
                continue;
            }
            standing.result = self.result;
            let total = layout.counter(row, layout.by).unwrap_or_default();
            let before = standing.before.get(layout.by).copied().unwrap_or(f64::NAN);
            ranking.push((growth(before, total), total, key));
        }
        let result = self.result;
        self.sets.retain(|_, standing| standing.result == result);
        ranking.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then_with(|| a.2.cmp(&b.2)));
        ranking.into_iter().map(|(_, _, key)| key).collect()
    }

    /// Chooses what is exposed individually: what was before, and the top of the ranking as far as there is room.
    fn choose(&mut self, ranking: Vec<Arc<str>>, limit: usize) {
        let mut shown = 0;
        let mut overdue = Vec::new();
        for (at, key) in ranking.iter().enumerate() {
            let Some(out) = self.sets.get_mut(key).and_then(|standing| standing.out.as_mut()) else { continue };
            *out = if at < limit { 0 } else { *out + 1 };
            shown += 1;
            if *out >= RESULTS_OUT {
                overdue.push(key);
            }
        }
        for key in &ranking[..limit.min(ranking.len())] {
            if self.is_shown(key) {
                continue;
            }
            if shown < limit {
                shown += 1;
            } else if let Some(least) = overdue.pop() {
                self.show(least, None);
            } else {
                return;
            }
            self.show(key, Some(0));
        }
    }

    fn is_shown(&self, key: &str) -> bool {
        self.sets.get(key).is_some_and(|standing| standing.out.is_some())
    }

    fn show(&mut self, key: &str, out: Option<u32>) {
        if let Some(standing) = self.sets.get_mut(key) {
            standing.out = out;
        }
    }

    /// The rows that are shown as they are, then the rest.
    fn split(&mut self, layout: &Layout, rows: Rows, mut drops: Vec<(DropReason, String)>) -> Aggregated {
        let mut cells = Vec::new();
        let mut others = 0;
        let mut done = BTreeSet::new();
        for row in rows.iter() {
            let Some(key) = layout.key(row) else {
                // The encoder tells what is wrong with it.
                cells.extend_from_slice(row);
                continue;
            };
            if !done.insert(key.clone()) {
                continue;
            }
            let Some(standing) = self.sets.get_mut(&key) else { continue };
            let now: Box<[f64]> =
                (0..layout.counters.len()).map(|at| layout.counter(row, at).unwrap_or(f64::NAN)).collect();
            let before = std::mem::replace(&mut standing.before, now);
            if standing.out.is_some() {
                cells.extend_from_slice(row);
                continue;
            }
            others += 1;
            let rest = self.rest.entry(layout.kept_key(row)).or_default();
            if rest.result != self.result {
                rest.result = self.result;
                rest.kept = layout.kept(row).cloned().collect();
                rest.counters.resize(layout.counters.len(), None);
                rest.gauges = vec![None; layout.gauges.len()];
            }
            rest.add(layout, row, &before, &standing.before);
            drops.extend(layout.unreadable(row));
        }
        let result = self.result;
        self.rest.retain(|_, rest| rest.result == result);
        for rest in self.rest.values() {
            cells.extend(layout.other_row(rows.columns.len(), &rest.kept, &rest.counters, &rest.gauges));
        }
        Aggregated { rows: Rows { cells, ..rows }, others, drops }
    }
}

#[cfg(test)]
mod tests;
