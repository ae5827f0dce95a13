//! The defaults as a site's file, to copy lines from.

use crate::site::{Labels, Links, Parameter};
use crate::source::{AlertFile, Source, Sources};

/// Everything that a site may change, with its default.
#[must_use]
pub fn site(sources: &Sources) -> String {
    let Labels { cluster, server, host, scope } = Labels::default();
    let mut text = format!(
        "# Everything that a site may change, with its default. Copy the lines that you change.\n\
         labels:\n  cluster: {cluster}  # names a cluster\n  server: {server}  # names a server\n  host: {host}  # names a host\n  \
         # These tell apart servers of one name; a label that is nowhere does no harm.\n  scope: [{}]\n\
         links:\n  runbooks: {}  # base of runbook_url\n  # dashboards: https://grafana.example  # base of dashboard_url\n\
         # select: env=\"prod\"  # matchers of all scraped series\n\
         dashboards:\n  uid_prefix: \"\"  # before pg-suite-\n  tags: []\nalerts:\n",
        scope.join(", "),
        Links::default().runbooks
    );
    for source in sources.values() {
        if let Source::Alerts(file) = source {
            text.push_str(&alerts(file));
        }
    }
    text
}

fn alerts(file: &AlertFile) -> String {
    let mut text = String::new();
    for alert in &file.alerts {
        text.push_str(&format!("  {}:\n    enabled: true\n", alert.alert));
        for (severity, source) in alert.severities() {
            text.push_str(&format!("    {severity}: {{ for: {}", source.hold.as_deref().unwrap_or("0s")));
            if let Some(duration) = &source.keep_firing_for {
                text.push_str(&format!(", keep_firing_for: {duration}"));
            }
            for (name, value) in &source.parameters {
                text.push_str(&format!(", {name}: {}", scalar(value)));
            }
            text.push_str(" }\n");
        }
    }
    text
}

fn scalar(value: &Parameter) -> String {
    match value {
        Parameter::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        number => number.to_string(),
    }
}
