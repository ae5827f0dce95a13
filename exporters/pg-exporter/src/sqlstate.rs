//! What the SQLSTATE and the message of a failed query mean.

use engine::Reason;
use tokio_postgres::error::SqlState;

/// The reason for a SQLSTATE.
pub(crate) fn reason(code: &SqlState) -> Reason {
    match code.code() {
        "57014" => Reason::Timeout,
        "55P03" => Reason::Lock,
        "42501" => Reason::Permission,
        // 57P05: idle_session_timeout, if it is set shorter than the idle limit.
        // 25P03, 25P04: a time limit for transactions, which also ends the session.
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => Reason::Closed,
        "57P03" => Reason::Starting,
        "53300" => Reason::TooManyConnections,
        _ => Reason::Sql,
    }
}

/// Whether a relation, function or type was not found.
pub(crate) fn is_unknown_name(code: &SqlState) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_FUNCTION, SqlState::UNDEFINED_OBJECT].contains(code)
}

/// Whether text was not valid in the encoding of the database, or has no counterpart there.
pub(crate) fn is_about_encoding(code: &SqlState) -> bool {
    [SqlState::CHARACTER_NOT_IN_REPERTOIRE, SqlState::UNTRANSLATABLE_CHARACTER].contains(code)
}

/// Objects in messages about a missing privilege, as in `permission denied for schema x`, and the privilege to read them.
const PRIVILEGES: [(&str, &str); 10] = [
    ("schema ", "USAGE ON SCHEMA"),
    ("function ", "EXECUTE ON FUNCTION"),
    ("sequence ", "SELECT ON SEQUENCE"),
    ("table ", "SELECT ON TABLE"),
    ("view ", "SELECT ON TABLE"),
    ("materialized view ", "SELECT ON TABLE"),
    ("foreign table ", "SELECT ON TABLE"),
    // Before 11, for all of these.
    ("relation ", "SELECT ON TABLE"),
    ("foreign server ", "USAGE ON FOREIGN SERVER"),
    ("type ", "USAGE ON TYPE"),
];

/// The GRANT without its TO that a message of SQLSTATE 42501 says is missing. A server that writes another language does not
/// tell.
pub(crate) fn missing_grant(message: &str) -> Option<String> {
    let object = message.strip_prefix("permission denied for ")?;
    let (name, privilege) =
        PRIVILEGES.iter().find_map(|(kind, privilege)| Some((object.strip_prefix(kind)?, privilege)))?;
    Some(grant(privilege, name))
}

/// The GRANT without its TO for a schema.
pub(crate) fn on_schema(name: &str) -> String {
    grant("USAGE ON SCHEMA", name)
}

fn grant(privilege: &str, name: &str) -> String {
    format!("GRANT {privilege} \"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_missing_grant_from_message() {
        for (message, expected) in [
            ("permission denied for schema Own \"x\"", Some(r#"GRANT USAGE ON SCHEMA "Own ""x""""#)),
            ("permission denied for materialized view m", Some(r#"GRANT SELECT ON TABLE "m""#)),
            ("permission denied for relation r", Some(r#"GRANT SELECT ON TABLE "r""#)),
            ("permission denied for function f", Some(r#"GRANT EXECUTE ON FUNCTION "f""#)),
            ("permission denied to set role \"x\"", None),
            ("keine Berechtigung für Schema x", None),
        ] {
            assert_eq!(missing_grant(message).as_deref(), expected, "{message}");
        }
    }
}
