//! The Helm chart: what it renders is what Kubernetes takes, and what it does not know it refuses.

mod values;

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use serde_json::{Value, json};
use support::chart::{CHART, Rendered, of_manifests, render, with_values};
use support::{fenced, path};

/// All cases, rendered once.
static RENDERED: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
    let accepted = values::accepted().into_iter().map(|(name, values)| with_values(name, &values));
    let refused = values::refused().into_iter().map(|(name, values, _)| with_values(name, &values));
    let cases: Vec<Value> = accepted.chain(refused).chain([values::dependency(), documented()]).collect();
    render(&cases)
});

fn rendered(name: &str) -> &'static Rendered {
    let found = RENDERED.iter().find(|rendered| rendered.name == name).unwrap();
    assert_eq!(found.error, None, "{name}");
    found
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The objects of Kubernetes on the pages of the guide, and the container of the sidecar in a pod.
fn documented() -> Value {
    let mut manifests = Vec::new();
    for name in ["docs/guide/kubernetes.md", "docs/guide/first-scrape.md"] {
        for block in fenced::parse(name, &fs::read_to_string(path(name)).unwrap()).blocks {
            let is_of_operator = block.text.contains("postgresql.cnpg.io");
            if block.path.as_deref() == Some("sidecar.yaml") {
                let spec = json!({ "enableServiceLinks": false, "containers": yaml(&block.text) });
                manifests.push(
                    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "sidecar" }, "spec": spec }),
                );
            } else if block.text.starts_with("apiVersion:") && !is_of_operator {
                manifests.push(yaml(&block.text));
            }
        }
    }
    assert_eq!(manifests.len(), 3, "{manifests:?}");
    of_manifests("documented", &manifests)
}

