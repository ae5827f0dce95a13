//! The dashboards, without a Grafana: what they ask exists, links lead somewhere, and a person finds a unit and an
//! explanation on every panel.
#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "dashboards/expression.rs"]
mod expression;
#[path = "dashboards/known.rs"]
mod known;
#[path = "dashboards/page.rs"]
mod page;
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use lab::{Major, Postgres, Prometheus, Target};
use serde_json::Value;

use expression::Expression;
use known::Known;
use page::{Dashboard, list, names_after, text};
use support::{exporter, until};

/// Panels of Grafana itself, without any plugin to install.
const CORE: &[&str] =
    &["alertlist", "bargauge", "heatmap", "logs", "row", "stat", "state-timeline", "table", "timeseries"];

/// Grafana's own variables, beside those of the page.
const BUILT_IN: &[&str] = &["__rate_interval", "__range", "__url_time_range", "__field", "__data", "__all"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Fails with all faults at once.
fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Looks at every panel of every page.
fn each_panel(mut look: impl FnMut(&Dashboard, &Value) -> Vec<String>) {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all(root()) {
        for panel in dashboard.panels() {
            let found = look(&dashboard, panel);
            faults.extend(found.iter().map(|fault| format!("{}: {}: {fault}", dashboard.stem, text(&panel["title"]))));
        }
    }
    assert_none(faults);
}

/// What a query may be without: the log store is asked in its own language.
fn is_promql(target: &Value) -> bool {
    target["datasource"]["type"] == "prometheus"
}

/// The labels and columns that a panel's links take from what is clicked.
fn linked_fields(panel: &Value) -> BTreeSet<String> {
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter().flat_map(|one| list(&one["properties"]));
    let overridden = overrides.filter(|property| property["id"] == "links").flat_map(|links| list(&links["value"]));
    let urls = list(&panel["fieldConfig"]["defaults"]["links"]).iter().chain(overridden).map(|link| text(&link["url"]));
    urls.flat_map(|url| [names_after(url, "__field.labels."), names_after(url, "__data.fields[\"")].concat())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_and_label_exists_and_counters_are_read_as_counters() {
    let known = Known::read(root());
    let mut used = BTreeSet::new();
    each_panel(|_, panel| {
        let (mut faults, mut fields) = (Vec::new(), BTreeSet::new());
        for target in list(&panel["targets"]).iter().filter(|target| is_promql(target)) {
            let mut expression = Expression::new(&known);
            expression.fixed_window = text(&panel["title"]).contains("last hour");
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
    windows.replace("$cls", "shop").replace("$ins", "shop-1").replace("$datname", "postgres").replace('$', "any_")
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
fn annotations_and_variables_ask_what_exists() {
    let known = Known::read(root());
    let mut faults = Vec::new();
    for dashboard in Dashboard::all(root()) {
        let mut expressions: Vec<String> = list(&dashboard.json["annotations"]["list"])
            .iter()
            .filter_map(|annotation| annotation["expr"].as_str())
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

#[test]
fn a_panel_has_title_description_unit_and_a_word_for_no_data() {
    let units = std::fs::read_to_string(root().join("dashboards/source/units.txt")).unwrap();
    let units: BTreeSet<&str> = units.lines().filter(|line| !line.starts_with('#')).collect();
    each_panel(|_, panel| {
        let mut faults = Vec::new();
        let defaults = &panel["fieldConfig"]["defaults"];
        let overridden = list(&panel["fieldConfig"]["overrides"])
            .iter()
            .flat_map(|one| list(&one["properties"]))
            .filter(|property| property["id"] == "unit")
            .map(|property| &property["value"]);
        for unit in std::iter::once(&defaults["unit"]).chain(overridden) {
            if !units.contains(text(unit)) {
                faults.push(format!("unit {unit}"));
            }
        }
        if text(&panel["title"]).is_empty() {
            faults.push("no title".to_owned());
        }
        if text(&panel["description"]).split_whitespace().count() < 2 {
            faults.push("no description".to_owned());
        }
        if text(&defaults["noValue"]).is_empty() {
            faults.push("no word for no data".to_owned());
        }
        if !CORE.contains(&text(&panel["type"])) {
            faults.push(format!("panel of a plugin: {}", panel["type"]));
        }
        if list(&panel["targets"]).is_empty() && panel["type"] != "alertlist" {
            faults.push("asks nothing".to_owned());
        }
        faults
    });
}

#[test]
fn tiles_ask_for_now_and_graphs_bear_gaps() {
    each_panel(|_, panel| {
        let mut faults = Vec::new();
        for target in list(&panel["targets"]) {
            let over_time = ["timeseries", "state-timeline", "heatmap"].contains(&text(&panel["type"]));
            if is_promql(target) && target["range"] != over_time {
                faults.push(format!("range is {}", target["range"]));
            }
        }
        let gaps = &panel["fieldConfig"]["defaults"]["custom"]["spanNulls"];
        if panel["type"] == "timeseries" && !gaps.is_number() {
            faults.push("a result that is kept for minutes would be drawn as points".to_owned());
        }
        faults
    });
}

#[test]
fn no_data_source_is_fixed() {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all(root()) {
        let document = dashboard.json.to_string();
        for source in document.split(r#""datasource":{"#).skip(1) {
            let uid = source.split(r#""uid":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            if !["${datasource}", "${logs}", "-- Grafana --"].contains(&uid) {
                faults.push(format!("{}: data source {uid}", dashboard.stem));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn links_lead_to_a_page_and_carry_time_and_data_source() {
    let uids: BTreeSet<String> = Dashboard::all(root()).into_iter().map(|dashboard| dashboard.stem).collect();
    let mut faults = Vec::new();
    for dashboard in Dashboard::all(root()) {
        for link in dashboard.texts().into_iter().filter(|text| text.contains("/d/")) {
            let uid = names_after(link, "/d/")[0];
            if !uids.contains(uid) || !link.starts_with("/d/") {
                faults.push(format!("{}: {link}", dashboard.stem));
            }
            if link.contains('?')
                && !(link.contains("${__url_time_range}") && link.contains("${datasource:queryparam}"))
            {
                faults.push(format!("{}: carries too little: {link}", dashboard.stem));
            }
        }
        for link in list(&dashboard.json["links"]) {
            if link["keepTime"] != true || link["includeVars"] != true {
                faults.push(format!("{}: {link}", dashboard.stem));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn variables_that_are_used_are_there_and_load_with_the_time_range() {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all(root()) {
        let variables = dashboard.variables();
        for one in dashboard.texts() {
            let used = names_after(one, "$").into_iter().chain(names_after(one, "${"));
            for name in used.filter(|name| !name.is_empty() && name.parse::<u32>().is_err()) {
                if !variables.contains(&name) && !BUILT_IN.contains(&name) {
                    faults.push(format!("{}: no variable {name} in {one}", dashboard.stem));
                }
            }
        }
        for variable in list(&dashboard.json["templating"]["list"]) {
            if variable["type"] == "query" && variable["refresh"] != 2 {
                faults.push(format!("{}: {} does not load anew", dashboard.stem, variable["name"]));
            }
        }
        if variables[0] != "datasource" {
            faults.push(format!("{}: the first variable is {}", dashboard.stem, variables[0]));
        }
    }
    assert_none(faults);
}

#[test]
fn ids_are_unique_and_no_panel_covers_another() {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all(root()) {
        let mut ids = BTreeSet::new();
        for panel in dashboard.all_panels() {
            if !ids.insert(panel["id"].as_u64().unwrap()) {
                faults.push(format!("{}: id of {}", dashboard.stem, panel["title"]));
            }
        }
        let mut taken = BTreeSet::new();
        // What is inside a closed row has its place below it, as if nothing else were there.
        for panel in list(&dashboard.json["panels"]) {
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            let cells = (place("y")..place("y") + place("h"))
                .flat_map(|y| (place("x")..place("x") + place("w")).map(move |x| (x, y)));
            for cell in cells {
                if cell.0 >= 24 || !taken.insert(cell) {
                    faults.push(format!("{}: place of {}", dashboard.stem, panel["title"]));
                    break;
                }
            }
        }
    }
    assert_none(faults);
}

#[test]
fn a_page_is_named_by_its_file_and_imports_by_hand_and_by_provisioning() {
    let mut titles = BTreeSet::new();
    for dashboard in Dashboard::all(root()) {
        let json = &dashboard.json;
        assert_eq!(text(&json["uid"]), dashboard.stem);
        assert!(json.get("__inputs").is_none() && json["id"].is_null(), "{}", dashboard.stem);
        assert_eq!(
            (json["editable"].clone(), json["schemaVersion"].clone()),
            (false.into(), 39.into()),
            "{}",
            dashboard.stem
        );
        assert!(list(&json["tags"]).contains(&"pg-suite".into()), "{}", dashboard.stem);
        assert!(!text(&json["description"]).is_empty(), "{}", dashboard.stem);
        assert!(titles.insert(text(&json["title"]).to_owned()), "two pages {}", json["title"]);
    }
    assert_eq!(titles.len(), 16);
}
