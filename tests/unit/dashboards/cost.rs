//! How many samples a panel reads, on a site of 500 servers at the page's default time range.
//!
//! A sample that several steps need counts once, as Prometheus reads it once; a window as long as the range counts at each step.

use std::collections::BTreeMap;

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, VectorSelector, parse};
use serde_json::Value;
use support::dashboard::{each_panel, is_promql, list, text};
use support::path;
use support::reference::{self, Listed, metrics_on};

/// Servers of the site, and those of one cluster.
const SERVERS: f64 = 500.0;
const MEMBERS: f64 = 3.0;
/// What a panel may read.
const LIMIT: f64 = 5e6;
/// Seconds: the pages' default time range, and the time between two scrapes.
const RANGE: f64 = 10_800.0;
const SCRAPE: f64 = 15.0;
/// Pixels of a page: Grafana asks for a value at each.
const WIDTH: f64 = 1600.0;
/// Modes of a CPU, of which panels ask one.
const MODES: f64 = 8.0;
/// Seconds from which on a window is read anew at each step.
const LONG_WINDOW: f64 = 3600.0;

/// How many series there are of a metric.
#[derive(Clone, Copy)]
struct Count {
    series: f64,
    /// On each server; else on the whole site.
    of_server: bool,
}

/// The series of all metrics: those of their labels, as recorded from one busy server.
fn recorded() -> BTreeMap<String, Count> {
    let lines = std::fs::read_to_string(path("tests/unit/dashboards/series.tsv")).unwrap();
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    let of_labels: BTreeMap<&str, Count> = lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [labels, series, of] = fields[..] else { panic!("{line}") };
            (labels, Count { series: series.parse().unwrap(), of_server: of == "server" })
        })
        .collect();
    let own = ["pg", "pgbouncer", "pgbackrest"].into_iter().flat_map(|namespace| {
        metrics_on(reference::OWN).into_iter().map(move |listed| {
            let name = listed.name.replacen("pg", namespace, 1);
            Listed { name, ..listed }
        })
    });
    let pages = reference::COLLECTORS.into_iter().chain([reference::EXTERNAL]);
    let listed = pages.flat_map(metrics_on).chain(own).flat_map(Listed::into_series);
    let counted = listed.filter_map(|(name, labels)| {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        of_labels.get(labels.join(",").as_str()).map(|count| (name, *count))
    });
    counted.collect()
}

/// How often an expression is evaluated, over which time.
#[derive(Clone, Copy)]
struct Steps {
    count: f64,
    span: f64,
}

const ONCE: Steps = Steps { count: 1.0, span: 0.0 };

/// What one panel reads.
struct Reader<'a> {
    recorded: &'a BTreeMap<String, Count>,
    unknown: Vec<String>,
    samples: f64,
}

impl Reader<'_> {
    fn read(&mut self, expression: &Expr, steps: Steps) {
        match expression {
            Expr::VectorSelector(selector) => {
                let steps = if selector.at.is_some() { ONCE } else { steps };
                self.samples += self.series(selector) * steps.count;
            }
            Expr::MatrixSelector(matrix) => {
                let steps = if matrix.vs.at.is_some() { ONCE } else { steps };
                let window = matrix.range.as_secs_f64();
                let each = steps.count * window;
                let read = if window < LONG_WINDOW { each.min(steps.span + window) } else { each };
                self.samples += self.series(&matrix.vs) * read / SCRAPE;
            }
            Expr::Subquery(inner) => {
                let steps = if inner.at.is_some() { ONCE } else { steps };
                let span = steps.span + inner.range.as_secs_f64();
                let step = inner.step.map_or(60.0, |step| step.as_secs_f64());
                self.read(&inner.expr, Steps { count: span / step, span });
            }
            Expr::Paren(inner) => self.read(&inner.expr, steps),
            Expr::Unary(inner) => self.read(&inner.expr, steps),
            Expr::Aggregate(aggregate) => self.read(&aggregate.expr, steps),
            Expr::Binary(binary) => {
                self.read(&binary.lhs, steps);
                self.read(&binary.rhs, steps);
            }
            Expr::Call(call) => call.args.args.iter().for_each(|argument| self.read(argument, steps)),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }

    /// How many series a selector finds. Of labels that are not a target's only the mode of a CPU narrows it.
    fn series(&mut self, selector: &VectorSelector) -> f64 {
        let Some(name) = selector.name.as_deref() else {
            let all = self.recorded.iter().filter(|(metric, _)| named(selector, metric)).map(|(_, count)| *count);
            return all.map(|count| total(count, servers(selector))).sum();
        };
        let Some(count) = self.recorded.get(name) else {
            self.unknown.push(name.to_owned());
            return 0.0;
        };
        let idle = selector.matchers.matchers.iter().any(|matcher| matcher.name == "mode");
        total(*count, servers(selector)) / if idle { MODES } else { 1.0 }
    }
}