#[test]
fn every_manifest_is_one_that_kubernetes_takes() {
    for (name, _) in values::accepted() {
        assert_eq!(rendered(name).violations, [""; 0], "{name}");
    }
    for name in ["documented", "dependency"] {
        assert_eq!(rendered(name).violations, [""; 0], "{name}");
        assert!(!rendered(name).manifests.is_empty(), "{name}");
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    for (name, _, words) in values::refused() {
        let found = RENDERED.iter().find(|rendered| rendered.name == name).unwrap();
        let error = found.error.as_deref().unwrap_or_else(|| panic!("{name} is accepted"));
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn a_password_comes_from_its_secret_only() {
    for manifest in rendered("everything").of_kind("Deployment") {
        let container = &manifest["spec"]["template"]["spec"]["containers"][0];
        let variables = container["env"].as_array().unwrap();
        let password = variables.iter().find(|variable| variable["name"] == "PGPASSWORD").unwrap();
        assert_eq!(password["valueFrom"]["secretKeyRef"]["name"], "shop-monitor", "{password}");
        assert!(!container["args"].to_string().contains("host"), "the target is no argument: {container}");
    }
}

#[test]
fn pods_have_no_right_that_they_do_not_need() {
    for manifest in rendered("everything").of_kind("Deployment") {
        let pod = &manifest["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["enableServiceLinks"], false);
        let context = &pod["containers"][0]["securityContext"];
        let wanted = json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
            "capabilities": { "drop": ["ALL"] }, "seccompProfile": { "type": "RuntimeDefault" },
        });
        assert_eq!(context, &wanted);
    }
}

/// A probe that asked for the server would end, or hide, an exporter that has to say why the server is down.
#[test]
fn probes_are_about_the_exporter() {
    for manifest in rendered("everything").of_kind("Deployment") {
        let container = &manifest["spec"]["template"]["spec"]["containers"][0];
        for probe in ["livenessProbe", "readinessProbe"] {
            assert_eq!(container[probe]["httpGet"], json!({ "path": "/liveness", "port": "metrics" }));
        }
    }
}

#[test]
fn the_monitor_selects_the_pods_and_takes_labels_that_they_have() {
    for (case, kind, endpoints) in
        [("everything", "PodMonitor", "podMetricsEndpoints"), ("service monitor", "ServiceMonitor", "endpoints")]
    {
        let rendered = rendered(case);
        let monitor = rendered.of_kind(kind).next().unwrap();
        let selector = &monitor["spec"]["selector"];
        let selected = selector["matchExpressions"][0]["values"].as_array().unwrap();
        let endpoint = &monitor["spec"][endpoints][0];
        for manifest in rendered.of_kind("Deployment") {
            let pod = &manifest["spec"]["template"];
            let labels = pod["metadata"]["labels"].as_object().unwrap();
            let wanted = selector["matchLabels"].as_object().unwrap();
            assert!(wanted.iter().all(|(name, value)| labels.get(name) == Some(value)), "{case}: {labels:?}");
            assert!(selected.contains(&labels["app.kubernetes.io/instance"]), "{case}: {labels:?}");
            assert_eq!(endpoint["port"], pod["spec"]["containers"][0]["ports"][0]["name"]);
            let discovered: BTreeSet<String> = labels.keys().map(|name| name.replace(['.', '/'], "_")).collect();
            for relabeling in endpoint["relabelings"].as_array().unwrap() {
                let source = relabeling["sourceLabels"][0].as_str().unwrap();
                let source = source.strip_prefix("__meta_kubernetes_pod_label_").unwrap();
                assert!(discovered.contains(source), "{case}: no pod has {source}");
            }
        }
    }
}

/// The chart has them by links, so that they are never old.
#[test]
fn the_chart_has_every_rule_and_every_dashboard() {
    let rendered = rendered("everything");
    let names = |folder: &str, ending: &str| -> BTreeSet<String> {
        let files = fs::read_dir(path(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.filter_map(|name| name.strip_suffix(ending).map(|stem| format!("pg-{stem}"))).collect()
    };
    let shown = |kind: &'static str| -> BTreeSet<String> {
        let objects = rendered.of_kind(kind).map(|object| object["metadata"]["name"].as_str().unwrap().to_owned());
        objects.filter(|name| name != "pg-collectors").collect()
    };
    assert_eq!(shown("PrometheusRule"), names("alerts", ".yml"));
    assert_eq!(shown("ConfigMap"), names("dashboards", ".json"));
    for object in rendered.of_kind("PrometheusRule") {
        let name = object["metadata"]["name"].as_str().unwrap().strip_prefix("pg-").unwrap();
        let file = yaml(&fs::read_to_string(path(&format!("alerts/{name}.yml"))).unwrap());
        assert_eq!(object["spec"], file, "{name}");
    }
    for (file, text) in rendered.of_kind("ConfigMap").flat_map(|object| object["data"].as_object().unwrap()) {
        if let Some(stem) = file.strip_suffix(".json") {
            let dashboard = fs::read_to_string(path(&format!("dashboards/{stem}.json"))).unwrap();
            assert_eq!(text.as_str().unwrap().trim_end(), dashboard.trim_end(), "{file}");
        }
    }
}

#[test]
fn the_chart_has_the_version_of_the_programs() {
    let manifest = fs::read_to_string(path("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"')).unwrap();
    let chart = yaml(&fs::read_to_string(path(CHART).join("Chart.yaml")).unwrap());
    assert_eq!([&chart["version"], &chart["appVersion"]], [version, version]);
}

#[test]
fn slim_leaves_out_collectors_that_there_are() {
    let slim = yaml(&fs::read_to_string(path(CHART).join("files/slim.yml")).unwrap());
    let files = fs::read_dir(path("collectors/pg")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "yml"));
    let collectors = files.map(|file| fs::read_to_string(file).unwrap()).collect::<String>();
    for (name, settings) in slim.as_object().unwrap() {
        assert!(collectors.contains(&format!("\n{name}:\n")), "no collector is called {name}");
        assert_eq!(settings, &json!({ "skip": true }), "{name}");
    }
}
