//! Collectors whose results are summed up in the exporter instead of fetched by a scrape: rows of samples, or lines of a
//! log.
//!
//! Each label set has one total for each COUNTER and one histogram for each HISTOGRAM. Memory is bounded: above the budget
//! of label sets, observations go to the label set `other`, which only grows. Nothing moves between label sets, since
//! Prometheus would read a counter that jumps or falls as work that never happened.

mod accumulation;
mod shape;
mod totals;

use std::collections::BTreeMap;
use std::time::Duration;

use hashbrown::HashMap;
use reason::Reason;
use tokio::time::Instant;

use self::shape::Shape;
use self::totals::Totals;
use crate::collector::Collector;
use crate::error::SourceError;
use crate::exposition::DropReason;
use crate::facts::Version;
use crate::rows::{Row, RowSink, Rows, Value};

pub(crate) use self::accumulation::Accumulation;
pub(crate) use self::totals::SavedTotals;

/// The most label sets of a collector that does not say.
const DEFAULT_BUDGET: usize = 1000;
/// With a `top`, so many times its limit: enough to know which are the busiest.
const TOP_BUDGET: usize = 8;
/// Where there is no room for a new label set, those are forgotten that have not grown for this long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// How often they are searched for.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// What could not be added: how much of it, and an example of each kind.
pub(crate) type Drops = BTreeMap<DropReason, (usize, String)>;

/// The totals of one collector.
#[derive(Debug)]
pub(crate) struct Accumulator {
    shape: Shape,
    budget: usize,
    /// By labels as one text.
    series: HashMap<String, Series>,
    /// What had no room, by those labels that `other` keeps.
    others: BTreeMap<String, Series>,
    overflowed: u64,
    drops: Drops,
    forgot_at: Option<Instant>,
    /// The labels and numbers of the row at hand.
    key: String,
    numbers: Vec<Option<f64>>,
}

/// One label set.
#[derive(Debug)]
struct Series {
    totals: Totals,
    /// When it grew for the last time.
    grown_at: Instant,
    /// The scrape that showed it first. Until all scrapers have seen it, it is 0, so that functions such as `increase`
    /// see its first observations.
    first_shown: Option<u64>,
}

/// How far scrapes have come, by their numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// The one that is made now.
    pub scrape: u64,
    /// All scrapers have seen the results of this one, or of a later one.
    pub to_all: u64,
}

impl Accumulator {
    /// No totals yet, of a collector on a server, or with an extension, of that version.
    pub fn new(collector: &Collector, version: Version) -> Self {
        let of_top = collector.top.as_ref().map(|top| top.limit.saturating_mul(TOP_BUDGET));
        Self {
            shape: Shape::new(collector, version),
            budget: of_top.or(collector.max_series).unwrap_or(DEFAULT_BUDGET),
            series: HashMap::new(),
            others: BTreeMap::new(),
            overflowed: 0,
            drops: Drops::new(),
            forgot_at: None,
            key: String::new(),
            numbers: Vec::new(),
        }
    }

    /// Whether it has the columns of this collector in that version; else its totals mean something else.
    pub fn fits(&self, collector: &Collector, version: Version) -> bool {
        self.shape == Shape::new(collector, version)
    }

