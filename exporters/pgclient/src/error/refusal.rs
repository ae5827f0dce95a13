//! Why a server or a pooler refused a connection.

use reason::Reason;

/// The database name of PgBouncer's console.
pub(crate) const CONSOLE_DATABASE: &str = "pgbouncer";

/// The reason for a SQLSTATE and its message.
pub(super) fn reason_of_refusal(sqlstate: &str, message: &str) -> Reason {
    match sqlstate {
        "57P03" if message.contains("shutting down") => Reason::ShuttingDown,
        "57P03" => Reason::Starting,
        "57P01" | "57P02" => Reason::ShuttingDown,
        "53300" => Reason::TooManyConnections,
        // A time limit of the session, while it waited for a lock on a catalog or a login trigger ran.
        "55P03" => Reason::Lock,
        "57014" | "25P04" => Reason::Timeout,
        "3D000" => Reason::NoDatabase,
        "42501" => Reason::Permission,
        "42704" => Reason::UnknownSetting,
        "08P01" => reason_of_pooler_refusal(message),
        _ if sqlstate.starts_with("28") => Reason::Auth,
        _ => Reason::Other,
    }
}

/// PgBouncer uses one code for most refusals, so only the message distinguishes them.
fn reason_of_pooler_refusal(message: &str) -> Reason {
    const MESSAGES: [(&str, Reason); 10] = [
        ("startup parameter", Reason::UnknownSetting),
        ("no such database", Reason::NoDatabase),
        ("no such user", Reason::Auth),
        ("auth", Reason::Auth),
        ("not allowed", Reason::Auth),
        ("SSL required", Reason::Tls),
        ("no more connections", Reason::TooManyConnections),
        ("shutting down", Reason::ShuttingDown),
        ("server_login_retry", Reason::Refused),
        ("cannot connect", Reason::Refused),
    ];
    MESSAGES.iter().find(|(part, _)| message.contains(part)).map_or(Reason::Other, |(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_sqlstate_and_message_to_reason() {
        for (sqlstate, message, reason) in [
            ("57P03", "the database system is starting up", "starting"),
            ("57P03", "the database system is shutting down", "shutting_down"),
            ("57P01", "terminating connection due to administrator command", "shutting_down"),
            ("53300", "sorry, too many clients already", "too_many_connections"),
            ("55P03", "canceling statement due to lock timeout", "lock"),
            ("57014", "canceling statement due to statement timeout", "timeout"),
            ("28P01", "password authentication failed for user \"mon\"", "auth"),
            ("28000", "no pg_hba.conf entry", "auth"),
            ("3D000", "database \"x\" does not exist", "no_database"),
            ("42501", "permission denied for database \"x\"", "permission"),
            ("42704", "unrecognized configuration parameter \"x\"", "unknown_setting"),
            ("08P01", "unsupported startup parameter: options", "unknown_setting"),
            ("08P01", "no such database: x", "no_database"),
            ("08P01", "password authentication failed", "auth"),
            ("XX000", "boom", "other"),
        ] {
            assert_eq!(reason_of_refusal(sqlstate, message).as_str(), reason, "{sqlstate} {message}");
        }
    }
}
