//! The command `mixin`: the shipped rules and dashboards are its defaults, and what a site's file changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::Cache;
use serde_json::Value;
use support::{binary, path};
use tempfile::TempDir;

/// Runs the command.
fn mixin(arguments: &[&str]) -> Output {
    Command::new(binary()).arg("mixin").args(arguments).output().unwrap()
}

/// What a site's file makes of the sources.
fn made(site: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("site.yml");
    fs::write(&config, site).unwrap();
    let output = mixin(&["--config", config.to_str().unwrap(), "--out", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The errors of a site's file.
fn refused(site: &str) -> String {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("site.yml");
    fs::write(&config, site).unwrap();
    let output = mixin(&["--config", config.to_str().unwrap(), "--out", folder.path().to_str().unwrap()]);
    assert!(!output.status.success(), "{site} is accepted");
    String::from_utf8(output.stderr).unwrap()
}

/// The files of a folder, by name.
fn files(folder: &Path, extension: &str) -> BTreeMap<String, PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|found| found == extension));
    files.map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), file)).collect()
}

/// Runs a program, which must find all good.
fn check(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

/// Both releases of promtool, vmalert and amtool accept what was written.
fn assert_accepted(folder: &Path) {
    let cache = Cache::open().unwrap();
    let mut rules: Vec<_> = files(&folder.join("alerts"), "yml").into_values().collect();
    rules.extend(files(&folder.join("alerts/pigsty"), "yml").into_values());
    for promtool in cache.promtools().unwrap() {
        check(Command::new(promtool).args(["check", "rules"]).args(&rules));
    }
    let given = rules.iter().map(|file| format!("-rule={}", file.display()));
    check(Command::new(cache.victoria("vmalert").unwrap()).arg("-dryRun").args(given));
    check(
        Command::new(cache.amtool().unwrap())
            .arg("check-config")
            .arg(folder.join("alerts/alertmanager/alertmanager.yml")),
    );
}

/// A rule of a file, by the alert's name and severity.
fn rule(folder: &Path, file: &str, alert: &str, severity: &str) -> Option<Value> {
    let text = fs::read_to_string(folder.join("alerts").join(file)).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let rules = rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.into_iter().find(|rule| rule["alert"] == alert && rule["labels"]["severity"] == severity).cloned()
}

#[test]
fn shipped_files_are_the_defaults() {
    let folder = made("");
    for (kind, extension) in
        [("alerts", "yml"), ("alerts/alertmanager", "yml"), ("alerts/pigsty", "yml"), ("dashboards", "json")]
    {
        let (shipped, made) = (files(&path(kind), extension), files(&folder.path().join(kind), extension));
        assert!(shipped.keys().eq(made.keys()), "{kind}: {:?} and {:?}: make bless", shipped.keys(), made.keys());
        for (name, file) in &shipped {
            let same = fs::read(file).unwrap() == fs::read(&made[name]).unwrap();
            assert!(same, "{kind}/{name} is not what pg-exporter mixin writes: make bless");
        }
    }
}

#[test]
fn a_site_changes_thresholds_labels_and_links() {
    let folder = made(
        r#"
labels: { cluster: cluster, server: pod, host: node }
links: { runbooks: https://wiki.example/runbooks, dashboards: https://grafana.example }
select: env="prod"
dashboards: { uid_prefix: shop-, tags: [shop] }
alerts:
  PostgresConnectionsHigh:
    select: datname!~"test.*"
    warning: { threshold: 0.7, for: 10m, keep_firing_for: 5m }
    critical: { enabled: false }
  PostgresDeadlocks: { enabled: false }
  PostgresRollbackRatioHigh:
    info: { severity: warning }
"#,
    );
    let folder = folder.path();
    assert_accepted(folder);
    let high = rule(folder, "sessions.yml", "PostgresConnectionsHigh", "warning").unwrap();
    let expression = high["expr"].as_str().unwrap();
    for part in ["0.7", "env=\"prod\"", "datname!~\"test.*\"", "on (cluster)"] {
        assert!(expression.contains(part), "{expression} lacks {part}");
    }
    assert_eq!((&high["for"], &high["keep_firing_for"]), (&"10m".into(), &"5m".into()));
    let annotations = &high["annotations"];
    assert_eq!(annotations["runbook_url"], "https://wiki.example/runbooks/PostgresConnectionsHigh.md");
    let dashboard = annotations["dashboard_url"].as_str().unwrap();
    assert!(dashboard.starts_with("https://grafana.example/d/shop-pg-suite-instance?var-cluster={{"), "{dashboard}");
    assert!(annotations["summary"].as_str().unwrap().contains("$labels.pod"), "{annotations}");
    for (alert, severity) in [("PostgresConnectionsHigh", "critical"), ("PostgresDeadlocks", "warning")] {
        assert_eq!(rule(folder, "sessions.yml", alert, severity), None);
    }
    assert!(rule(folder, "sessions.yml", "PostgresRollbackRatioHigh", "warning").is_some());
    let pigsty = fs::read_to_string(folder.join("alerts/pigsty/rules-pigsty.yml")).unwrap();
    assert!(pigsty.contains(r#"label_replace(pg_repl_sync_state{env="prod"}, "pod", "$1", "appname""#), "{pigsty}");
    let page = fs::read_to_string(folder.join("dashboards/shop-pg-suite-instance.json")).unwrap();
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["uid"], "shop-pg-suite-instance");
    assert!(page["tags"].as_array().unwrap().contains(&"shop".into()));
    let names: Vec<_> = page["templating"]["list"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert!(names.contains(&&"cluster".into()) && names.contains(&&"pod".into()), "{names:?}");
}

#[test]
fn alerts_link_to_dashboards_that_exist() {
    let folder = made("links: { dashboards: https://grafana.example }");
    let pages = files(&path("dashboards"), "json");
    let mut linked = BTreeSet::new();
    for file in files(&folder.path().join("alerts"), "yml").values() {
        let text = fs::read_to_string(file).unwrap();
        linked.extend(
            text.split("https://grafana.example/d/").skip(1).map(|rest| rest.split('?').next().unwrap().to_owned()),
        );
    }
    assert!(linked.len() > 5, "{linked:?}");
    let missing: Vec<_> = linked.iter().filter(|uid| !pages.contains_key(&format!("{uid}.json"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn rules_and_dashboards_are_written_as_kubernetes_objects() {
    let folder = made("");
    let alone = files(&folder.path().join("alerts"), "yml").len();
    let mut kinds = BTreeMap::<String, usize>::new();
    for file in files(&folder.path().join("kubernetes"), "yaml").values() {
        let object: Value = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let kind = object["kind"].as_str().unwrap();
        *kinds.entry(kind.to_owned()).or_default() += 1;
        match kind {
            "ConfigMap" => {
                let (_, json) = object["data"].as_object().unwrap().iter().next().unwrap();
                let page: Value = serde_json::from_str(json.as_str().unwrap()).unwrap();
                assert!(page["panels"].is_array());
            }
            _ => {
                let stem = object["metadata"]["name"].as_str().unwrap().trim_start_matches("pg-exporter-");
                let text = fs::read_to_string(folder.path().join(format!("alerts/{stem}.yml"))).unwrap();
                let rules: Value = serde_saphyr::from_str(&text).unwrap();
                assert_eq!(object["spec"]["groups"], rules["groups"], "{}", file.display());
            }
        }
    }
    let dashboards = files(&path("dashboards"), "json").len();
    let expected = [("ConfigMap", dashboards), ("PrometheusRule", alone), ("VMRule", alone)];
    assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
}

#[test]
fn everything_wrong_in_a_site_is_named_at_once() {
    let said = refused(
        r#"
select: env=
alerts:
  PostgresConnectionsTooHigh: { enabled: false }
  PostgresConnectionsHigh:
    wrning: { threshold: 0.7 }
    warning: { treshold: 0.7, for: soon, severity: bad }
"#,
    );
    for part in [
        "select: env=: expected label matchers",
        "alerts.PostgresConnectionsTooHigh: there is no such alert",
        "alerts.PostgresConnectionsHigh.wrning: expected enabled, select, or a severity of this alert: warning, critical",
        "alerts.PostgresConnectionsHigh.warning.treshold: no such key: expected one of enabled, for, keep_firing_for, severity, threshold",
        "alerts.PostgresConnectionsHigh.warning.for: soon: expected a duration",
        "alerts.PostgresConnectionsHigh.warning.severity: bad: expected critical, warning, info or none",
    ] {
        assert!(said.contains(part), "{said}\nlacks: {part}");
    }
    let said = refused("lables: { cluster: x }");
    assert!(said.contains("site.yml") && said.contains("lables") && said.contains("line 1"), "{said}");
}

#[test]
fn printed_defaults_change_nothing() {
    let defaults = mixin(&["--defaults"]);
    let folder = made(std::str::from_utf8(&defaults.stdout).unwrap());
    let plain = made("");
    for (name, file) in files(&plain.path().join("alerts"), "yml") {
        let same = fs::read(&file).unwrap() == fs::read(folder.path().join("alerts").join(&name)).unwrap();
        assert!(same, "{name} differs");
    }
}
