//! The parameters of a connection by libpq's names: gathered from conninfo, service file and environment, and read as
//! numbers and words.

use crate::environment::Environment;
use crate::error::TargetError;
use crate::{keyvalue, service, url};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Values by libpq's parameter name, or by the name of a server setting.
pub(crate) type Parameters = BTreeMap<String, String>;

const VARIABLES: [(&str, &str); 25] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGDATABASE", "dbname"),
    ("PGAPPNAME", "application_name"),
    ("PGOPTIONS", "options"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGSERVICE", "service"),
];

/// What has an effect, some of it set by [`VARIABLES`] too.
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

/// What libpq knows and has no effect here: there is no GSSAPI, no TLS compression and no protocol but 3.0.
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

/// What asks for a check or a mode that does not exist here, so that going on without it would mislead.
const UNSUPPORTED: [(&str, &str); 8] = [
    ("replication", "this is for ordinary sessions"),
    ("require_auth", "leave it out, or require channel_binding or a client certificate"),
    ("requirepeer", "leave it out, or connect by TCP with sslmode=verify-full"),
    ("scram_client_key", "give the password"),
    ("scram_server_key", "give the password"),
    ("sslcrl", "leave it out"),
    ("sslcrldir", "leave it out"),
    ("sslpassword", "give an sslkey file that is not encrypted"),
];

/// All parameters given: the conninfo's own first, then its service's, then the environment's. An empty value of a libpq
/// parameter counts as not given.
pub(crate) fn gather(conninfo: &str, env: &Environment) -> Result<Parameters, TargetError> {
    let mut parameters = parse(conninfo.trim())?;
    drop_empty(&mut parameters);
    if let Some(name) = parameters.get("service").map(String::as_str).or_else(|| env.variable("PGSERVICE")) {
        let file = parameters.get("servicefile").map(String::as_str);
        let of_service = service::parameters(name, file, env)?;
        add(&mut parameters, of_service);
        drop_empty(&mut parameters);
    }
    let of_environment = VARIABLES
        .into_iter()
        .filter_map(|(variable, name)| Some((name.to_owned(), env.variable(variable)?.to_owned())));
    add(&mut parameters, of_environment);
    for name in parameters.keys() {
        check_name(name)?;
    }
    Ok(parameters)
}

/// Whether the name is a setting of the server rather than a parameter of the connection.
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

/// What the parameter's word stands for, if given.
pub(crate) fn word<T: Copy>(
    parameters: &Parameters,
    name: &str,
    words: &[(&str, T)],
) -> Result<Option<T>, TargetError> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    match words.iter().find(|(word, _)| word == value) {
        Some((_, meaning)) => Ok(Some(*meaning)),
        None => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Err(TargetError::value(name, format!("expected one of {}", known.join(", "))))
        }
    }
}

fn parse(conninfo: &str) -> Result<Parameters, TargetError> {
    for scheme in ["postgres://", "postgresql://"] {
        if let Some(rest) = conninfo.strip_prefix(scheme) {
            return url::parse(conninfo, rest);
        }
    }
    let before_value = conninfo.split('=').next().unwrap_or_default();
    if before_value.contains("://") || (before_value == conninfo && !conninfo.is_empty()) {
        let problem = "expected postgres://, postgresql:// or key=value";
        return Err(TargetError::Syntax { at: 1, problem });
    }
    keyvalue::parse(conninfo)
}

fn add(parameters: &mut Parameters, fallback: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in fallback {
        parameters.entry(name).or_insert(value);
    }
}

fn drop_empty(parameters: &mut Parameters) {
    parameters.retain(|name, value| !value.is_empty() || is_server_setting(name));
}

fn check_name(name: &str) -> Result<(), TargetError> {
    if let Some((_, instead)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
        return Err(TargetError::Unsupported { parameter: name.to_owned(), instead });
    }
    if !is_server_setting(name) {
        return Ok(());
    }
    // The name is not quoted where it cannot be one: it may be a piece of a password with an unquoted space.
    let plausible = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c));
    if !plausible {
        let problem = "a name is neither libpq's nor can it be a server setting's, which is lower case";
        return Err(TargetError::value("conninfo", problem));
    }
    if (name.contains("pass") || name.contains("pwd")) && name != "password_encryption" {
        return Err(TargetError::value(name, "not a known parameter, did you mean password or passfile?"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Environment {
        Environment::from_variables::<&str, &str>([])
    }

    #[test]
    fn precedence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        std::fs::write(&file, "[prod]\nhost=service\nport=2\ndbname=service\n").unwrap();
        let env = Environment::from_variables([
            ("PGSERVICEFILE", file.to_str().unwrap()),
            ("PGSERVICE", "prod"),
            ("PGHOST", "environment"),
            ("PGPORT", "3"),
            ("PGDATABASE", "environment"),
            ("PGUSER", "environment"),
            ("PGAPPNAME", ""),
        ]);
        let parameters = gather("host=string port=''", &env).unwrap();
        assert_eq!(parameters["host"], "string");
        assert_eq!(parameters["port"], "2");
        assert_eq!(parameters["dbname"], "service");
        assert_eq!(parameters["user"], "environment");
        assert!(!parameters.contains_key("application_name"));
    }

    #[test]
    fn both_forms_and_none() {
        assert_eq!(gather("postgresql://h/d", &nothing()).unwrap(), gather(" host=h dbname=d\n", &nothing()).unwrap());
        assert!(gather("", &nothing()).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_conninfo_is_named_not_quoted() {
        for text in ["mysql://u:s3cret@h/db?a=b", "s3cret", "postgres:/s3cret", "//u:s3cret@h"] {
            let error = gather(text, &nothing()).unwrap_err();
            assert_eq!(error.to_string(), "conninfo, character 1: expected postgres://, postgresql:// or key=value");
        }
    }

    #[test]
    fn names() {
        assert!(
            gather("postgres://h/d?statement_timeout=5s&pg_stat_statements.track=all&sslmod=x", &nothing()).is_ok()
        );
        assert!(gather("gssencmode=disable krbsrvname=x", &nothing()).is_ok());
        for (text, error) in [
            ("sslpassword=s3cret", "sslpassword is not supported: give an sslkey file that is not encrypted"),
            ("passwd=s3cret", "passwd: not a known parameter, did you mean password or passfile?"),
            (
                "password=a S3cret=x",
                "conninfo: a name is neither libpq's nor can it be a server setting's, which is lower case",
            ),
        ] {
            assert_eq!(gather(text, &nothing()).unwrap_err().to_string(), error);
        }
    }
}
