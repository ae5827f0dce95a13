//! What the process knows of itself, whatever servers it reads.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Counts and states of the process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessStatus {
    /// Lines of the log that found no room or could not be written.
    pub log_lines_dropped: Counter,
    /// HTTP connections that are open.
    pub http_connections: Gauge,
    /// HTTP connections that may be open.
    pub http_connections_limit: Gauge,
    /// HTTP connections closed to make room for others.
    pub http_connections_closed: Counter,
    web_config: Arc<Mutex<WebConfigState>>,
}

/// What became of the web configuration file when it was last read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum WebConfigState {
    /// There is none.
    #[default]
    Absent,
    /// It is in force as it is.
    InForce,
    /// It has changed, and what was in force before still is, for this reason.
    Refused(String),
}

impl ProcessStatus {
    /// The state of the web configuration file.
    pub fn web_config(&self) -> WebConfigState {
        self.web_config.lock().clone()
    }

    /// Notes what became of it.
    pub fn note_web_config(&self, state: WebConfigState) {
        *self.web_config.lock() = state;
    }
}
