//! Values for the chart: those that it takes, and those that it must refuse.

use std::fs;

use serde_json::{Value, json};
use support::chart::CHART;
use support::{fenced, path};

const PAGE: &str = "docs/guide/kubernetes.md";

fn images() -> Value {
    json!({
        "pg-exporter": { "repository": "registry.example/pg-exporter" },
        "pgbouncer-exporter": { "repository": "registry.example/pgbouncer-exporter", "tag": "1.2.3" },
    })
}

fn one_target() -> Value {
    json!({ "images": images(), "targets": [{ "name": "shop-1", "host": "shop-1.databases.svc" }] })
}

fn everything() -> Value {
    let password = json!({ "name": "shop-monitor", "key": "password" });
    json!({
        "images": images(),
        "imagePullSecrets": [{ "name": "registry" }],
        "targets": [
            {
                "name": "shop-1", "cluster": "shop", "host": "shop-1.databases.svc", "port": 5433, "user": "it's",
                "database": "a b", "sslmode": "verify-full", "passwordSecret": password,
                "rootCertificate": { "secret": "shop-ca" }, "clientCertificate": { "secret": "shop-tls" },
                "args": ["--tag", "exact_size"],
            },
            {
                "name": "shop-2", "cluster": "shop", "host": "/run/postgresql", "passwordSecret": { "name": "shop-monitor" },
                "rootCertificate": { "configMap": "roots", "key": "global-bundle.pem" },
            },
            { "name": "pool", "program": "pgbouncer-exporter", "host": "pool", "passwordSecret": password },
        ],
        "collectors": { "own.yml": "shop_orders:\n  query: SELECT 1 AS n\n  metrics: [{ n: { usage: GAUGE } }]\n" },
        "slim": true,
        "monitor": { "labels": { "release": "prometheus" }, "interval": "30s", "clusterLabel": "cluster" },
        "rules": { "enabled": true, "labels": { "release": "prometheus" } },
        "dashboards": { "enabled": true, "annotations": { "grafana_folder": "PostgreSQL" } },
        "networkPolicy": { "enabled": true, "from": [{ "namespaceSelector": { "matchLabels": { "name": "monitoring" } } }] },
        "podLabels": { "team": "dba" },
        "podAnnotations": { "note": "text" },
        "nodeSelector": { "kubernetes.io/os": "linux" },
        "tolerations": [{ "key": "databases", "operator": "Exists" }],
        "priorityClassName": "monitoring",
    })
}

/// A value of [`one_target`] replaced: at a pointer as `/monitor/kind`.
fn with(pointer: &str, value: Value) -> Value {
    let mut values = one_target();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut place = &mut values;
    for part in parent.split('/').skip(1) {
        place = match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[part],
        };
    }
    place[key] = value;
    values
}

/// The blocks of the page that are values.
fn documented(begin: &str) -> Value {
    let page = fenced::parse(PAGE, &fs::read_to_string(path(PAGE)).unwrap());
    let block = page.blocks.iter().find(|block| block.is("yaml") && block.text.starts_with(begin)).unwrap();
    let mut values: Value = serde_saphyr::from_str(&block.text).unwrap();
    if values["images"].is_null() {
        values["images"] = images();
    }
    values
}

/// Values that the chart takes, by the names of the cases.
pub fn accepted() -> Vec<(&'static str, Value)> {
    vec![
        ("nothing", json!({})),
        ("one target", one_target()),
        ("everything", everything()),
        ("service monitor", with("/monitor", json!({ "kind": "ServiceMonitor" }))),
        ("no monitor", with("/monitor", json!({ "kind": "none" }))),
        ("open network policy", with("/networkPolicy", json!({ "enabled": true }))),
        ("of the page", documented("images:")),
        ("of CloudNativePG", documented("targets:")),
    ]
}

/// Values that the chart refuses, and words of the reason.
pub fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let target = |name: &str, value: Value| with(&format!("/targets/0/{name}"), value);
    vec![
        ("an unknown value", with("/target", json!([])), "'target' not allowed"),
        ("an unknown value of a target", target("password", json!("x")), "'password' not allowed"),
        ("a target without a host", with("/targets", json!([{ "name": "a" }])), "host"),
        ("a port as text", target("port", json!("5432")), "port"),
        ("an unknown sslmode", target("sslmode", json!("on")), "sslmode"),
        ("the target as an argument", target("args", json!(["--url=postgres://h"])), "args"),
        ("two kinds of root", target("rootCertificate", json!({ "secret": "a", "configMap": "b" })), "oneOf"),
        ("an interval without a unit", with("/monitor", json!({ "interval": "15" })), "interval"),
        ("an unknown program", target("program", json!("pgbackrest-exporter")), "program"),
        ("a collector file of another kind", with("/collectors", json!({ "own.txt": "" })), "own.txt"),
        ("a program without an image", with("/images", json!({})), "set images.pg-exporter.repository"),
        (
            "two targets of one name",
            with("/targets", json!([{ "name": "a", "host": "b" }, { "name": "a", "host": "c" }])),
            "the same name",
        ),
    ]
}

/// A case: the example of the page for a chart that has this one as a dependency.
pub fn dependency() -> Value {
    let page = fenced::parse(PAGE, &fs::read_to_string(path(PAGE)).unwrap());
    let template = page.blocks.iter().find(|block| block.text.contains(".Subcharts")).unwrap();
    let chart = path("target/chart-with-dependency");
    if chart.exists() {
        fs::remove_dir_all(&chart).unwrap();
    }
    for folder in ["templates", "charts"] {
        fs::create_dir_all(chart.join(folder)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(chart.join(name), text).unwrap();
    write("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: shop }\nspec:\n";
    let containers = template.text.lines().map(|line| format!("{}\n", line.get(4..).unwrap_or_default()));
    write("templates/pod.yaml", &(pod.to_owned() + &containers.collect::<String>()));
    std::os::unix::fs::symlink(path(CHART), chart.join("charts/pg-exporter-suite")).unwrap();
    json!({ "name": "dependency", "chart": chart, "values": { "pg-exporter-suite": { "images": images() } } })
}
