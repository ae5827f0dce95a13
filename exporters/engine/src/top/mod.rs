//! The top N label sets of a result, and all others aggregated into one: 20,000 tables make a bounded page whose totals
//! stay right.
//!
//! A label set is exposed individually while it is among the top N by growth, and for a few results after that. All others
//! are summed into one with the label value `other`. Its counters begin as the sum of the others and then grow as they
//! grow: nothing moves into or out of it when a label set changes sides or disappears, since Prometheus would read a
//! counter that jumps or falls as work that never happened.

mod layout;
mod other;
mod standings;

use std::collections::{BTreeMap, BTreeSet};

use crate::collector::{Collector, Top};
use crate::error::SourceError;
use crate::exposition::DropReason;
use crate::facts::Version;
use crate::rows::{Row, RowSink, Rows, Value};
use layout::{Layout, SEPARATOR};
use other::{OtherSeries, growth};
use standings::{Rank, Standings};

/// What is remembered of the results of one collector in one database.
#[derive(Debug, Default)]
pub(crate) struct TopN {
    /// The columns of the last result: other ones, after an upgrade, are another beginning.
    columns: Vec<String>,
    result: u64,
    standings: Standings,
    /// The rest, by those of its labels that are kept.
    rest: BTreeMap<String, OtherSeries>,
}

/// What is to be told of a result, beside the rows that are shown.
#[derive(Debug, Default)]
pub(crate) struct Aggregated {
    /// How many rows are in the rest.
    pub others: usize,
    /// How many rows and cells could not be counted in, and an example of each kind.
    pub drops: BTreeMap<DropReason, (usize, String)>,
}

impl Aggregated {
    fn dropped(&mut self, why: DropReason, example: impl FnOnce() -> String) {
        self.drops.entry(why).or_insert_with(|| (0, example())).0 += 1;
    }
}

/// What a row of the result is.
enum Place {
    /// A label of it cannot be read.
    Unreadable,
    /// A row before it has the same labels.
    Duplicate,
    /// The first with the labels of this standing.
    First(usize),
}

impl TopN {
    /// Takes the next result and hands what is shown of it to `sink`: rows as they are, then one for each combination of
    /// those labels that the rest keeps.
    ///
    /// # Errors
    /// `shape` when a column that is needed is missing.
    pub fn aggregate(
        &mut self,
        collector: &Collector,
        top: &Top,
        version: Version,
        rows: &Rows,
        sink: &mut dyn RowSink,
    ) -> Result<Aggregated, SourceError> {
        let mut aggregated = Aggregated::default();
        if rows.is_empty() {
            *self = Self::default();
            return Ok(aggregated);
        }
        let layout = Layout::new(collector, top, version, &rows.columns)?;
        if self.columns != rows.columns {
            *self = Self { columns: rows.columns.clone(), ..Self::default() };
        }
        self.result += 1;
        let places = self.rank(&layout, rows, top.limit, &mut aggregated);
        sink.columns(&rows.columns.iter().map(String::as_str).collect::<Vec<_>>());
        self.split(&layout, rows, &places, &mut aggregated, sink);
        for rest in self.rest.values() {
            sink.row(&layout.other_row(rows.columns.len(), &rest.kept, &rest.counters, &rest.gauges));
        }
        Ok(aggregated)
    }

    /// The values of a label in the label sets that are shown; `at` is its place among the labels.
    pub fn shown(&self, at: usize) -> BTreeSet<String> {
        self.standings.shown().filter_map(|key| key.split(SEPARATOR).nth(at).map(str::to_owned)).collect()
    }

    /// Finds the standing of each row, and chooses which of them are shown.
    fn rank(&mut self, layout: &Layout, rows: &Rows, limit: usize, aggregated: &mut Aggregated) -> Vec<Place> {
        let mut places = Vec::with_capacity(rows.len());
        let mut ranking = Vec::with_capacity(rows.len());
        let mut key = String::new();
        for row in rows.iter() {
            if !layout.write_key(&row, &mut key) {
                places.push(Place::Unreadable);
                continue;
            }
            let at = self.standings.place(&key);
            let standing = &mut self.standings[at];
            if standing.result == self.result {
                aggregated.dropped(DropReason::Duplicate, || {
                    format!("two rows have the labels {}", key.replace(SEPARATOR, ", "))
                });
                places.push(Place::Duplicate);
                continue;
            }
            standing.result = self.result;
            let total = layout.counter(&row, layout.by).unwrap_or_default();
            let before = standing.before.get(layout.by).copied().unwrap_or(f64::NAN);
            // What a source has summed already goes into the rest: two rows would have the same labels.
            if !layout.is_other(&row) {
                ranking.push(Rank { growth: growth(before, total), total, at });
            }
            places.push(Place::First(at));
        }
        self.standings.retain(self.result);
        self.standings.choose(ranking, limit);
        places
    }

    /// Hands over the rows that are shown, and adds the others to the rest.
    fn split(
        &mut self,
        layout: &Layout,
        rows: &Rows,
        places: &[Place],
        aggregated: &mut Aggregated,
        sink: &mut dyn RowSink,
    ) {
        let mut cells = Vec::with_capacity(rows.columns.len());
        let mut now: Vec<f64> = Vec::new();
        for (row, place) in rows.iter().zip(places) {
            let at = match place {
                Place::Duplicate => continue,
                Place::Unreadable => None,
                Place::First(at) => Some(*at),
            };
            if let Some(at) = at {
                now.clear();
                now.extend((0..layout.counters.len()).map(|at| layout.counter(&row, at).unwrap_or(f64::NAN)));
                // From here on `now` has what the counters were before.
                std::mem::swap(&mut now, &mut self.standings[at].before);
                if !self.standings[at].is_shown() {
                    aggregated.others += 1;
                    for (why, value) in layout.unreadable(&row) {
                        aggregated.dropped(why, || format!("{value} is no number"));
                    }
                    self.add_to_rest(layout, &row, &now, at);
                    continue;
                }
            }
            // What is wrong with an unreadable row is told by the encoder.
            cells.clear();
            cells.extend(row.values());
            sink.row(&cells);
        }
        let result = self.result;
        self.rest.retain(|_, rest| rest.result == result);
    }

    fn add_to_rest(&mut self, layout: &Layout, row: &Row<'_>, before: &[f64], at: usize) {
        let rest = self.rest.entry(layout.kept_key(row)).or_default();
        if rest.result != self.result {
            rest.result = self.result;
            rest.kept = layout.kept(row).map(Value::into_owned).collect();
            rest.counters.resize(layout.counters.len(), None);
            rest.gauges = vec![None; layout.gauges.len()];
        }
        rest.add(layout, row, before, &self.standings[at].before);
    }
}

#[cfg(test)]
mod tests;
