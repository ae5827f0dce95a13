//! The dashboards: what they ask exists, and Prometheus answers it.

mod expression;
mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lab::{Major, Postgres, Prometheus, Target};
use serde_json::Value;
use support::dashboard::{Dashboard, assert_none, each_panel, is_promql, list, names_after, text};
use support::{exporter, until};

use expression::Expression;
use known::Known;

/// The labels that a panel's links take from what is clicked; a table's columns are called by their headings.
fn linked_fields(panel: &Value) -> BTreeSet<String> {
    let headings: BTreeMap<&str, &str> = list(&panel["transformations"])
        .iter()
        .filter_map(|one| one["options"]["renameByName"].as_object())
        .flatten()
        .map(|(label, heading)| (text(heading), label.as_str()))
        .collect();
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter().flat_map(|one| list(&one["properties"]));
    let overridden = overrides.filter(|property| property["id"] == "links").flat_map(|links| list(&links["value"]));
    let urls = list(&panel["fieldConfig"]["defaults"]["links"]).iter().chain(overridden).map(|link| text(&link["url"]));
    let mut fields = BTreeSet::new();
    for url in urls {
        fields.extend(names_after(url, "__field.labels.").into_iter().map(str::to_owned));
        let columns = url.split("__data.fields[\"").skip(1).filter_map(|rest| rest.split('"').next());
        fields.extend(
            columns.map(|column| headings.get(column).map_or(format!("heading {column}"), |label| (*label).to_owned())),
        );
    }
    fields
}

#[test]
fn the_exporters_own_metrics_are_those_of_the_reference() {
    known::assert_own_are_listed();
}

#[test]
fn every_metric_and_label_exists_and_counters_are_read_as_counters() {
    let known = Known::read();
    let mut used = BTreeSet::new();
    each_panel(|_, panel| {
        let (mut faults, mut fields) = (Vec::new(), BTreeSet::new());
        for target in list(&panel["targets"]).iter().filter(|target| is_promql(target)) {
            let mut expression = Expression::new(&known);
            expression.fixed_window = text(&panel["title"]).contains("(1 h)");
            expression.graph = ["timeseries", "state-timeline"].contains(&text(&panel["type"]));
            let labels = expression.look(text(&target["expr"]));
            for label in names_after(text(&target["legendFormat"]), "{{") {
                if !labels.contains(label) {
                    expression.faults.push(format!("no label {label}: legend"));
                }
            }
            fields.extend(labels);
            used.extend(expression.metrics);
            faults.extend(expression.faults);
        }
        for link in linked_fields(panel) {
            if !fields.contains(&link) {
                faults.push(format!("no label {link}: link"));
            }
        }
        faults
    });
    let offered = known.0.keys().filter(|name| name.starts_with("pg")).count();
    let of_ours = used.iter().filter(|name| name.starts_with("pg")).count();
    println!("metrics of the exporters: {of_ours} used of {offered}; of others: {}", used.len() - of_ours);
}

/// The query with a value for each variable, as Grafana sends it.
fn filled(expression: &str) -> String {
    let windows = expression.replace("$__rate_interval", "1m").replace("$__range", "1h");
    // Groups of a label_replace stay.
    let windows = windows.replace("$1", "@1");
    let filled =
        windows.replace("$cls", "shop").replace("$ins", "shop-1").replace("$datname", "postgres").replace('$', "any_");
    filled.replace("@1", "$1")
}

#[test]
fn prometheus_answers_every_query() {
    let server = Postgres::start(Major::V18).unwrap();
    let exporter = exporter(&server, "postgres", &[]);
    let target = Target::new("pg", exporter.address()).label("cls", "shop").label("ins", "shop-1");
    let prometheus = Prometheus::start(&[target], Duration::from_secs(1)).unwrap();
    until("a scrape", || prometheus.query("pg_up == 1").is_ok_and(|up| !up.is_empty()));
    each_panel(|_, panel| {
        let targets = list(&panel["targets"]).iter().filter(|target| is_promql(target));
        targets
            .filter_map(|target| prometheus.query(&filled(text(&target["expr"]))).err())
            .map(|error| error.to_string())
            .collect()
    });
}

#[test]
fn annotations_and_variables_query_existing_metrics() {
    let known = Known::read();
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
        let mut expressions: Vec<String> = list(&dashboard.json["annotations"]["list"])
            .iter()
            .filter_map(|annotation| annotation["target"]["expr"].as_str())
            .map(str::to_owned)
            .collect();
        for variable in list(&dashboard.json["templating"]["list"]) {
            let Some(asked) = text(&variable["definition"]).strip_prefix("label_values(") else { continue };
            let (selector, label) = asked.trim_end_matches(')').rsplit_once(", ").unwrap();
            expressions.push(format!("count by ({label}) ({selector})"));
        }
        for asked in expressions {
            let mut expression = Expression::new(&known);
            expression.look(&asked);
            faults.extend(expression.faults.iter().map(|fault| format!("{}: {asked}: {fault}", dashboard.stem)));
        }
    }
    assert_none(faults);
}
