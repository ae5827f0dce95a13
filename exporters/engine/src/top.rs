//! The busiest label sets of a result, and the rest as one: 20,000 tables make a bounded page whose totals stay right.
//!
//! A label set is shown by itself while it is among the busiest by growth, and for a few results after that. All others
//! are summed into one whose labels say `other`. Its counters begin as the sum of the rest and then grow as the rest
//! grows: nothing moves into it or out of it when a label set changes sides or is gone, since a counter that jumps or
//! falls would be read as a burst of work that never was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::collector::{Collector, Fold, Top, Usage};
use crate::error::SourceError;
use crate::exposition::Drop;
use crate::facts::Version;
use crate::rows::{Rows, Value};

/// The value of the labels that tell the rest apart from nothing.
const OTHER: &str = "other";
/// Results for which a label set may be out of the busiest before it gives its place to a busier one.
const RESULTS_OUT: u32 = 3;
/// Between the labels of a key; no text of a server has it.
const SEPARATOR: char = '\0';

/// What is remembered of the results of one collector in one database.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    /// The columns of the last result: other ones, after an upgrade, are another beginning.
    columns: Vec<String>,
    result: u64,
    sets: HashMap<Arc<str>, Standing>,
    /// The rest, by those of its labels that are kept.
    rest: BTreeMap<String, Rest>,
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

#[derive(Debug, Default)]
struct Rest {
    result: u64,
    kept: Vec<Value>,
    counters: Vec<Option<f64>>,
    gauges: Vec<Option<f64>>,
}

/// A result in which the rest is one row for each combination of the labels that are kept.
#[derive(Debug)]
pub(crate) struct Folded {
    pub rows: Rows,
    /// How many rows are in the rest.
    pub others: usize,
    /// Rows and cells that could not be counted in.
    pub drops: Vec<(Drop, String)>,
}