    /// The columns that a row has, in their order: labels, counters and histograms as the collector lists them.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.shape.columns().map(|column| column.name.as_str())
    }

    /// Adds a row, its cells in the order of [`Accumulator::columns`]: COUNTER values times `weight` to the totals, and
    /// each HISTOGRAM value `weight` times to its histogram. NULL adds the column's default, or nothing; a row of nothing else
    /// makes no label set.
    ///
    /// A row whose labels or numbers cannot be read, and a number below 0, add nothing and are counted.
    pub fn add(&mut self, cells: &[Value<'_>], weight: f64, now: Instant) {
        if let Err((why, example)) = self.try_add(cells, weight, now) {
            self.drops.entry(why).or_insert_with(|| (0, example)).0 += 1;
        }
    }

    /// Adds the rows of a query, each with the same weight; its columns are found by their names.
    ///
    /// # Errors
    /// `shape` when a column is missing from the result; then nothing is added.
    pub fn add_rows(&mut self, rows: &Rows, weight: f64, now: Instant) -> Result<(), SourceError> {
        if rows.is_empty() {
            return Ok(());
        }
        let cell = |column: &str| {
            let missing = || SourceError::new(Reason::Shape, format!("column {column} is missing from the result"));
            rows.columns.iter().rposition(|name| *name == column).ok_or_else(missing)
        };
        let cells = self.columns().map(cell).collect::<Result<Vec<usize>, SourceError>>()?;
        for row in rows.iter() {
            let row: Vec<Value<'_>> = cells.iter().map(|cell| Row::get(&row, *cell)).collect();
            self.add(&row, weight, now);
        }
        Ok(())
    }

    fn try_add(&mut self, cells: &[Value<'_>], weight: f64, now: Instant) -> Result<(), (DropReason, String)> {
        self.shape.write_key(cells, &mut self.key)?;
        self.shape.read_numbers(cells, &mut self.numbers)?;
        if self.numbers.iter().all(Option::is_none) {
            return Ok(());
        }
        let has_room = self.series.contains_key(&*self.key) || self.make_room(now);
        let new = || Series { totals: self.shape.no_totals(), grown_at: now, first_shown: None };
        let series = if has_room {
            self.series.entry_ref(&*self.key).or_insert_with(new)
        } else {
            self.overflowed += 1;
            self.others.entry(self.shape.kept_key(&self.key)).or_insert_with(new)
        };
        if self.shape.add(&mut series.totals, &self.numbers, weight) {
            series.grown_at = now;
        }
        Ok(())
    }

    /// Whether another label set may come in, after those were forgotten that have not grown for long.
    fn make_room(&mut self, now: Instant) -> bool {
        let has_searched = self.forgot_at.is_some_and(|at| now < at + FORGET_INTERVAL);
        if self.series.len() >= self.budget && !has_searched {
            self.forgot_at = Some(now);
            self.series.retain(|_, series| now < series.grown_at + FORGOTTEN_AFTER);
        }
        self.series.len() < self.budget
    }

    /// How many observations went to `other` for lack of room.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// What could not be added since the last call.
    pub fn take_drops(&mut self) -> Drops {
        std::mem::take(&mut self.drops)
    }

    /// Hands all totals to `sink`, a row for each label set and for each `other`. A histogram has several cells
    /// ([`crate::collector::Column::total_cells`]).
    pub fn feed(&mut self, sink: &mut dyn RowSink, shown: Shown) {
        if self.series.is_empty() && self.others.is_empty() {
            return;
        }
        let names = self.shape.total_names();
        sink.columns(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut sorted: Vec<_> = self.series.iter_mut().collect();
        sorted.sort_unstable_by_key(|(one, _)| *one);
        for (key, series) in sorted {
            let labels = shape::labels_of(key).collect();
            sink.row(&self.shape.total_row(labels, series.show(shown)));
        }
        for (kept, series) in &mut self.others {
            sink.row(&self.shape.total_row(self.shape.other_labels(kept), series.show(shown)));
        }
    }

    /// The totals, to be written to a file.
    pub fn save(&self) -> SavedTotals {
        let of = |(key, series): (&String, &Series)| (key.clone(), series.totals.clone());
        SavedTotals {
            shape: self.shape.total_names(),
            bounds: self.shape.bounds(),
            series: self.series.iter().map(of).collect(),
            others: self.others.iter().map(of).collect(),
        }
    }

    /// Takes over totals that were saved. Returns whether they were of the same columns; else nothing is taken.
    pub fn restore(&mut self, saved: SavedTotals, now: Instant) -> bool {
        if saved.shape != self.shape.total_names() || saved.bounds != self.shape.bounds() {
            return false;
        }
        let fits = |totals: &Totals| self.shape.has(totals);
        // What was saved was shown, or will be.
        let of = |(key, totals): (String, Totals)| (key, Series { totals, grown_at: now, first_shown: Some(0) });
        self.series = saved.series.into_iter().filter(|(_, totals)| fits(totals)).map(of).collect();
        self.others = saved.others.into_iter().filter(|(_, totals)| fits(totals)).map(of).collect();
        true
    }
}

impl Series {
    /// Its totals as they are exposed; `None` stands for 0.
    fn show(&mut self, shown: Shown) -> Option<&Totals> {
        (*self.first_shown.get_or_insert(shown.scrape) <= shown.to_all).then_some(&self.totals)
    }
}

#[cfg(test)]
mod tests;
