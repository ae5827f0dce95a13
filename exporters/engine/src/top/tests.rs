//! Results in, what is shown out.

use std::borrow::Cow;
use std::collections::HashMap;

use super::*;
use crate::tiers::Tiers;

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
    let crate::collector::CollectorFile { mut collectors, told: faults, .. } =
        crate::collector::read_file("test.yml", &text, &Tiers::default(), &crate::collector::no_sql_file);
    assert!(faults.errors.is_empty(), "{:?}", faults.errors);
    collectors.remove(0)
}

/// Rows of calls by query; ten rows for each call, one dead row, the age 7 and the kind 1.
fn rows(calls: &[(&str, i64)]) -> Rows {
    let columns = ["datname", "query", "calls", "rows", "dead", "age", "kind"].map(str::to_owned).to_vec();
    let mut rows = Rows::default();
    rows.table(&columns, &calls.iter().flat_map(|(query, calls)| row(query, *calls)).collect::<Vec<_>>());
    rows
}

fn row(query: &str, calls: i64) -> [Value<'_>; 7] {
    let text = |text| Value::Text(Cow::Borrowed(text));
    let [dead, age, kind] = [1, 7, 1].map(Value::Int);
    [text("app"), text(query), Value::Int(calls), Value::Int(calls * 10), dead, age, kind]
}

/// The rows that are shown of a result, and what is told of it.
fn aggregate(top_n: &mut TopN, collector: &Collector, rows: &Rows) -> Result<(Rows, Aggregated), SourceError> {
    let (top, mut shown) = (collector.top.as_ref().unwrap(), Rows::default());
    let aggregated = top_n.aggregate(collector, top, Version(180_000), rows, &mut shown)?;
    Ok((shown, aggregated))
}

/// What is shown of a result: query, calls, rows.
fn shown(top_n: &mut TopN, collector: &Collector, calls: &[(&str, i64)]) -> Vec<(String, f64, f64)> {
    let (rows, aggregated) = aggregate(top_n, collector, &rows(calls)).unwrap();
    assert!(aggregated.drops.is_empty(), "{:?}", aggregated.drops);
    let number = |cell: Value| cell.number().unwrap().unwrap();
    let shown = |row: Row<'_>| (row.get(1).label().unwrap().into_owned(), number(row.get(2)), number(row.get(3)));
    rows.iter().map(shown).collect()
}

fn names(shown: &[(String, f64, f64)]) -> Vec<&str> {
    shown.iter().map(|(query, ..)| query.as_str()).collect()
}

#[test]
fn the_busiest_are_shown_and_the_rest_is_one_row_that_sums() {
    let (collector, mut top_n) = (collector(2, "datname"), TopN::default());
    let result = rows(&[("a", 5), ("b", 100), ("c", 3), ("d", 50)]);
    let (shown, aggregated) = aggregate(&mut top_n, &collector, &result).unwrap();
    let rest: Vec<Value> = shown.iter().last().unwrap().values().collect();
    assert_eq!((shown.len(), aggregated.others), (3, 2));
    let (app, other) = (Value::Text("app".into()), Value::Text("other".into()));
    let [calls, rows, dead, age] = [8.0, 80.0, 2.0, 7.0].map(Value::Float);
    assert_eq!(rest, [app, other, calls, rows, dead, age, Value::Null]);
    assert_eq!(top_n.shown(1), BTreeSet::from(["b".to_owned(), "d".to_owned()]));
}

#[test]
fn a_label_that_is_not_kept_is_other_too() {
    let (collector, mut top_n) = (collector(1, ""), TopN::default());
    let (shown, _) = aggregate(&mut top_n, &collector, &rows(&[("a", 5), ("b", 1)])).unwrap();
    assert_eq!(shown.iter().last().unwrap().get(0), Value::Text("other".into()));
}

#[test]
fn growth_ranks_and_a_member_stays_for_a_while() {
    let (collector, mut top_n) = (collector(2, "datname"), TopN::default());
    let mut show = |calls: &[(&str, i64)]| shown(&mut top_n, &collector, calls);
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
    let (collector, mut top_n) = (collector(1, "datname"), TopN::default());
    let mut other = |calls: &[(&str, i64)]| {
        let page = shown(&mut top_n, &collector, calls);
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
    let (collector, mut top_n) = (collector(3, "datname"), TopN::default());
    let queries: Vec<String> = (0..20).map(|n| format!("q{n}")).collect();
    let mut calls = [0; 20];
    let mut before: Option<(f64, HashMap<String, f64>)> = None;
    for result in 0..200 {
        // A load that wanders over the queries.
        for step in 0..7 {
            calls[(result / 5 + step * step) % 20] += 1 + step as i64;
        }
        let view: Vec<(&str, i64)> = queries.iter().map(String::as_str).zip(calls).collect();
        let page = shown(&mut top_n, &collector, &view);
        assert!(page.len() <= 4, "{page:?}");
        let total: i64 = calls.iter().sum();
        // As rate() sees it: a series that was not there before tells no growth.
        let now: HashMap<String, f64> = page.into_iter().map(|(query, calls, _)| (query, calls)).collect();
        if let Some((total_before, page_before)) = &before {
            let grown: f64 = now.iter().filter_map(|(query, now)| Some(now - page_before.get(query)?)).sum();
            let missed: f64 = now.keys().filter(|query| !page_before.contains_key(*query)).count() as f64 * 7.0 * 7.0;
            let wanted = total as f64 - total_before;
            assert!(grown <= wanted && grown >= wanted - missed, "{result}: {grown} of {wanted}");
        }
        before = Some((total as f64, now));
    }
}

#[test]
fn what_cannot_be_counted_in_is_told() {
    let (collector, mut top_n) = (collector(1, ""), TopN::default());
    let mut result = rows(&[("a", 5), ("c", 1), ("c", 1)]);
    let mut unreadable = row("b", 1);
    unreadable[3] = Value::Text("many".into());
    result.row(&unreadable);
    let (_, aggregated) = aggregate(&mut top_n, &collector, &result).unwrap();
    let told: Vec<_> = aggregated.drops.keys().copied().collect();
    assert_eq!(told, [DropReason::Duplicate, DropReason::Unreadable]);
    let mut gone = Rows::default();
    gone.table(&["query".to_owned()], &[Value::Null]);
    let missing = aggregate(&mut top_n, &collector, &gone);
    assert_eq!(missing.unwrap_err().reason, reason::Reason::Shape);
}
