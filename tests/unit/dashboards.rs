//! The dashboards, without a Grafana: links lead to a page, and every panel has a unit and a description.

mod cost;
mod forms;

use std::collections::BTreeSet;

use support::dashboard::{Dashboard, assert_none, each_panel, is_promql, list, names_after, text};
use support::path;

/// Panels of Grafana itself, without any plugin to install.
const CORE: &[&str] =
    &["alertlist", "bargauge", "heatmap", "logs", "row", "stat", "state-timeline", "table", "timeseries"];

/// Grafana's own variables, beside those of the page.
const BUILT_IN: &[&str] = &["__rate_interval", "__range", "__url_time_range", "__field", "__data", "__all"];

#[test]
fn a_panel_has_title_description_unit_and_text_for_no_data() {
    let units = std::fs::read_to_string(path("dashboards/source/units.txt")).unwrap();
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
            faults.push("no text for no data".to_owned());
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
fn tiles_query_instant_and_graphs_span_gaps() {
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
fn data_sources_are_variables() {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
        let document = dashboard.json.to_string();
        for source in document.split(r#""datasource":{"#).skip(1) {
            let uid = source.split(r#""uid":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            if !["${datasource}", "${loki}", "${victorialogs}", "-- Grafana --"].contains(&uid) {
                faults.push(format!("{}: data source {uid}", dashboard.stem));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn links_keep_time_range_and_data_source() {
    let uids: BTreeSet<String> = Dashboard::all().into_iter().map(|dashboard| dashboard.stem).collect();
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
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
fn used_variables_exist_and_refresh_on_time_range_change() {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
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
fn panel_ids_are_unique_and_panels_do_not_overlap() {
    let mut faults = Vec::new();
    for dashboard in Dashboard::all() {
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
fn uid_is_the_file_stem_and_import_needs_no_inputs() {
    let mut titles = BTreeSet::new();
    for dashboard in Dashboard::all() {
        let json = &dashboard.json;
        assert_eq!(text(&json["uid"]), dashboard.stem);
        // Shorter uids are those of other projects' dashboards.
        assert!(dashboard.stem.starts_with("pg-suite-"), "{}", dashboard.stem);
        assert!(json.get("__inputs").is_none() && json["id"].is_null(), "{}", dashboard.stem);
        assert_eq!(
            (json["editable"].clone(), json["schemaVersion"].clone()),
            (false.into(), 42.into()),
            "{}",
            dashboard.stem
        );
        assert!(list(&json["tags"]).contains(&"pg-suite".into()), "{}", dashboard.stem);
        assert!(!text(&json["description"]).is_empty(), "{}", dashboard.stem);
        assert!(titles.insert(text(&json["title"]).to_owned()), "two pages {}", json["title"]);
    }
    assert_eq!(titles.len(), 19);
}
