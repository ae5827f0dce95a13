//! The further forms of the pages, which dashboards/source/generate.py writes: for grafana.com, and as resources.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::dashboard::{Dashboard, list, text};
use support::path;

/// Writes one form of all pages into a folder.
fn written(form: &str, folder: &Path) {
    let script = path("dashboards/source/generate.py");
    let done = Command::new("python3").arg("-B").arg(script).arg(format!("--{form}")).arg(folder).status().unwrap();
    assert!(done.success(), "{form}: {done}");
}

fn read(folder: &Path, dashboard: &Dashboard) -> Value {
    let file = folder.join(format!("{}.json", dashboard.stem));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn published_pages_ask_for_a_prometheus_and_name_what_they_require() {
    let folder = tempfile::tempdir().unwrap();
    written("publish", folder.path());
    for dashboard in Dashboard::all() {
        let mut page = read(folder.path(), &dashboard);
        assert_eq!(page["__inputs"][0]["name"], "DS_PROMETHEUS");
        assert_eq!(page["__inputs"][0]["pluginId"], "prometheus");
        let required: BTreeSet<&str> = list(&page["__requires"]).iter().map(|one| text(&one["id"])).collect();
        let kinds: BTreeSet<&str> = dashboard.panels().into_iter().map(|panel| text(&panel["type"])).collect();
        assert!(required.contains("grafana") && required.contains("prometheus"), "{required:?}");
        assert!(kinds.is_subset(&required), "{}: {kinds:?} of {required:?}", dashboard.stem);
        let variable = page["templating"]["list"][0].clone();
        assert_eq!(variable["current"]["value"], "${DS_PROMETHEUS}", "{}", dashboard.stem);
        // All else is the page that is checked in.
        page["templating"]["list"][0] = dashboard.json["templating"]["list"][0].clone();
        let map = page.as_object_mut().unwrap();
        map.retain(|key, _| !key.starts_with("__"));
        assert_eq!(page, dashboard.json, "{}", dashboard.stem);
    }
}

#[test]
fn resources_have_every_panel_query_and_variable() {
    for version in ["v2", "v2beta1"] {
        let folder = tempfile::tempdir().unwrap();
        written(version, folder.path());
        for dashboard in Dashboard::all() {
            let page = read(folder.path(), &dashboard);
            let (stem, spec) = (&dashboard.stem, &page["spec"]);
            assert_eq!(page["apiVersion"], format!("dashboard.grafana.app/{version}"));
            assert_eq!(text(&page["metadata"]["name"]), stem);
            let panels = dashboard.panels();
            assert_eq!(spec["elements"].as_object().unwrap().len(), panels.len(), "{stem}");
            for panel in panels {
                let element = &spec["elements"][format!("panel-{}", panel["id"])]["spec"];
                assert_eq!(element["title"], panel["title"], "{stem}");
                assert_eq!(element["vizConfig"]["group"], panel["type"], "{stem}");
                let queries =
                    list(&element["data"]["spec"]["queries"]).iter().map(|one| &one["spec"]["query"]["spec"]["expr"]);
                let expressions = list(&panel["targets"]).iter().map(|target| &target["expr"]);
                assert!(queries.eq(expressions), "{stem}: {}", panel["title"]);
            }
            let rows = list(&spec["layout"]["spec"]["rows"]).iter();
            let placed: Vec<&str> = rows
                .flat_map(|row| list(&row["spec"]["layout"]["spec"]["items"]))
                .map(|item| text(&item["spec"]["element"]["name"]))
                .collect();
            assert_eq!(placed.len(), placed.iter().collect::<BTreeSet<_>>().len(), "{stem}: a panel is placed twice");
            assert_eq!(placed.len(), spec["elements"].as_object().unwrap().len(), "{stem}");
            let variables: Vec<&str> = list(&spec["variables"]).iter().map(|one| text(&one["spec"]["name"])).collect();
            assert_eq!(variables, dashboard.variables(), "{stem}");
        }
    }
}
