//! The parameters of a connection by libpq's names, read as numbers and keywords.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::TargetError;

/// Values by libpq's parameter name, or by the name of a server setting.
pub(crate) type Parameters = BTreeMap<String, String>;

/// Parameters that are used.
const EFFECTIVE: [&str; 29] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Parameters of libpq that are accepted and ignored: GSSAPI, TLS compression and protocols other than 3.0 are not supported.
const WITHOUT_EFFECT: [&str; 17] = [
    "authtype",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "requiressl",
    "sslcertmode",
    "sslcompression",
    "sslkeylogfile",
    "sslsni",
    "tty",
];

/// Parameters that ask for an unsupported check or mode, each with what to do instead. Ignoring them would mislead.
const UNSUPPORTED: [(&str, &str); 8] = [
    ("replication", "remove it, the exporter opens ordinary sessions"),
    ("require_auth", "remove it, or use channel_binding=require or a client certificate"),
    ("requirepeer", "remove it, or connect over TCP with sslmode=verify-full"),
    ("scram_client_key", "set password instead"),
    ("scram_server_key", "set password instead"),
    ("sslcrl", "remove it"),
    ("sslcrldir", "remove it"),
    ("sslpassword", "set sslkey to a file that is not encrypted"),
];

/// Whether the name is a server setting rather than a libpq parameter.
pub(crate) fn is_server_setting(name: &str) -> bool {
    !EFFECTIVE.contains(&name) && !WITHOUT_EFFECT.contains(&name)
}

/// The parameter as a number, if given.
pub(crate) fn number<N: FromStr>(parameters: &Parameters, name: &str) -> Result<Option<N>, TargetError> {
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

/// Refuses parameters that are unsupported and names that cannot be settings.
pub(crate) fn check_name(name: &str) -> Result<(), TargetError> {
    if let Some((_, instead)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
        return Err(TargetError::Unsupported { parameter: name.to_owned(), instead });
    }
    if !is_server_setting(name) {
        return Ok(());
    }
    // An impossible name is not quoted: it may be part of a password with an unquoted space.
    let plausible = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c));
    if !plausible {
        let problem = "unknown parameter: expected a libpq parameter or a server setting in lower case";
        return Err(TargetError::value("conninfo", problem));
    }
    if (name.contains("pass") || name.contains("pwd")) && name != "password_encryption" {
        return Err(TargetError::value(name, "unknown parameter (did you mean password or passfile?)"));
    }
    Ok(())
}
