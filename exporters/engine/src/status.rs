//! The state of the process, independent of the servers that it reads.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Counts and states of the process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessStatus {
    /// Log lines that were dropped because the queue was full or that could not be written.
    pub log_lines_dropped: Counter,
    /// HTTP connections that are open.
    pub http_connections: Gauge,
    /// HTTP connections that may be open.
    pub http_connections_limit: Gauge,
    /// HTTP connections closed to make room for others.
    pub http_connections_closed: Counter,
    web_config: Arc<Mutex<WebConfigState>>,
    certificate_expiry: Arc<Mutex<Option<f64>>>,
}

/// The outcome of the last read of the web configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum WebConfigState {
    /// There is none.
    #[default]
    Absent,
    /// It is in effect.
    InForce,
    /// It has changed, and the previous one stays in effect, for this reason.
    Refused(String),
}

impl ProcessStatus {
    /// The state of the web configuration file.
    pub fn web_config(&self) -> WebConfigState {
        self.web_config.lock().clone()
    }

    /// Sets that state.
    pub fn note_web_config(&self, state: WebConfigState) {
        *self.web_config.lock() = state;
    }

    /// When the exporter's own certificate expires, in Unix seconds; `None` without TLS.
    pub fn certificate_expiry(&self) -> Option<f64> {
        *self.certificate_expiry.lock()
    }

    /// Sets that time.
    pub fn note_certificate_expiry(&self, expiry: Option<f64>) {
        *self.certificate_expiry.lock() = expiry;
    }
}