fn total(count: Count, servers: f64) -> f64 {
    if count.of_server { count.series * servers } else { count.series }
}

/// Whether a selector without a name finds a metric by a pattern of names.
fn named(selector: &VectorSelector, metric: &str) -> bool {
    let pattern = selector.matchers.matchers.iter().find(|matcher| matcher.name == "__name__");
    pattern.is_some_and(|matcher| matcher.is_match(metric))
}

/// How many servers a selector asks: all, those of the chosen cluster, or the chosen one.
fn servers(selector: &VectorSelector) -> f64 {
    let chosen = |label: &str| {
        let equal = selector.matchers.matchers.iter().filter(|matcher| matches!(matcher.op, MatchOp::Equal));
        equal.into_iter().any(|matcher| matcher.name == label && matcher.value == label)
    };
    match (chosen("ins"), chosen("cls")) {
        (true, _) => 1.0,
        (false, true) => MEMBERS,
        (false, false) => SERVERS,
    }
}

/// The samples that a panel reads.
fn samples(panel: &Value, recorded: &BTreeMap<String, Count>) -> Result<f64, String> {
    let mut reader = Reader { recorded, unknown: Vec::new(), samples: 0.0 };
    for target in list(&panel["targets"]).iter().filter(|target| is_promql(target)) {
        let minimum = match target["interval"].as_str().map(|interval| interval.trim_end_matches('m').parse::<f64>()) {
            None => SCRAPE,
            Some(Ok(minutes)) => minutes * 60.0,
            Some(Err(error)) => return Err(format!("interval {}: {error}", target["interval"])),
        };
        let points = WIDTH * panel["gridPos"]["w"].as_f64().unwrap() / 24.0;
        let step = (RANGE / points).max(minimum);
        let rate = (4.0 * minimum).max(step + minimum);
        let steps = if target["range"] == true { Steps { count: RANGE / step, span: RANGE } } else { ONCE };
        let query = text(&target["expr"])
            .replace("$__rate_interval", &format!("{rate:.0}s"))
            .replace("$__range", &format!("{RANGE:.0}s"))
            .replace("$__interval", &format!("{step:.0}s"))
            .replace('$', "");
        let parsed = parse(&query).map_err(|error| format!("{query}: {error}"))?;
        reader.read(&parsed, steps);
    }
    if reader.unknown.is_empty() {
        Ok(reader.samples)
    } else {
        Err(format!("series.tsv has not the labels of {}", reader.unknown.join(", ")))
    }
}

#[test]
fn no_panel_reads_five_million_samples_of_500_servers() {
    let recorded = recorded();
    let mut most: Vec<(f64, String)> = Vec::new();
    each_panel(|dashboard, panel| match samples(panel, &recorded) {
        Ok(read) => {
            most.push((read, format!("{}: {}", dashboard.stem, text(&panel["title"]))));
            if read > LIMIT { vec![format!("reads {:.1} million samples", read / 1e6)] } else { Vec::new() }
        }
        Err(fault) => vec![fault],
    });
    most.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (read, panel) in most.iter().take(10) {
        println!("{:.2} million samples: {panel}", read / 1e6);
    }
}

#[test]
fn ranges_and_scopes_are_counted() {
    let count = Count { series: 2.0, of_server: true };
    let recorded = BTreeMap::from([("one".to_owned(), count)]);
    let read = |query: &str, range: bool| {
        let panel = serde_json::json!({ "gridPos": { "w": 24 }, "targets": [
            { "datasource": { "type": "prometheus" }, "expr": query, "range": range } ] });
        samples(&panel, &recorded).unwrap()
    };
    let steps = RANGE / SCRAPE;
    assert_eq!(read(r#"one{cls="$cls",ins="$ins"}"#, false), 2.0);
    assert_eq!(read(r#"one{cls="$cls"}"#, false), 2.0 * MEMBERS);
    assert_eq!(read(r#"sum(one{cls=~"$cls"})"#, true), 2.0 * SERVERS * steps);
    // The windows of a rate overlap: each sample is read once.
    assert_eq!(read(r#"rate(one{ins="$ins"}[$__rate_interval])"#, true), 2.0 * (steps + 4.0));
    assert_eq!(read(r#"avg_over_time(one{ins="$ins"}[$__range] @ end())"#, true), 2.0 * steps);
    assert_eq!(read(r#"increase(one{ins="$ins"}[$__range])"#, true), 2.0 * steps * steps);
}
