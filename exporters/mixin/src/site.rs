//! A site's file: what differs there from the defaults.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::MixinError;

/// The file given by `--config`; everything in it is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// The labels that tell clusters, servers, hosts and sites apart.
    pub labels: Labels,
    /// Where runbooks and dashboards are published.
    pub links: Links,
    /// Label matchers that every series of every rule must satisfy, e.g. `env="prod"`.
    pub select: String,
    /// What Prometheus' own configuration calls things that no metric tells.
    pub dashboards: Dashboards,
    /// Changes to alerts, by name.
    pub alerts: BTreeMap<String, AlertChange>,
}

/// Names of labels.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Labels {
    /// Names a cluster; default `cls`.
    pub cluster: String,
    /// Names a server; default `ins`.
    pub server: String,
    /// Names the host that a server runs on; default `ip`.
    pub host: String,
    /// Labels that tell apart servers of one name, for Alertmanager's inhibitions. A label that is nowhere does no harm.
    pub scope: Vec<String>,
}

impl Default for Labels {
    fn default() -> Self {
        let scope =
            ["cluster", "namespace", "region", "zone", "datacenter", "dc", "site", "environment", "env", "tenant"];
        Self {
            cluster: "cls".into(),
            server: "ins".into(),
            host: "ip".into(),
            scope: scope.map(str::to_owned).to_vec(),
        }
    }
}

/// Addresses without a slash at their end.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Base of `runbook_url`; default: the path in this repository.
    pub runbooks: String,
    /// Base of `dashboard_url`, Grafana's address; without it alerts have no such annotation.
    pub dashboards: Option<String>,
}

impl Default for Links {
    fn default() -> Self {
        Self { runbooks: "docs/runbooks".into(), dashboards: None }
    }
}

/// How dashboards are written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dashboards {
    /// Put before the uid of each dashboard, which begins with `pg-suite-`.
    pub uid_prefix: String,
    /// Tags beside our own.
    pub tags: Vec<String>,
}

/// What a site changes in one alert.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct AlertChange {
    /// `false` leaves the alert out.
    pub enabled: Option<bool>,
    /// Label matchers that the alert's series must satisfy, e.g. `datname!~"test.*"`.
    pub select: Option<String>,
    /// Changes of one severity: `critical`, `warning`, `info` or `none`.
    #[serde(flatten)]
    pub severities: BTreeMap<String, SeverityChange>,
}

/// What a site changes in one severity of an alert.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SeverityChange {
    /// `false` leaves this severity out.
    pub enabled: Option<bool>,
    /// How long the condition must hold.
    #[serde(rename = "for")]
    pub hold: Option<String>,
    /// How long the alert goes on after its condition ended.
    pub keep_firing_for: Option<String>,
    /// The severity that the alert is to have.
    pub severity: Option<String>,
    /// Values of the alert's parameters, e.g. `threshold`.
    #[serde(flatten)]
    pub parameters: BTreeMap<String, Parameter>,
}

/// A value in an expression: a number, a duration, or a product such as `4 * 1024`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Parameter {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Any other text.
    Text(String),
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Site {
    /// Reads a site's file.
    ///
    /// # Errors
    /// The file cannot be read, or has something else than the keys above.
    pub fn read(path: &Path) -> Result<Self, MixinError> {
        let text = std::fs::read_to_string(path).map_err(|error| MixinError::Read { path: path.into(), error })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a site's file from its text; `name` is what errors call it.
    ///
    /// # Errors
    /// The text is not YAML, or has something else than the keys above.
    pub fn parse(text: &str, name: &str) -> Result<Self, MixinError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| MixinError::Yaml { name: name.into(), error: error.to_string() })
    }
}
