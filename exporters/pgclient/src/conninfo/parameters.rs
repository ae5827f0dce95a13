//! The parameters of a connection by libpq's names, read as numbers and keywords.

use std::collections::BTreeMap;

use super::foreign::instead_of;
use crate::error::TargetError;

/// Values by libpq's parameter name, or by the name of a server setting.
pub(crate) type Parameters = BTreeMap<String, String>;

/// Parameters that are used.
const EFFECTIVE: [&str; 33] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "min_protocol_version",
    "options",
    "passfile",
    "password",
    "port",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Parameters that ask at most for what is done anyway.
const WITHOUT_EFFECT: [&str; 2] = ["max_protocol_version", "sslcompression"];

/// Parameters of libpq and of Go's drivers that are accepted and ignored, with the reason for a warning.
const IGNORED: [(&[&str], &str); 6] = [
    (&["authtype", "tty"], "libpq ignores it too"),
    (&["gssdelegation", "gsslib", "krbspn", "krbsrvname"], "GSSAPI is not supported"),
    (&["oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope"], "OAuth is not supported"),
    (
        &[
            "binary_parameters",
            "default_query_exec_mode",
            "description_cache_capacity",
            "disable_prepared_binary_result",
            "min_read_buffer_size",
            "prefer_simple_protocol",
            "statement_cache_capacity",
            "statement_cache_mode",
        ],
        "it is about another driver's way to send queries",
    ),
    (&["sslinline"], "sslcert, sslkey and sslrootcert are paths of files"),
    (&["sslkeylogfile", "sslpassword"], "only files with an unencrypted key are read, and no keys are written"),
];

/// Parameters whose values are never shown.
pub(crate) const SECRETS: [&str; 2] = ["oauth_client_secret", "sslpassword"];

/// Parameters that ask for an unsupported check or mode, each with what to do instead. Ignoring them would mislead.
const UNSUPPORTED: [(&str, &str); 7] = [
    ("replication", "remove it, the exporter opens ordinary sessions"),
    ("require_auth", "remove it, or use channel_binding=require or a client certificate"),
    ("requirepeer", "remove it, or connect over TCP with sslmode=verify-full"),
    ("scram_client_key", "set password instead"),
    ("scram_server_key", "set password instead"),
    ("sslcrl", "remove it, revocation lists are not checked"),
    ("sslcrldir", "remove it, revocation lists are not checked"),
];

/// Server settings of one word that a session can set. Other words with capital letters are no settings.
const ONE_WORD_SETTINGS: [&str; 9] =
    ["datestyle", "geqo", "intervalstyle", "jit", "role", "seed", "timezone", "xmlbinary", "xmloption"];

/// Why the parameter is ignored, if it is.
pub(crate) fn ignored(name: &str) -> Option<&'static str> {
    IGNORED.iter().find(|(names, _)| names.contains(&name)).map(|(_, why)| *why)
}

/// The name under which a parameter is kept: a server setting in lower case, since its case has no meaning to a server.
pub(crate) fn canonical_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let is_setting = match lower.as_str() {
        "application_name" | "client_encoding" => true,
        lower if !is_server_setting(lower) => false,
        lower => lower.contains(['_', '.']) || ONE_WORD_SETTINGS.contains(&lower),
    };
    if is_setting && instead_of(&lower).is_none() { lower } else { name.to_owned() }
}

/// Whether the name is a server setting rather than a libpq parameter.
pub(crate) fn is_server_setting(name: &str) -> bool {
    !EFFECTIVE.contains(&name) && !WITHOUT_EFFECT.contains(&name) && ignored(name).is_none()
}

/// The parameter as a number, if given. As in libpq it may be negative and have spaces around it.
pub(crate) fn number(parameters: &Parameters, name: &str) -> Result<Option<i32>, TargetError> {
    parameters
        .get(name)
        .map(|value| value.trim().parse().map_err(|_| TargetError::value(name, "expected a whole number")))
        .transpose()
}

/// The value that the parameter's keyword stands for, if given.
pub(crate) fn keyword<T: Copy>(
    parameters: &Parameters,
    name: &str,
    keywords: &[(&str, T)],
) -> Result<Option<T>, TargetError> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    match keywords.iter().find(|(keyword, _)| keyword == value) {
        Some((_, meaning)) => Ok(Some(*meaning)),
        None => {
            let known: Vec<&str> = keywords.iter().map(|(keyword, _)| *keyword).collect();
            Err(TargetError::value(name, format!("expected one of {}", known.join(", "))))
        }
    }
}

/// Refuses parameters that are unsupported or another driver's, and names that cannot be settings.
pub(crate) fn check_name(name: &str) -> Result<(), TargetError> {
    let unsupported = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name).map(|(_, instead)| *instead);
    if !is_server_setting(name) {
        return Ok(());
    }
    if let Some(instead) = unsupported.or_else(|| instead_of(name)) {
        return Err(TargetError::Unsupported { parameter: name.to_owned(), instead });
    }
    let lower = name.to_ascii_lowercase();
    if !is_server_setting(&lower) || UNSUPPORTED.iter().any(|(unsupported, _)| *unsupported == lower) {
        return Err(TargetError::value(name, "unknown parameter: names of connection parameters are in lower case"));
    }
    // An impossible name is not quoted: it may be part of a password with an unquoted space.
    let plausible = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c))
        && ((!name.contains("pass") && !name.contains("pwd")) || name == "password_encryption" || name.contains('.'));
    if plausible {
        Ok(())
    } else {
        Err(TargetError::value("conninfo", "unknown parameter: expected one of libpq or a server setting"))
    }
}
