//! The flags that every exporter has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use crate::http::paths;
use crate::labels::{Labels, parse_labels};
use crate::state_folder::StateFolder;
use crate::tiers::Tiers;

/// Flags, their short forms, environment variables and defaults; an exporter adds its own beside them.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Collector files: a file, a folder, or builtin:NAME for an embedded folder; can be repeated
    ///
    /// Of several, separated by commas or given by several flags, a later one replaces collectors of
    /// earlier ones: --config builtin:pg,/etc/pg-exporter/own adds files to the embedded collectors.
    #[arg(long, short = 'c', help_heading = COLLECTORS, value_name = "PATH,…", action = ArgAction::Append)]
    pub config: Vec<String>,

    /// Tags that collectors may require, separated by commas
    #[arg(long, short = 't', help_heading = COLLECTORS, value_name = "TAG,…", value_delimiter = ',')]
    pub tag: Vec<String>,

    /// Times to live of the tiers fast, norm, slow and slowest, in seconds
    #[arg(long, help_heading = COLLECTORS, value_name = "S,S,S,S", default_value = "1,10,60,300", value_parser = Tiers::parse)]
    pub cache_ttls: Tiers,

    /// Run every query at each scrape, whatever its ttl
    #[arg(long, short = 'C', help_heading = COLLECTORS, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    pub disable_cache: bool,

    /// Do not run sampled collectors, which query the server at their own pace
    #[arg(long, help_heading = COLLECTORS, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    pub disable_sampling: bool,

    /// Largest result of a collector in one database, in MiB; what is beyond is dropped and counted
    #[arg(long, help_heading = COLLECTORS, value_name = "MIB", default_value = "128", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_result_size: u16,

    /// Seconds after which a scrape returns what it has, if the scraper sends no timeout
    #[arg(long, help_heading = METRICS, value_name = "SECONDS", default_value = "9", value_parser = parse_seconds)]
    pub scrape_timeout: Duration,

    /// Labels to add to every sample, separated by commas
    #[arg(long, short = 'l', help_heading = METRICS, value_name = "NAME=VALUE,…", value_parser = parse_labels)]
    pub label: Option<Labels>,

    /// Prefix of the exporter's own metrics
    #[arg(long, short = 'n', help_heading = METRICS, value_name = "PREFIX", value_parser = parse_namespace)]
    pub namespace: Option<String>,

    /// Omit the exporter's own metrics, except up
    #[arg(long, short = 'm', help_heading = METRICS, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    pub disable_intro: bool,

    /// Address to listen on; can be repeated
    #[arg(long = "web.listen-address", id = "listen_address", help_heading = WEB, value_name = "HOST:PORT", action = ArgAction::Append)]
    pub listen_address: Vec<String>,

    /// Listen on the sockets passed by systemd instead
    #[arg(long = "web.systemd-socket", id = "systemd_socket", help_heading = WEB, action = ArgAction::Set, value_parser = parse_bool,
          default_value = "false")]
    pub systemd_socket: bool,

    /// Path under which to expose metrics
    #[arg(long = "web.telemetry-path", short = 'P', id = "telemetry_path", help_heading = WEB, value_name = "PATH",
          default_value = "/metrics", value_parser = parse_path)]
    pub telemetry_path: String,

    /// Web configuration file of exporter-toolkit: TLS, basic authentication, headers, rate limit
    #[arg(long = "web.config.file", id = "web_config", help_heading = WEB, value_name = "FILE")]
    pub web_config: Option<PathBuf>,

    /// Maximum number of HTTP connections; at the limit, the one idle for longest is closed for a new one
    #[arg(long = "web.max-connections", id = "web_max_connections", help_heading = WEB, value_name = "N", default_value = "512",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub web_max_connections: u32,

    /// Respond with OpenMetrics to every scraper that accepts it
    #[arg(long = "web.openmetrics", id = "openmetrics", help_heading = WEB, action = ArgAction::Set, value_parser = parse_bool,
          default_value = "false")]
    pub openmetrics: bool,

    #[command(flatten)]
    pub state_folder: StateFolder,

    /// Log level: debug, info, warn or error
    #[arg(long = "log.level", id = "log_level", help_heading = LOG, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// Log format: logfmt or json
    #[arg(long = "log.format", id = "log_format", help_heading = LOG, value_name = "FORMAT", default_value = "logfmt")]
    pub log_format: String,

    /// Exit if the server cannot be reached at start
    #[arg(long, short = 'f', action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    pub fail_fast: bool,

    /// Print the metrics of the loaded collectors and exit
    #[arg(long, short = 'D', action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    pub dry_run: bool,

    /// Connect, print what is planned and exit, like explain --all
    #[arg(long = "explain", short = 'E', id = "explain_flag", action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    pub explain: bool,
}

// Headings of the flags in the help.
const COLLECTORS: &str = "Collectors";
const METRICS: &str = "Metrics";
const WEB: &str = "Web";
const LOG: &str = "Log";

/// Which flags take their value from which environment variable: the part after the exporter's prefix.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    StateFolder::VARIABLE,
    ("config", "CONFIG"),
    ("label", "LABEL"),
    ("tag", "TAG"),
    ("disable_cache", "DISABLE_CACHE"),
    ("disable_sampling", "DISABLE_SAMPLING"),
    ("disable_intro", "DISABLE_INTRO"),
    ("namespace", "NAMESPACE"),
    ("fail_fast", "FAIL_FAST"),
    ("cache_ttls", "CACHE_TTLS"),
    ("max_result_size", "MAX_RESULT_SIZE"),
    ("scrape_timeout", "SCRAPE_TIMEOUT"),
    ("telemetry_path", "TELEMETRY_PATH"),
    ("listen_address", "LISTEN_ADDRESS"),
    ("systemd_socket", "SYSTEMD_SOCKET"),
    ("web_config", "WEB_CONFIG_FILE"),
    ("web_max_connections", "WEB_MAX_CONNECTIONS"),
    ("openmetrics", "OPENMETRICS"),
    ("log_level", "LOG_LEVEL"),
    ("log_format", "LOG_FORMAT"),
    ("dry_run", "DRY_RUN"),
    ("explain_flag", "EXPLAIN"),
];

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

fn parse_namespace(text: &str) -> Result<String, String> {
    let legal = !text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if legal { Ok(text.to_owned()) } else { Err("expected letters, digits and _, not a digit first".into()) }
}

fn parse_path(text: &str) -> Result<String, String> {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
    };
    let mut parts = text.strip_suffix('/').unwrap_or(text).split('/');
    // The path begins with /.
    if parts.next() != Some("") || !parts.all(is_part) {
        return Err(
            "expected a path such as /metrics, of letters, digits and - . _ ~, without empty or dotted parts".into()
        );
    }
    if paths::is_fixed(text) {
        return Err(format!("{text} is a path of the exporter itself"));
    }
    Ok(text.to_owned())
}
