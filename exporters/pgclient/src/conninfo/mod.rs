//! Reads connection parameters: from the conninfo, then its service, then the environment.

pub(crate) mod keyvalue;
pub(crate) mod parameters;
pub(crate) mod service;
pub(crate) mod url;

use self::parameters::{Parameters, check_name, is_server_setting};
use crate::environment::Environment;
use crate::error::TargetError;

/// libpq's environment variables and the parameters that they set.
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

/// Reads all given parameters: the conninfo's own first, then its service's, then the environment's. An empty value of a
/// libpq parameter counts as unset.
pub(crate) fn read(conninfo: &str, env: &Environment) -> Result<Parameters, TargetError> {
    let mut parameters = parse(conninfo.trim())?;
    drop_empty(&mut parameters);
    if let Some(name) = parameters.get("service").map(String::as_str).or_else(|| env.variable("PGSERVICE")) {
        let file = parameters.get("servicefile").map(String::as_str);
        let from_service = service::parameters(name, file, env)?;
        add(&mut parameters, from_service);
        drop_empty(&mut parameters);
    }
    let from_environment = VARIABLES
        .into_iter()
        .filter_map(|(variable, name)| Some((name.to_owned(), env.variable(variable)?.to_owned())));
    add(&mut parameters, from_environment);
    for name in parameters.keys() {
        check_name(name)?;
    }
    Ok(parameters)
}

fn parse(conninfo: &str) -> Result<Parameters, TargetError> {
    // In the protocol a NUL ends a value, so that what follows would be a parameter.
    if let Some(before) = conninfo.chars().position(|c| c == '\0') {
        return Err(TargetError::Syntax { at: before + 1, problem: "a NUL character" });
    }
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

/// Adds parameters that are not set yet.
fn add(parameters: &mut Parameters, fallback: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in fallback {
        parameters.entry(name).or_insert(value);
    }
}

fn drop_empty(parameters: &mut Parameters) {
    parameters.retain(|name, value| !value.is_empty() || is_server_setting(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_environment() -> Environment {
        Environment::from_variables::<&str, &str>([])
    }

    #[test]
    fn prefers_conninfo_then_service_then_environment() {
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
        let parameters = read("host=string port=''", &env).unwrap();
        assert_eq!(parameters["host"], "string");
        assert_eq!(parameters["port"], "2");
        assert_eq!(parameters["dbname"], "service");
        assert_eq!(parameters["user"], "environment");
        assert!(!parameters.contains_key("application_name"));
    }

    #[test]
    fn parses_url_and_keyvalue() {
        assert_eq!(
            read("postgresql://h/d", &empty_environment()).unwrap(),
            read(" host=h dbname=d\n", &empty_environment()).unwrap()
        );
        assert!(read("", &empty_environment()).unwrap().is_empty());
    }

    #[test]
    fn rejects_other_text_without_quoting_it() {
        for text in ["mysql://u:s3cret@h/db?a=b", "s3cret", "postgres:/s3cret", "//u:s3cret@h"] {
            let error = read(text, &empty_environment()).unwrap_err();
            assert_eq!(error.to_string(), "conninfo, character 1: expected postgres://, postgresql:// or key=value");
        }
    }

    #[test]
    fn rejects_nul() {
        for text in ["user=a\0b", "postgres://a\0b@h/d"] {
            let error = read(text, &empty_environment()).unwrap_err().to_string();
            assert!(error.ends_with(": a NUL character"), "{error}");
        }
    }

    #[test]
    fn checks_names_without_quoting_values() {
        assert!(
            read("postgres://h/d?statement_timeout=5s&pg_stat_statements.track=all&sslmod=x", &empty_environment())
                .is_ok()
        );
        assert!(read("gssencmode=disable krbsrvname=x", &empty_environment()).is_ok());
        for (text, error) in [
            ("sslpassword=s3cret", "sslpassword is not supported: set sslkey to a file that is not encrypted"),
            ("passwd=s3cret", "passwd: unknown parameter (did you mean password or passfile?)"),
            (
                "password=a S3cret=x",
                "conninfo: unknown parameter: expected a libpq parameter or a server setting in lower case",
            ),
        ] {
            assert_eq!(read(text, &empty_environment()).unwrap_err().to_string(), error);
        }
    }
}
