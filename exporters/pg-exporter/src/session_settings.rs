//! The server settings that every session is opened with.
//!
//! They are part of the startup packet, so they cost no round trip and apply from the first statement. The conninfo and
//! `PGOPTIONS` override them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pgclient::{Connection, Target};

/// The server ends a session that was idle for this long: needed if a connection is cut and a proxy or pooler in between
/// hides it from the server. Longer than the pool's idle limit, so the exporter closes an unused connection first.
const IDLE_SESSION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Whether a session needs a setting.
enum Need {
    /// No session without it.
    Required,
    /// Omitted if a server does not know it or refuses its value.
    Optional,
}
use Need::{Optional, Required};

/// The `statement_timeout` for queries with this time limit: longer, so that it ends only those that the exporter does not.
pub(crate) fn statement_timeout(query_timeout: Duration) -> Duration {
    query_timeout + Duration::from_secs(1)
}

/// The target with the settings of every session.
pub(crate) fn with_session_settings(target: Target, statement_timeout: Duration, lock_timeout_ms: u32) -> Target {
    let statement_timeout = statement_timeout.as_millis().to_string();
    let lock_timeout = lock_timeout_ms.to_string();
    let idle_session_timeout = IDLE_SESSION_TIMEOUT.as_millis().to_string();
    // None of them may be a setting that the collector pg_setting exports: it would export ours.
    // Times are in milliseconds, those of tcp_keepalives_* in seconds.
    let settings: &[(&str, &str, Need)] = &[
        // Limits on what a statement may cost the server.
        ("statement_timeout", &statement_timeout, Required),
        ("lock_timeout", &lock_timeout, Required),
        ("default_transaction_read_only", "on", Required),
        // Objects that others created in a schema are not used. Temporary objects are searched last, not first.
        ("search_path", "pg_catalog, pg_temp", Required),
        // A standby refuses serializable transactions, and deferrable ones wait.
        ("default_transaction_isolation", "read committed", Optional),
        ("default_transaction_deferrable", "off", Optional),
        // What a statement means, and how values are written as text.
        ("standard_conforming_strings", "on", Optional),
        ("transform_null_equals", "off", Optional),
        ("quote_all_identifiers", "off", Optional),
        ("extra_float_digits", "1", Optional),
        ("DateStyle", "ISO, MDY", Optional),
        ("IntervalStyle", "postgres", Optional),
        // A library that is missing ends the session.
        ("local_preload_libraries", "", Optional),
        // From 11 on. JIT costs more than it saves for catalog queries.
        ("jit", "off", Optional),
        // The server detects a lost client within 15 seconds. By default the system takes two hours, during which a role with a
        // connection limit is locked out. Half the time of the exporter's side (in pgclient), so that the server has ended a
        // session before another one is opened in its slot. No effect on a Unix socket.
        ("tcp_keepalives_idle", "5", Optional),
        ("tcp_keepalives_interval", "5", Optional),
        ("tcp_keepalives_count", "2", Optional),
        // From 12 on: the same while the server waits for an acknowledgement.
        ("tcp_user_timeout", "15000", Optional),
        // From 14 on, on Linux, macOS and illumos: ends a query of a lost client soon after.
        ("client_connection_check_interval", "5000", Optional),
        // From 14 on.
        ("idle_session_timeout", &idle_session_timeout, Optional),
    ];
    settings.iter().fold(target, |target, (name, value, need)| match need {
        Required => target.with_setting(name, value),
        Optional => target.with_optional_setting(name, value),
    })
}

/// Whether the server has `transaction_timeout`, as 17 and later do. It is not sent while the version is unknown: an older
/// server would refuse the session and log it at each start.
#[derive(Debug, Default)]
pub(crate) struct TransactionTimeout(AtomicBool);

impl TransactionTimeout {
    /// Records the version that a connection reports.
    pub(crate) fn note(&self, connection: &Connection) {
        let version = crate::facts::version_of(connection.parameter("server_version").unwrap_or_default());
        self.0.store(version.0 >= 170_000, Ordering::Relaxed);
    }

    /// The target without `transaction_timeout`: the one of a database or role could end a session before it is prepared.
    pub(crate) fn lifted(&self, target: Target) -> Target {
        if self.0.load(Ordering::Relaxed) { target.with_optional_setting("transaction_timeout", "0") } else { target }
    }
}
