//! Rows in, totals out.

use std::sync::Arc;

use super::*;
use crate::catalog::{Catalog, EmbeddedFolder, Origin};
use crate::collector::Top;
use crate::exposition::{EncodedResult, Encoder, Encoding};
use crate::tiers::Tiers;
use crate::top::TopN;

const FIRST: Shown = Shown { scrape: 1, to_all: 0 };
const LATER: Shown = Shown { scrape: 2, to_all: 1 };
const COUNTER: &str = "- seconds: { usage: COUNTER, rename: seconds_total }";
const HISTOGRAM: &str = "- ms: { usage: HISTOGRAM, rename: wait_seconds, scale: 0.001, bucket: [0.1, 1] }";

/// A collector with the labels `datname` and `state`. A histogram cannot be sampled, but what accumulates it is the same.
fn catalog(keys: &str, metrics: &[&str]) -> Catalog {
    let labels = "- datname: { usage: LABEL }\n    - state: { usage: LABEL }";
    let columns = [&[labels, COUNTER], metrics].concat().join("\n    ");
    let text = format!("x:\n  query: x\n  {keys}\n  metrics:\n    {columns}\n");
    let folder = EmbeddedFolder { name: "test", files: vec![("test.yml".to_owned(), text)] };
    Catalog::load(&Origin::Embedded(folder), &Tiers::default(), &[]).unwrap()
}

fn sampled(keys: &str) -> Catalog {
    catalog(&format!("sample: 1\n  tags: [cluster]\n  {keys}"), &[])
}

fn row(datname: &str, state: &str, seconds: f64) -> [Value<'static>; 3] {
    [Value::Text(datname.to_owned().into()), Value::Text(state.to_owned().into()), Value::Float(seconds)]
}

fn lines(catalog: &Catalog, accumulator: &mut Accumulator) -> Vec<String> {
    lines_in(catalog, accumulator, LATER)
}

fn lines_in(catalog: &Catalog, accumulator: &mut Accumulator, scrape: Shown) -> Vec<String> {
    let mut encoder = Encoder::new(Encoding {
        catalog,
        collector: 0,
        version: Version(180_000),
        database: "",
        constant_labels: &[],
        most_bytes: 1 << 20,
        before: None,
    });
    accumulator.feed(&mut encoder, scrape);
    let result: Arc<EncodedResult> = Arc::new(encoder.finish(Duration::ZERO).unwrap());
    assert!(result.drops.is_empty(), "{:?}", result.drops);
    result.lines_of_test()
}

fn accumulator(catalog: &Catalog) -> Accumulator {
    Accumulator::new(&catalog.collectors[0], Version(180_000))
}

/// Shows every label set once, as 0.
fn begin(accumulator: &mut Accumulator) {
    accumulator.feed(&mut Rows::default(), FIRST);
}

#[test]
fn counts_are_multiplied_and_summed() {
    let catalog = sampled("");
    let mut totals = accumulator(&catalog);
    let now = Instant::now();
    totals.add(&row("app", "active", 2.0), 1.5, now);
    totals.add(&row("app", "active", 1.0), 2.0, now);
    totals.add(&row("app", "idle", 0.0), 2.0, now);
    begin(&mut totals);
    assert_eq!(
        lines(&catalog, &mut totals),
        ["x_seconds_total{datname=\"app\",state=\"active\"} 5", "x_seconds_total{datname=\"app\",state=\"idle\"} 0"]
    );
}

#[test]
fn a_label_set_begins_with_0() {
    let catalog = sampled("");
    let mut totals = accumulator(&catalog);
    totals.add(&row("app", "active", 2.0), 1.0, Instant::now());
    let mut shown = |scrape| lines_in(&catalog, &mut totals, scrape);
    assert_eq!(shown(FIRST), ["x_seconds_total{datname=\"app\",state=\"active\"} 0"]);
    assert_eq!(shown(Shown { scrape: 2, to_all: 0 }), ["x_seconds_total{datname=\"app\",state=\"active\"} 0"]);
    assert_eq!(shown(LATER), ["x_seconds_total{datname=\"app\",state=\"active\"} 2"]);
}

#[test]
fn label_sets_above_the_budget_are_summed_into_other() {
    let catalog = sampled("max_series: 2");
    let mut totals = accumulator(&catalog);
    let now = Instant::now();
    for state in ["a", "b", "c", "d", "a"] {
        totals.add(&row("app", state, 1.0), 1.0, now);
    }
    begin(&mut totals);
    assert_eq!(totals.overflowed(), 2);
    let of = |datname, state, value| format!("x_seconds_total{{datname=\"{datname}\",state=\"{state}\"}} {value}");
    assert_eq!(lines(&catalog, &mut totals), [of("app", "a", 2), of("app", "b", 1), of("other", "other", 2)]);
    // What has not grown for long gives its place to another, and nothing else changes.
    let later = now + FORGOTTEN_AFTER + FORGET_INTERVAL;
    totals.add(&row("app", "a", 1.0), 1.0, later - FORGET_INTERVAL);
    totals.add(&row("app", "c", 1.0), 1.0, later);
    begin(&mut totals);
    assert_eq!(lines(&catalog, &mut totals), [of("app", "a", 3), of("app", "c", 1), of("other", "other", 2)]);
}

#[test]
fn other_keeps_the_labels_that_top_names() {
    let catalog = sampled("top: { by: seconds, limit: 1, per: [datname] }");
    let mut totals = accumulator(&catalog);
    let now = Instant::now();
    for n in 0..=TOP_BUDGET {
        totals.add(&row("app", &n.to_string(), 1.0), 1.0, now);
    }
    begin(&mut totals);
    let shown = lines(&catalog, &mut totals);
    assert_eq!(shown.len(), TOP_BUDGET + 1);
    assert_eq!(shown.last().unwrap(), "x_seconds_total{datname=\"app\",state=\"other\"} 1");
}

