//! The program's log: one line an event on standard error, in logfmt or JSON.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Begins to log. A level or format that is not known is taken as `info` and `logfmt`.
///
/// The level is that of the engine and the crates named. Libraries are heard from `warn` on: what they say below it,
/// each query among it, is of use only to who has their source at hand.
pub(crate) fn start(level: &str, format: &str, crates: &[&str]) -> Result<(), TryInitError> {
    let level = match level.to_ascii_lowercase().as_str() {
        "debug" => LevelFilter::DEBUG,
        "warn" => LevelFilter::WARN,
        "error" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    let ours = crates.iter().chain(&["engine"]).map(|name| (*name, level));
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_targets(ours);
    let registry = tracing_subscriber::registry().with(filter);
    if format == "json" {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
        registry.with(layer.with_writer(std::io::stderr)).try_init()
    } else {
        let layer = tracing_logfmt::builder().with_target(false).with_span_name(false).with_span_path(false).layer();
        registry.with(layer.with_writer(std::io::stderr)).try_init()
    }
}
