//! The Helm chart, rendered by Helm's own library, with the manifests checked against the types of Kubernetes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use lab::Cache;
use serde_json::{Value, json};

use crate::path;

/// The chart's folder in the repository.
pub const CHART: &str = "packaging/helm/pg-exporter-suite";

/// What came of a case.
#[derive(Debug)]
pub struct Rendered {
    pub name: String,
    /// Why the chart refuses the values.
    pub error: Option<String>,
    pub manifests: Vec<Value>,
    /// What Kubernetes would refuse or ignore.
    pub violations: Vec<String>,
}

impl Rendered {
    /// The manifests of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.manifests.iter().filter(move |manifest| manifest["kind"] == kind)
    }
}

/// A case: the chart with these values.
pub fn with_values(name: &str, values: &Value) -> Value {
    json!({ "name": name, "chart": path(CHART), "values": values })
}

/// A case: manifests that are only checked.
pub fn of_manifests(name: &str, manifests: &[Value]) -> Value {
    json!({ "name": name, "manifests": manifests })
}

/// Renders all cases in one process, since it takes seconds to start.
pub fn render(cases: &[Value]) -> Vec<Rendered> {
    let packages = Cache::open().unwrap().helm().unwrap();
    let mut python = Command::new("/usr/bin/python3")
        .arg("-B")
        .arg(path("tests/support/render_chart.py"))
        .env("PYTHONPATH", packages)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It writes nothing before it has read all of it.
    python.stdin.take().unwrap().write_all(&serde_json::to_vec(cases).unwrap()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    results.into_iter().map(rendered).collect()
}

fn rendered(mut result: Value) -> Rendered {
    Rendered {
        name: serde_json::from_value(result["name"].take()).unwrap(),
        error: serde_json::from_value(result["error"].take()).unwrap(),
        manifests: serde_json::from_value(result["manifests"].take()).unwrap(),
        violations: serde_json::from_value(result["violations"].take()).unwrap(),
    }
}