impl Standings {
    /// Takes the next result.
    ///
    /// # Errors
    /// `shape` when a column that is needed is missing.
    pub fn fold(
        &mut self,
        collector: &Collector,
        top: &Top,
        version: Version,
        rows: Rows,
    ) -> Result<Folded, SourceError> {
        let mut drops = Vec::new();
        if rows.is_empty() {
            *self = Self::default();
            return Ok(Folded { rows, others: 0, drops });
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
    fn rank(&mut self, layout: &Layout, rows: &Rows, drops: &mut Vec<(Drop, String)>) -> Vec<Arc<str>> {
        let mut ranking: Vec<(f64, f64, Arc<str>)> = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let Some(key) = layout.key(row) else { continue };
            let standing = self.sets.entry(key.clone()).or_default();
            if standing.result == self.result {
                drops.push((Drop::Duplicate, format!("two rows have the labels {}", key.replace(SEPARATOR, ", "))));
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

    /// Who of the ranking is shown: whoever was, and the busiest for whom there is a place.
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
    fn split(&mut self, layout: &Layout, rows: Rows, mut drops: Vec<(Drop, String)>) -> Folded {
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
            cells.extend(layout.other_row(rows.columns.len(), rest));
        }
        Folded { rows: Rows { cells, ..rows }, others, drops }
    }
}

impl Rest {
    fn add(&mut self, layout: &Layout, row: &[Value], before: &[f64], now: &[f64]) {
        for (at, (sum, now)) in self.counters.iter_mut().zip(now).enumerate() {
            if !now.is_nan() {
                *sum.get_or_insert_default() += growth(before.get(at).copied().unwrap_or(f64::NAN), *now);
            }
        }
        for (sum, metric) in self.gauges.iter_mut().zip(&layout.gauges) {
            if let Some(value) = metric.number(row) {
                *sum = Some(match (*sum, metric.fold) {
                    (None, _) => value,
                    (Some(sum), Fold::Sum) => sum + value,
                    (Some(sum), Fold::Max) => sum.max(value),
                    (Some(sum), Fold::Min) => sum.min(value),
                });
            }
        }
    }
}

/// What a counter has grown by; one that fell has been reset and counts anew.
fn growth(before: f64, now: f64) -> f64 {
    if now >= before { now - before } else { now }
}

/// Where the cells of a row are.
struct Layout {
    /// In the collector's order; whether the rest keeps its value.
    labels: Vec<(usize, bool)>,
    counters: Vec<Metric>,
    gauges: Vec<Metric>,
    /// The counter that ranks.
    by: usize,
}

struct Metric {
    cell: usize,
    default: Option<f64>,
    fold: Fold,
}

impl Metric {
    fn number(&self, row: &[Value]) -> Option<f64> {
        row[self.cell].number().unwrap_or(None).or(self.default)
    }
}

impl Layout {
    fn new(collector: &Collector, top: &Top, version: Version, names: &[String]) -> Result<Self, SourceError> {
        let mut layout = Self { labels: Vec::new(), counters: Vec::new(), gauges: Vec::new(), by: usize::MAX };
        let missing = |name: &str| {
            SourceError::new("shape", format!("column {name} is missing from the result of {}", collector.key))
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
    fn key(&self, row: &[Value]) -> Option<Arc<str>> {
        joined(self.labels.iter().map(|(cell, _)| &row[*cell])).map(Arc::from)
    }

    fn kept<'a>(&'a self, row: &'a [Value]) -> impl Iterator<Item = &'a Value> {
        self.labels.iter().filter(|(_, kept)| *kept).map(|(cell, _)| &row[*cell])
    }

    fn kept_key(&self, row: &[Value]) -> String {
        // What cannot be read has no key and does not come here.
        joined(self.kept(row)).unwrap_or_default()
    }

    fn counter(&self, row: &[Value], at: usize) -> Option<f64> {
        self.counters[at].number(row)
    }

    /// The cells of a row that are no numbers and so are not in the rest.
    fn unreadable(&self, row: &[Value]) -> impl Iterator<Item = (Drop, String)> {
        let metrics = self.counters.iter().chain(&self.gauges);
        metrics.filter_map(|metric| {
            let why = row[metric.cell].number().err()?;
            Some((why.into(), format!("{:?} is no number", row[metric.cell])))
        })
    }

    fn other_row(&self, width: usize, rest: &Rest) -> Vec<Value> {
        let mut row = vec![Value::Null; width];
        let mut kept = rest.kept.iter();
        for (cell, is_kept) in &self.labels {
            row[*cell] = is_kept.then(|| kept.next().cloned()).flatten().unwrap_or_else(|| Value::Text(OTHER.into()));
        }
        let metrics = self.counters.iter().zip(&rest.counters).chain(self.gauges.iter().zip(&rest.gauges));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Tiers;

    const COLUMNS: &str = "
    - datname: { usage: LABEL }
    - query: { usage: LABEL }
    - calls: { usage: COUNTER }
    - rows: { usage: COUNTER }
    - dead: { usage: GAUGE, other: sum }
    - age: { usage: GAUGE, other: max }
    - kind: { usage: GAUGE }
";

    fn collector(limit: usize, per: &str) -> Collector {
        let text = format!("x:\n  query: x\n  top: {{ by: calls, limit: {limit}, per: [{per}] }}\n  metrics:{COLUMNS}");
        let (mut collectors, faults) = crate::collector::read_file("test.yml", &text, &Tiers::default());
        assert!(faults.errors.is_empty(), "{:?}", faults.errors);
        collectors.remove(0)
    }

    /// Rows of calls by query; ten rows for each call, one dead row, the age 7 and the kind 1.
    fn rows(calls: &[(&str, i64)]) -> Rows {
        let columns = ["datname", "query", "calls", "rows", "dead", "age", "kind"].map(str::to_owned).to_vec();
        let row = |&(query, calls): &(&str, i64)| {
            let text = |text: &str| Value::Text(text.into());
            let [dead, age, kind] = [1, 7, 1].map(Value::Int);
            [text("app"), text(query), Value::Int(calls), Value::Int(calls * 10), dead, age, kind]
        };
        Rows { columns, cells: calls.iter().flat_map(row).collect(), ..Rows::default() }
    }

    /// What is shown of a result: query, calls, rows.
    fn shown(standings: &mut Standings, collector: &Collector, calls: &[(&str, i64)]) -> Vec<(String, f64, f64)> {
        let top = collector.top.as_ref().unwrap();
        let folded = standings.fold(collector, top, Version(180_000), rows(calls)).unwrap();
        assert!(folded.drops.is_empty(), "{:?}", folded.drops);
        let number = |cell: &Value| cell.number().unwrap().unwrap();
        folded.rows.iter().map(|row| (row[1].label().unwrap().into(), number(&row[2]), number(&row[3]))).collect()
    }

    fn names(shown: &[(String, f64, f64)]) -> Vec<&str> {
        shown.iter().map(|(query, ..)| query.as_str()).collect()
    }

    #[test]
    fn the_busiest_are_shown_and_the_rest_is_one_row_that_sums() {
        let (collector, mut standings) = (collector(2, "datname"), Standings::default());
        let top = collector.top.clone().unwrap();
        let result = rows(&[("a", 5), ("b", 100), ("c", 3), ("d", 50)]);
        let folded = standings.fold(&collector, &top, Version(180_000), result).unwrap();
        let rest = folded.rows.iter().last().unwrap();
        assert_eq!((folded.rows.len(), folded.others), (3, 2));
        let (app, other) = (Value::Text("app".into()), Value::Text("other".into()));
        let [calls, rows, dead, age] = [8.0, 80.0, 2.0, 7.0].map(Value::Float);
        assert_eq!(rest, [app, other, calls, rows, dead, age, Value::Null]);
        assert_eq!(standings.shown(1), BTreeSet::from(["b".to_owned(), "d".to_owned()]));
    }

    #[test]
    fn a_label_that_is_not_kept_is_other_too() {
        let (collector, mut standings) = (collector(1, ""), Standings::default());
        let top = collector.top.clone().unwrap();
        let folded = standings.fold(&collector, &top, Version(180_000), rows(&[("a", 5), ("b", 1)])).unwrap();
        assert_eq!(folded.rows.iter().last().unwrap()[0], Value::Text("other".into()));
    }

    #[test]
    fn growth_ranks_and_a_member_stays_for_a_while() {
        let (collector, mut standings) = (collector(2, "datname"), Standings::default());
        let mut show = |calls: &[(&str, i64)]| shown(&mut standings, &collector, calls);
        assert_eq!(names(&show(&[("a", 900), ("b", 800), ("c", 1), ("d", 1)])), ["a", "b", "other"]);
        // "c" and "d" are the busiest from now on.
        for result in 1..=2 {
            let now = 1 + 10 * result;
            assert_eq!(names(&show(&[("a", 900), ("b", 801), ("c", now), ("d", now)])), ["a", "b", "other"]);
        }
        assert_eq!(names(&show(&[("a", 900), ("b", 802), ("c", 40), ("d", 35)])), ["c", "d", "other"]);
        // Nothing happens: nobody moves.
        assert_eq!(names(&show(&[("a", 900), ("b", 802), ("c", 40), ("d", 35)])), ["c", "d", "other"]);
    }

    #[test]
    fn the_rest_grows_by_what_the_rest_does_and_never_falls() {
        let (collector, mut standings) = (collector(1, "datname"), Standings::default());
        let mut other = |calls: &[(&str, i64)]| {
            let page = shown(&mut standings, &collector, calls);
            page.into_iter().find(|(query, ..)| query == "other").map(|(_, calls, rows)| (calls, rows))
        };
        assert_eq!(other(&[("a", 100), ("b", 20), ("c", 10)]), Some((30.0, 300.0)));
        assert_eq!(other(&[("a", 101), ("b", 25), ("c", 10)]), Some((35.0, 350.0)));
        // "c" is gone, "d" is new, "b" was reset.
        assert_eq!(other(&[("a", 101), ("b", 4), ("d", 3)]), Some((42.0, 420.0)));
        // "b" takes the place of "a": what it had stays, what "a" had does not come.
        assert_eq!(other(&[("a", 101), ("b", 50), ("d", 3)]), Some((42.0, 420.0)));
        assert_eq!(other(&[("a", 103), ("b", 60), ("d", 3)]), Some((44.0, 440.0)));
        // Nobody is in the rest.
        assert_eq!(other(&[("b", 61)]), None);
        assert_eq!(other(&[("b", 62), ("e", 5)]), Some((5.0, 50.0)));
    }

    #[test]
    fn growth_of_the_page_is_growth_of_the_view() {
        let (collector, mut standings) = (collector(3, "datname"), Standings::default());
        let queries: Vec<String> = (0..20).map(|n| format!("q{n}")).collect();
        let mut calls = [0; 20];
        let mut before: Option<(f64, HashMap<String, f64>)> = None;
        for result in 0..200 {
            // A load that wanders over the queries.
            for step in 0..7 {
                calls[(result / 5 + step * step) % 20] += 1 + step as i64;
            }
            let view: Vec<(&str, i64)> = queries.iter().map(String::as_str).zip(calls).collect();
            let page = shown(&mut standings, &collector, &view);
            assert!(page.len() <= 4, "{page:?}");
            let total: i64 = calls.iter().sum();
            // As rate() sees it: a series that was not there before tells no growth.
            let now: HashMap<String, f64> = page.into_iter().map(|(query, calls, _)| (query, calls)).collect();
            if let Some((total_before, page_before)) = &before {
                let grown: f64 = now.iter().filter_map(|(query, now)| Some(now - page_before.get(query)?)).sum();
                let missed: f64 =
                    now.keys().filter(|query| !page_before.contains_key(*query)).count() as f64 * 7.0 * 7.0;
                let wanted = total as f64 - total_before;
                assert!(grown <= wanted && grown >= wanted - missed, "{result}: {grown} of {wanted}");
            }
            before = Some((total as f64, now));
        }
    }

    #[test]
    fn what_cannot_be_counted_in_is_told() {
        let (collector, mut standings) = (collector(1, ""), Standings::default());
        let mut result = rows(&[("a", 5), ("b", 1), ("c", 1), ("c", 1)]);
        result.cells[7 + 3] = Value::Text("many".into());
        let folded = standings.fold(&collector, collector.top.as_ref().unwrap(), Version(180_000), result).unwrap();
        let told: Vec<_> = folded.drops.iter().map(|(why, _)| *why).collect();
        assert_eq!(told, [Drop::Duplicate, Drop::Unreadable]);
        let gone = Rows { columns: vec!["query".into()], cells: vec![Value::Null], ..Rows::default() };
        let missing = standings.fold(&collector, collector.top.as_ref().unwrap(), Version(180_000), gone);
        assert_eq!(missing.unwrap_err().reason, "shape");
    }
}