#[test]
fn what_cannot_be_added_is_counted() {
    let catalog = sampled("");
    let mut totals = accumulator(&catalog);
    let (now, text) = (Instant::now(), |text: &'static str| Value::Text(text.into()));
    totals.add(&[text("app"), text("active"), text("nine")], 1.0, now);
    totals.add(&[text("app"), text("active"), Value::Int(-1)], 1.0, now);
    totals.add(&[Value::Invalid(crate::rows::CellError::Utf8), text("active"), Value::Int(1)], 1.0, now);
    let drops: Vec<(DropReason, usize)> =
        totals.take_drops().into_iter().map(|(why, (count, _))| (why, count)).collect();
    assert_eq!(drops, [(DropReason::Unreadable, 2), (DropReason::Utf8, 1)]);
    assert!(lines(&catalog, &mut totals).is_empty());
}

#[test]
fn a_result_that_lacks_a_column_adds_nothing() {
    let mut totals = accumulator(&sampled(""));
    let mut rows = Rows::default();
    rows.table(&["datname".to_owned(), "seconds".to_owned()], &[Value::Null, Value::Int(1)]);
    let error = totals.add_rows(&rows, 1.0, Instant::now()).unwrap_err();
    assert_eq!(error.to_string(), "column state is missing from the result");
}

#[test]
fn totals_survive_a_restart() {
    let catalog = sampled("max_series: 1");
    let (mut before, now) = (accumulator(&catalog), Instant::now());
    before.add(&row("app", "a", 1.0), 2.0, now);
    before.add(&row("app", "b", 1.0), 3.0, now);
    let saved = serde_json::to_string(&before.save()).unwrap();
    let mut after = accumulator(&catalog);
    assert!(after.restore(serde_json::from_str(&saved).unwrap(), now));
    after.add(&row("app", "a", 1.0), 1.0, now);
    let of = |datname, state, value| format!("x_seconds_total{{datname=\"{datname}\",state=\"{state}\"}} {value}");
    assert_eq!(lines(&catalog, &mut after), [of("app", "a", 3), of("other", "other", 3)]);
    let other = catalog_with_histogram();
    assert!(!accumulator(&other).restore(serde_json::from_str(&saved).unwrap(), now), "the columns are others");
}

fn catalog_with_histogram() -> Catalog {
    let mut catalog = catalog("tags: [cluster]", &[HISTOGRAM]);
    catalog.collectors[0].sample = Some(Duration::from_secs(1));
    catalog.own_families_of_test();
    catalog
}

#[test]
fn a_histogram_is_cumulative_over_time_and_weighted() {
    let catalog = catalog_with_histogram();
    let (mut totals, now) = (accumulator(&catalog), Instant::now());
    let add = |totals: &mut Accumulator, ms, weight| {
        totals.add(&[&row("app", "active", 1.0)[..], &[Value::Int(ms)]].concat(), weight, now);
    };
    add(&mut totals, 100, 1.0);
    begin(&mut totals);
    add(&mut totals, 500, 10.0);
    add(&mut totals, 5000, 0.6);
    let expected = [
        "x_seconds_total{datname=\"app\",state=\"active\"} 11.6",
        "x_wait_seconds_bucket{datname=\"app\",state=\"active\",le=\"0.1\"} 1",
        "x_wait_seconds_bucket{datname=\"app\",state=\"active\",le=\"1\"} 11",
        "x_wait_seconds_bucket{datname=\"app\",state=\"active\",le=\"+Inf\"} 12",
        "x_wait_seconds_count{datname=\"app\",state=\"active\"} 12",
        "x_wait_seconds_sum{datname=\"app\",state=\"active\"} 8.1",
    ];
    assert_eq!(lines(&catalog, &mut totals), expected);
    let kinds: Vec<&str> = catalog.families.iter().map(|family| family.kind.word()).collect();
    assert_eq!(kinds, ["counter", "histogram"]);
}

#[test]
fn a_top_of_histograms_sums_the_others_bucket_by_bucket() {
    let mut catalog = catalog_with_histogram();
    let top = Top { by: "seconds".to_owned(), limit: 1, per: vec!["datname".to_owned()] };
    catalog.collectors[0].top = Some(top.clone());
    let (mut totals, now) = (accumulator(&catalog), Instant::now());
    let add = |totals: &mut Accumulator, state: &str, ms| {
        totals.add(&[&row("app", state, 1.0)[..], &[Value::Int(ms)]].concat(), 1.0, now);
    };
    let mut top_n = TopN::default();
    let mut shown = Rows::default();
    for round in [FIRST, LATER] {
        for (state, ms) in [("a", 50), ("b", 500), ("c", 5000), ("a", 50)] {
            add(&mut totals, state, ms);
        }
        let (mut rows, collector) = (Rows::default(), &catalog.collectors[0]);
        totals.feed(&mut rows, round);
        shown = Rows::default();
        let aggregated = top_n.aggregate(collector, &top, Version(180_000), &rows, &mut shown).unwrap();
        assert_eq!(aggregated.others, 2, "{round:?}");
    }
    let numbers = |row: Row<'_>| (2..row.values().count()).map(|at| row.get(at).number().unwrap().unwrap()).collect();
    let shown: Vec<Vec<f64>> = shown.iter().map(numbers).collect();
    assert_eq!(shown, [[4.0, 4.0, 0.0, 0.0, 0.2], [4.0, 0.0, 2.0, 2.0, 11.0]]);
}
