//! The program's log: one line an event on standard error, in logfmt or JSON.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Begins to log. A level or format that is not known is taken as `info` and `logfmt`.
pub(crate) fn start(level: &str, format: &str) -> Result<(), TryInitError> {
    let level = match level.to_ascii_lowercase().as_str() {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "warn" => LevelFilter::WARN,
        "error" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    let registry = tracing_subscriber::registry().with(level);
    if format == "json" {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
        registry.with(layer.with_writer(std::io::stderr)).try_init()
    } else {
        let layer = tracing_logfmt::builder().with_target(false).with_span_name(false).with_span_path(false).layer();
        registry.with(layer.with_writer(std::io::stderr)).try_init()
    }
}
