//! The same files as objects of Kubernetes: of the Prometheus operator, the VictoriaMetrics operator, and ConfigMaps.

use super::rules::groups;
use crate::rule::RuleFile;

/// Whose operator reads the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `PrometheusRule`.
    Prometheus,
    /// `VMRule`.
    VictoriaMetrics,
}

/// The rules of one file as an object of an operator.
#[must_use]
pub fn rules(file: &RuleFile, operator: Operator) -> String {
    let (version, kind) = match operator {
        Operator::Prometheus => ("monitoring.coreos.com/v1", "PrometheusRule"),
        Operator::VictoriaMetrics => ("operator.victoriametrics.com/v1beta1", "VMRule"),
    };
    format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: pg-exporter-{}\n  labels:\n    app.kubernetes.io/part-of: \
         pg-exporter\nspec:\n{}",
        file.stem,
        indented(&groups(&file.groups), 2)
    )
}

/// A dashboard in a ConfigMap, which Grafana's sidecar finds by its label.
#[must_use]
pub fn dashboard(stem: &str, json: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pg-exporter-dashboard-{stem}\n  labels:\n    \
         grafana_dashboard: \"1\"\n    app.kubernetes.io/part-of: pg-exporter\ndata:\n  {stem}.json: |\n{}",
        indented(json, 4)
    )
}

fn indented(text: &str, blanks: usize) -> String {
    let blanks = " ".repeat(blanks);
    text.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("{blanks}{line}\n") }).collect()
}
