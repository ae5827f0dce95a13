//! Reads connection parameters: from the conninfo, then its service, then the environment.

mod foreign;
pub(crate) mod given;
pub(crate) mod keyvalue;
pub(crate) mod parameters;
pub(crate) mod service;
pub(crate) mod url;

use std::ffi::OsStr;

use self::foreign::problem_of_prefix;
use self::given::Given;
use self::parameters::check_name;
use crate::environment::Environment;
use crate::error::TargetError;

/// libpq's environment variables and the parameters that they set.
const VARIABLES: [(&str, &str); 32] = [
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
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLSNI", "sslsni"),
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
    ("PGGSSENCMODE", "gssencmode"),
    ("PGMINPROTOCOLVERSION", "min_protocol_version"),
    ("PGTZ", "timezone"),
    ("PGDATESTYLE", "datestyle"),
    ("PGGEQO", "geqo"),
];

/// What a conninfo looks like.
const EXPECTED: &str = "expected postgresql://HOST:PORT/DBNAME, or key=value as in host=HOST port=PORT dbname=DBNAME";

/// Reads all given parameters: the conninfo's own first, then its service's, then the environment's. An empty value of a
/// libpq parameter counts as unset.
pub(crate) fn read(conninfo: &str, env: &Environment) -> Result<Given, TargetError> {
    let mut given = parse(conninfo.trim())?;
    given.drop_empty();
    let service = match given.parameters.get("service") {
        Some(name) => Some(name.as_str()),
        None => env.variable("PGSERVICE")?,
    };
    if let Some(name) = service {
        let file = given.parameters.get("servicefile").map(OsStr::new);
        given.add(service::parameters(name, file, env)?);
        given.drop_empty();
    }
    for (variable, name) in VARIABLES {
        let value = env.bytes(variable).filter(|_| !given.has(name));
        if let Some(value) = value {
            given.insert(name, value.to_vec()).map_err(|_| TargetError::not_utf8(variable))?;
        }
    }
    for name in given.parameters.keys() {
        check_name(name)?;
    }
    Ok(given)
}

