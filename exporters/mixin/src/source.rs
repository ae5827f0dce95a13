//! The sources of the rules: files of alerts with named parameters, and files of recordings in Prometheus' own form.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::error::MixinError;
use crate::site::Parameter;

#[derive(RustEmbed)]
#[folder = "../../alerts/source"]
struct Files;

/// A file of alerts of one component.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFile {
    /// The file's first comment.
    pub about: String,
    /// Recordings that only these alerts use.
    #[serde(default)]
    pub records: Vec<Record>,
    /// The alerts, in the order of the file.
    pub alerts: Vec<AlertSource>,
}

/// A recording.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The name of the series.
    pub record: String,
    /// What is recorded.
    pub expr: String,
    /// Labels that it gets.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// One alert: an expression with parameters, and their values by severity.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertSource {
    /// The alert's name, which its runbook has too.
    pub alert: String,
    /// PromQL; `@name@` is the value of a parameter.
    #[serde(default)]
    pub expr: String,
    /// The severities, most severe last.
    #[serde(default)]
    pub info: Option<SeveritySource>,
    /// See `info`.
    #[serde(default)]
    pub none: Option<SeveritySource>,
    /// See `info`.
    #[serde(default)]
    pub warning: Option<SeveritySource>,
    /// See `info`.
    #[serde(default)]
    pub critical: Option<SeveritySource>,
    /// What happens in one line; a Prometheus template.
    pub summary: String,
    /// What happens in one sentence; a Prometheus template.
    pub description: String,
    /// The dashboard that shows it; default: the component's.
    #[serde(default)]
    pub dashboard: Option<String>,
}

/// One severity of an alert.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SeveritySource {
    /// In place of the alert's own expression.
    #[serde(default)]
    pub expr: Option<String>,
    /// How long the condition must hold; default: not at all.
    #[serde(default, rename = "for")]
    pub hold: Option<String>,
    /// How long the alert goes on after its condition ended.
    #[serde(default)]
    pub keep_firing_for: Option<String>,
    /// Values of the parameters.
    #[serde(flatten)]
    pub parameters: BTreeMap<String, Parameter>,
}

impl AlertSource {
    /// The severities that the alert has, least severe first.
    pub fn severities(&self) -> impl Iterator<Item = (&'static str, &SeveritySource)> {
        [("none", &self.none), ("info", &self.info), ("warning", &self.warning), ("critical", &self.critical)]
            .into_iter()
            .filter_map(|(name, severity)| severity.as_ref().map(|severity| (name, severity)))
    }
}

/// A file of recordings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFile {
    /// The file's first comment.
    pub about: String,
    /// Groups of recordings.
    pub groups: Vec<RecordGroup>,
}

/// Recordings that are computed one after the other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordGroup {
    /// The group's name.
    pub name: String,
    /// Its recordings.
    pub rules: Vec<Record>,
}

/// One source.
#[derive(Debug, Clone)]
pub enum Source {
    /// Alerts of a component.
    Alerts(AlertFile),
    /// Recordings.
    Records(RecordFile),
}

/// The sources by the stem of their names: `sessions`, `rules-pg`.
pub type Sources = BTreeMap<String, Source>;

/// The folder of the sources of recordings for Pigsty's dashboards.
const PIGSTY: &str = "pigsty/";

/// The sources in the program, or those of a folder.
///
/// # Errors
/// A file of the folder cannot be read, or a source is wrong.
pub fn sources(folder: Option<&Path>) -> Result<Sources, MixinError> {
    folder.map_or_else(|| of_program(""), of_folder)
}

/// The recordings that only Pigsty's dashboards read.
///
/// # Errors
/// As of `sources`.
pub fn pigsty(folder: Option<&Path>) -> Result<Sources, MixinError> {
    folder.map_or_else(|| of_program(PIGSTY), |folder| of_folder(&folder.join(PIGSTY)))
}

/// The sources in the program whose path is the prefix and a name.
fn of_program(prefix: &str) -> Result<Sources, MixinError> {
    Files::iter()
        .filter_map(|path| Some((path.strip_prefix(prefix)?.to_owned(), Files::get(&path)?)))
        .filter(|(name, _)| !name.contains('/'))
        .map(|(name, file)| parsed(&name, &String::from_utf8_lossy(&file.data)))
        .collect()
}

fn of_folder(folder: &Path) -> Result<Sources, MixinError> {
    let fault = |error| MixinError::Read { path: folder.into(), error };
    let paths = fs::read_dir(folder).map_err(fault)?.map(|entry| entry.map(|entry| entry.path()));
    let paths = paths.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let is_source = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "yml");
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| MixinError::Read { path: path.clone(), error })?;
        parsed(&path.file_name().unwrap_or_default().to_string_lossy(), &text)
    };
    paths.iter().filter(is_source).map(read).collect()
}

fn parsed(name: &str, text: &str) -> Result<(String, Source), MixinError> {
    let stem = name.trim_end_matches(".yml").to_owned();
    let source = if stem.starts_with("rules-") {
        serde_saphyr::from_str(text).map(Source::Records)
    } else {
        serde_saphyr::from_str(text).map(Source::Alerts)
    };
    let source = source.map_err(|error| MixinError::Source { name: name.to_owned(), error: error.to_string() })?;
    Ok((stem, source))
}
