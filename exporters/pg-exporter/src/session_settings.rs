//! The settings of the server that every session is opened with.
//!
//! They go into the start-up packet, so they cost no round trip and hold from the first statement. What a user sets in the
//! conninfo or in `PGOPTIONS` wins over them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pgclient::{Connection, Target};

/// The server ends a session that was idle for so long: for where a connection is cut and something in between, a proxy
/// or a pooler, keeps the server from noticing it. Longer than [`crate::pool::IDLE_LIMIT`], by which the exporter closes
/// an unused connection itself.
const IDLE_SESSION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// What a session needs.
enum Need {
    /// Without it there is no session.
    Required,
    /// Left out, and not sent again, where a server does not know it or does not take its value.
    Optional,
}
use Need::{Optional, Required};

/// A target whose sessions have all of them.
pub(crate) fn with_session_settings(target: Target, statement_timeout: Duration, lock_timeout_ms: u32) -> Target {
    let statement_timeout = statement_timeout.as_millis().to_string();
    let lock_timeout = lock_timeout_ms.to_string();
    let idle_session_timeout = IDLE_SESSION_TIMEOUT.as_millis().to_string();
    // None of them may be among the settings that the collector pg_setting tells: it would tell ours.
    // Times without a unit are milliseconds, those of tcp_keepalives_* seconds.
    let settings: &[(&str, &str, Need)] = &[
        // What a statement may cost the server.
        ("statement_timeout", &statement_timeout, Required),
        ("lock_timeout", &lock_timeout, Required),
        ("default_transaction_read_only", "on", Required),
        // What others may create in a schema is not called. Temporary objects are looked at last, not first.
        ("search_path", "pg_catalog, pg_temp", Required),
        // A serializable transaction is refused on a standby, and a deferrable one waits.
        ("default_transaction_isolation", "read committed", Optional),
        ("default_transaction_deferrable", "off", Optional),
        // From 11 on. Compiling costs more than it saves on catalogs.
        ("jit", "off", Optional),
        // A client that is gone is noticed within 15 seconds: by default the system takes two hours, and a role with a
        // connection limit is locked out until then. Half of what the exporter's own side takes (in pgclient), so that the
        // server has ended a session when another is opened in its place. No effect on a Unix socket.
        ("tcp_keepalives_idle", "5", Optional),
        ("tcp_keepalives_interval", "5", Optional),
        ("tcp_keepalives_count", "2", Optional),
        // From 12 on: the same where the server waits for the client to acknowledge something.
        ("tcp_user_timeout", "15000", Optional),
        // From 14 on, on Linux, macOS and illumos: a query of such a client is ended soon after.
        ("client_connection_check_interval", "5000", Optional),
        // From 14 on.
        ("idle_session_timeout", &idle_session_timeout, Optional),
    ];
    settings.iter().fold(target, |target, (name, value, need)| match need {
        Required => target.with_setting(name, value),
        Optional => target.with_optional_setting(name, value),
    })
}

/// Whether the server has `transaction_timeout`, as 17 and later do. It is not sent to one whose version is not known: an
/// older server would refuse the session, and say so in its log at each start.
#[derive(Debug, Default)]
pub(crate) struct TransactionTimeout(AtomicBool);

impl TransactionTimeout {
    /// Notes what a connection tells of its server.
    pub(crate) fn note(&self, connection: &Connection) {
        let version = crate::facts::version_of(connection.parameter("server_version").unwrap_or_default());
        self.0.store(version.0 >= 170_000, Ordering::Relaxed);
    }

    /// The target without a time limit for transactions: that of a database or role may end a session before it is ready.
    pub(crate) fn lifted(&self, target: Target) -> Target {
        if self.0.load(Ordering::Relaxed) { target.with_optional_setting("transaction_timeout", "0") } else { target }
    }
}
