//! The flags that every exporter has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

/// Flags, their short forms, environment variables and defaults; an exporter adds its own beside them.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Collector files: a file, a folder, or builtin:NAME for a folder inside the program
    #[arg(long, short = 'c', value_name = "PATH")]
    pub config: Option<String>,

    /// Labels for every sample, as in `k=v,k=v`
    #[arg(long, short = 'l', value_name = "K=V,…", value_parser = parse_labels)]
    pub label: Option<Labels>,

    /// Tags that collectors may ask for, separated by commas
    #[arg(long, short = 't', value_name = "TAG,…", value_delimiter = ',')]
    pub tag: Vec<String>,

    /// Run every query at each scrape, whatever its time to live
    #[arg(long, short = 'C', value_parser = parse_bool, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub disable_cache: bool,

    /// Leave out the exporter's own metrics, all but up
    #[arg(long, short = 'm', value_parser = parse_bool, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub disable_intro: bool,

    /// Prefix of the exporter's own metrics
    #[arg(long, short = 'n', value_name = "PREFIX")]
    pub namespace: Option<String>,

    /// Exit if the server cannot be reached at start
    #[arg(long, short = 'f', value_parser = parse_bool, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub fail_fast: bool,

    /// Times to live of the tiers fast, norm, slow and slowest, in seconds
    #[arg(long, value_name = "S,S,S,S", default_value = "1,10,60,300", value_parser = Tiers::parse)]
    pub cache_ttls: Tiers,

    /// Seconds until a scrape answers with what is there, if the scraper does not send its own limit
    #[arg(long, value_name = "SECONDS", default_value = "9", value_parser = parse_seconds)]
    pub scrape_timeout: Duration,

    /// Path of the metrics
    #[arg(long = "web.telemetry-path", short = 'P', id = "telemetry_path", value_name = "PATH", default_value = "/metrics",
          value_parser = parse_path)]
    pub telemetry_path: String,

    /// Address to listen on; may be given more than once
    #[arg(long = "web.listen-address", id = "listen_address", value_name = "ADDRESS", action = ArgAction::Append)]
    pub listen_address: Vec<String>,

    /// Listen on the sockets that systemd hands over
    #[arg(long = "web.systemd-socket", id = "systemd_socket", value_parser = parse_bool, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub systemd_socket: bool,

    /// File with TLS, basic authentication, headers and rate limit, in the form of Prometheus' exporter-toolkit
    #[arg(long = "web.config.file", id = "web_config", value_name = "FILE")]
    pub web_config: Option<PathBuf>,

    /// Answer with OpenMetrics to every scraper that takes it
    #[arg(long = "web.openmetrics", id = "openmetrics", value_parser = parse_bool, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub openmetrics: bool,

    /// debug, info, warn or error
    #[arg(long = "log.level", id = "log_level", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// logfmt or json
    #[arg(long = "log.format", id = "log_format", value_name = "FORMAT", default_value = "logfmt")]
    pub log_format: String,

    /// Print the collectors that are loaded, and exit (as the command check)
    #[arg(long, short = 'D', action = ArgAction::SetTrue)]
    pub dry_run: bool,

    /// Connect, print what is planned, and exit (as the command explain)
    #[arg(long = "explain", short = 'E', id = "explain_flag", action = ArgAction::SetTrue)]
    pub explain: bool,
}

/// Which flags take their value from which environment variable: the part after the exporter's prefix.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("config", "CONFIG"),
    ("label", "LABEL"),
    ("tag", "TAG"),
    ("disable_cache", "DISABLE_CACHE"),
    ("disable_intro", "DISABLE_INTRO"),
    ("namespace", "NAMESPACE"),
    ("fail_fast", "FAIL_FAST"),
    ("cache_ttls", "CACHE_TTLS"),
    ("scrape_timeout", "SCRAPE_TIMEOUT"),
    ("telemetry_path", "TELEMETRY_PATH"),
];

/// Labels in the order given.
pub type Labels = std::sync::Arc<[(String, String)]>;

fn parse_labels(text: &str) -> Result<Labels, String> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no label: expected name=value"))?;
        let (name, value) = (name.trim(), value.trim());
        if !crate::collector::is_label_name(name) || name == "le" {
            return Err(format!(
                "{name:?} cannot name a label: expected letters, digits and _, not a digit or __ first"
            ));
        }
        if labels.iter().any(|(other, _)| other == name) {
            return Err(format!("label {name} is there twice"));
        }
        labels.push((name.into(), value.into()));
    }
    Ok(labels.into())
}

/// Reads a truth value in every spelling that Go's flags accept.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true, false, 1, 0, t or f".into()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or_else(|| "expected seconds, more than 0".into())
}

fn parse_path(text: &str) -> Result<String, String> {
    let legal = text.starts_with('/')
        && !text.contains(['?', '#', '{', '}', '%'])
        && !text.contains("//")
        && !text.contains("/.");
    if !legal {
        return Err("expected a path that begins with /, without ? # { } %, empty or dotted parts".into());
    }
    if crate::http::FIXED_PATHS.contains(&text) {
        return Err(format!("{text} is taken by the exporter itself"));
    }
    Ok(text.to_owned())
}

/// The times to live that collector files name by word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    fast: Duration,
    norm: Duration,
    slow: Duration,
    slowest: Duration,
}

impl Default for Tiers {
    fn default() -> Self {
        let [fast, norm, slow, slowest] = [1, 10, 60, 300].map(Duration::from_secs);
        Self { fast, norm, slow, slowest }
    }
}

impl Tiers {
    fn parse(text: &str) -> Result<Self, String> {
        let seconds: Option<Vec<Duration>> = text
            .split(',')
            .map(|part| part.trim().parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()))
            .collect();
        match seconds.as_deref() {
            Some(&[fast, norm, slow, slowest]) => Ok(Self { fast, norm, slow, slowest }),
            _ => Err("expected four numbers of seconds, for fast, norm, slow and slowest".into()),
        }
    }

    /// The time to live of a tier.
    pub(crate) fn by_name(&self, name: &str) -> Option<Duration> {
        match name {
            "fast" => Some(self.fast),
            "norm" => Some(self.norm),
            "slow" => Some(self.slow),
            "slowest" => Some(self.slowest),
            _ => None,
        }
    }
}