fn parse(conninfo: &str) -> Result<Given, TargetError> {
    // In the protocol a NUL ends a value, so that what follows would be a parameter.
    if let Some(before) = conninfo.chars().position(|c| c == '\0') {
        return Err(TargetError::Syntax { at: before + 1, problem: "a NUL character" });
    }
    for scheme in ["postgres://", "postgresql://"] {
        if let Some(rest) = conninfo.strip_prefix(scheme) {
            return url::parse(conninfo, rest);
        }
    }
    if let Some(problem) = problem_of_prefix(conninfo) {
        return Err(TargetError::Syntax { at: 1, problem });
    }
    let before_value = conninfo.split('=').next().unwrap_or_default();
    if before_value.contains("://") || (before_value == conninfo && !conninfo.is_empty()) {
        return Err(TargetError::Syntax { at: 1, problem: EXPECTED });
    }
    keyvalue::parse(conninfo)
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
        let given = read("host=string port=''", &env).unwrap();
        assert_eq!(
            given.pairs(),
            ["dbname=service", "host=string", "port=2", "service=prod", "user=environment"].map(str::to_owned)
        );
    }

    fn pairs(conninfo: &str) -> Vec<String> {
        read(conninfo, &empty_environment()).unwrap_or_else(|error| panic!("{conninfo}: {error}")).pairs()
    }

    fn error(conninfo: &str) -> String {
        read(conninfo, &empty_environment()).err().unwrap_or_else(|| panic!("{conninfo} is accepted")).to_string()
    }

    #[test]
    fn parses_url_and_keyvalue() {
        assert_eq!(pairs("postgresql://h/d"), pairs(" host=h dbname=d\n"));
        assert!(pairs("").is_empty());
    }

    #[test]
    fn rejects_other_text_without_quoting_it() {
        for text in ["mysql://u:s3cret@h/db?a=b", "s3cret", "s3cret:5432", "postgres:/s3cret", "//u:s3cret@h"] {
            assert_eq!(error(text), format!("conninfo, character 1: {EXPECTED}"));
        }
        for (text, words) in [
            ("jdbc:postgresql://h/db?password=s3cret", "remove the prefix jdbc:"),
            ("JDBC:postgresql:db", "remove the prefix jdbc:"),
            ("postgresql+psycopg2://u:s3cret@h/db", "remove the driver's name from the scheme"),
            ("cockroachdb://u:s3cret@h/db", "replace the scheme"),
            ("http://u:s3cret@h:5432/db", "an address of HTTP"),
            ("\"postgres://u:s3cret@h/db\"", "remove the quotes"),
            ("'host=h password=s3cret'", "remove the quotes"),
            ("PG_EXPORTER_URL=postgres://u:s3cret@h/db", "remove the name of the variable"),
            ("export PGURL=postgres://u:s3cret@h/db", "remove the name of the variable"),
        ] {
            let error = error(text);
            assert!(error.contains(words) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn rejects_nul() {
        for text in ["user=a\0b", "postgres://a\0b@h/d"] {
            assert!(error(text).ends_with(": a NUL character"));
        }
    }

    #[test]
    fn uses_bytes_of_a_password_and_refuses_other_bytes() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let foreign = || OsString::from_vec(b"p\xffw".to_vec());
        let env = Environment::from_variables([("PGPASSWORD", foreign())]);
        assert_eq!(read("", &env).unwrap().password.unwrap(), b"p\xffw");
        for (variable, name) in VARIABLES.iter().filter(|(_, name)| *name != "password") {
            let env = Environment::from_variables([(*variable, foreign())]);
            let error = read("", &env).err().unwrap().to_string();
            assert!(error.starts_with(&format!("{variable}: the value is not UTF-8")), "{error}");
            // What is not used cannot mislead.
            if !["service", "sslcrl", "sslcrldir", "require_auth", "requirepeer"].contains(name) {
                assert!(read(&format!("{name}=1"), &env).is_ok(), "{name}");
            }
        }
    }

    /// Parameters of libpq 18 and 19, lib/pq, pgx, JDBC, Prisma, Django, SQLAlchemy, Rails and .NET: used, ignored with a
    /// warning, sent to the server under this name, or refused with these words.
    #[test]
    fn decides_every_known_parameter() {
        for name in "application_name channel_binding client_encoding connect_timeout dbname fallback_application_name \
                     gssencmode host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval \
                     load_balance_hosts max_protocol_version min_protocol_version options passfile port \
                     ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression sslkey sslmode \
                     sslnegotiation sslrootcert sslsni target_session_attrs tcp_user_timeout user"
            .split_whitespace()
        {
            assert_eq!(pairs(&format!("{name}=1")), [format!("{name}=1")]);
            assert_eq!(parameters::ignored(name), None, "{name}");
            assert!(!parameters::is_server_setting(name), "{name}");
        }
        for name in "authtype binary_parameters default_query_exec_mode description_cache_capacity \
                     disable_prepared_binary_result gssdelegation gsslib krbspn krbsrvname min_read_buffer_size \
                     oauth_client_id oauth_client_secret oauth_issuer oauth_scope prefer_simple_protocol sslinline \
                     sslkeylogfile sslpassword statement_cache_capacity statement_cache_mode tty"
            .split_whitespace()
        {
            assert_eq!(pairs(&format!("{name}=1")), [format!("{name}=1")]);
            assert!(parameters::ignored(name).is_some() && !parameters::is_server_setting(name), "{name}");
        }
        for (name, sent) in [
            ("TimeZone", "timezone"),
            ("timezone", "timezone"),
            ("DateStyle", "datestyle"),
            ("IntervalStyle", "intervalstyle"),
            ("Application_Name", "application_name"),
            ("CLIENT_ENCODING", "client_encoding"),
            ("STATEMENT_TIMEOUT", "statement_timeout"),
            ("Search_Path", "search_path"),
            ("statement_timeout", "statement_timeout"),
            ("pg_stat_statements.track", "pg_stat_statements.track"),
            ("myApp.tenantId", "myapp.tenantid"),
            ("ROLE", "role"),
            ("jit", "jit"),
            ("password_encryption", "password_encryption"),
            // Not known to us: the server decides.
            ("sslmod", "sslmod"),
        ] {
            assert_eq!(pairs(&format!("{name}=1")), [format!("{sent}=1")]);
            assert!(pairs(&format!("postgres://h/?{name}=1")).contains(&format!("{sent}=1")), "{name}");
        }
        for (name, words) in [
            ("replication", "the exporter opens ordinary sessions"),
            ("require_auth", "use channel_binding=require"),
            ("requirepeer", "sslmode=verify-full"),
            ("scram_client_key", "set password"),
            ("scram_server_key", "set password"),
            ("sslcrl", "revocation lists are not checked"),
            ("sslcrldir", "revocation lists are not checked"),
            ("requiressl", "write sslmode=require"),
            ("pgbouncer", "connect to PostgreSQL itself"),
            ("schema", "write search_path"),
            ("connection_limit", "--max-connections"),
            ("pool_timeout", "--max-connections"),
            ("statement_cache_size", "another driver's way"),
            ("sslidentity", "write sslcert=FILE"),
            ("sslaccept", "write sslmode="),
            ("pool_max_conns", "--max-connections"),
            ("pool_min_idle_conns", "--max-connections"),
            ("pool_max_conn_lifetime", "--max-connections"),
            ("pool_health_check_period", "--max-connections"),
            ("conn_max_age", "--max-connections"),
            ("ssl_require", "write sslmode="),
            ("engine", "about an application"),
            ("pool_size", "--max-connections"),
            ("prepared_statement_cache_size", "another driver's way"),
            ("adapter", "about an application"),
            ("encoding", "client_encoding is always UTF8"),
            ("currentSchema", "write search_path"),
            ("ssl", "write sslmode="),
            ("sslfactory", "sslrootcert=FILE"),
            ("loggerLevel", "about an application"),
            ("ApplicationName", "write application_name"),
            ("connectTimeout", "write connect_timeout"),
            ("socketTimeout", "write statement_timeout"),
            ("targetServerType", "write target_session_attrs"),
            ("prepareThreshold", "another driver's way"),
            ("reWriteBatchedInserts", "another driver's way"),
            ("tcpKeepAlive", "write keepalives"),
            ("readOnly", "sessions are read-only"),
            ("database", "write dbname"),
            ("Database", "write dbname"),
            ("Username", "write user"),
            ("PWD", "write password"),
            ("passwd", "write password"),
            ("Host", "names of connection parameters are in lower case"),
            ("Password", "names of connection parameters are in lower case"),
            ("sslMode", "names of connection parameters are in lower case"),
            ("gssEncMode", "names of connection parameters are in lower case"),
        ] {
            for conninfo in [format!("{name}=s3cret"), format!("postgres://u@h/d?{name}=s3cret"), format!("{name}=''")]
            {
                let error = error(&conninfo);
                assert!(error.starts_with(name) && error.contains(words) && !error.contains("s3cret"), "{error}");
            }
        }
        // The same in libpq.
        assert_eq!(pairs("postgres://h/d?ssl=true"), ["dbname=d", "host=h", "sslmode=require"].map(str::to_owned));
    }

    #[test]
    fn does_not_quote_an_impossible_name() {
        for text in ["password=a S3cret=x", "postgres://u:p@h/?password=a&S3cret=x", "my-s3cret=x", "my_s3cret_pass=1"]
        {
            let error = error(text);
            assert_eq!(error, "conninfo: unknown parameter: expected one of libpq or a server setting", "{text}");
        }
    }
}
