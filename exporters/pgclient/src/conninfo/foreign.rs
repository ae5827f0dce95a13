//! Connection parameters of other drivers and frameworks, and what to write instead.
//!
//! A server would refuse them as unknown settings. Their case and the driver that has them do not matter: groups are by what
//! to write.

/// What to do instead, and the parameters' names in lower case.
const FOREIGN: [(&str, &str); 29] = [
    ("write dbname", "database databasename db pgdbname"),
    ("write host", "hostname pghost server socket socket_dir"),
    ("write port", "pgport"),
    ("write user", "login pguser uid userid username"),
    ("write password, or passfile", "pass passphrase passwd pgpass pgpassword pwd"),
    ("write application_name", "app_name applicationname appname"),
    (
        "write connect_timeout, in seconds",
        "connection_timeout connectiontimeout connectiontimeoutmillis connecttimeout logintimeout timeout",
    ),
    (
        "write statement_timeout, in milliseconds",
        "command_timeout commandtimeout query_timeout querytimeout socket_timeout sockettimeout",
    ),
    ("write keepalives", "keepalive tcp_keepalive tcpkeepalive"),
    ("write keepalives_count", "keepalives_retries"),
    ("write target_session_attrs", "targetservertype"),
    ("write channel_binding", "channelbinding"),
    ("write load_balance_hosts", "load_balance loadbalancehosts"),
    ("write options=endpoint%3DNAME", "endpoint options[endpoint]"),
    (
        "write search_path, or remove it to use the exporter's own",
        "currentschema options[search_path] schema schema_search_path schemas searchpath",
    ),
    ("write each server setting as a parameter of its own", "server_settings variables"),
    ("write default_transaction_isolation", "isolation_level isolationlevel"),
    ("remove it, the exporter's sessions are read-only", "read_only readonly readonlymode"),
    ("remove it, client_encoding is always UTF8", "allowencodingchanges characterencoding charset encoding"),
    ("write sslmode=disable, require or verify-full", "ssl"),
    (
        "write sslmode=require or verify-full",
        "direct_tls requiressl ssl-mode ssl_mode ssl_require sslaccept uselibpqcompat usessl",
    ),
    (
        "write sslmode=verify-full and sslrootcert=FILE to verify the server, or sslmode=require to only encrypt",
        "socketfactory socketfactoryarg ssl-root-cert ssl_ca sslfactory sslfactoryarg sslhostnameverifier",
    ),
    (
        "write sslcert=FILE and sslkey=FILE, both PEM and the key unencrypted",
        "ssl-cert ssl-key ssl_cert ssl_key sslidentity sslpasswordcallback",
    ),
    ("remove it, or write channel_binding=require", "authenticationpluginclassname requireauth"),
    (
        "remove it, GSSAPI and SSPI are not supported",
        "gssresponsetimeout gssusedefaultcreds jaasapplicationname jaaslogin kerberosservername sspiserviceclass \
         usespnego",
    ),
    ("remove it (pg-exporter should connect to PostgreSQL itself, not through a pooler)", "pgbouncer supa workaround"),
    (
        "remove it (pg-exporter limits its connections by --max-connections)",
        "checkout_timeout conn_health_checks conn_max_age connection_limit idle_timeout idletimeout \
         idletimeoutmillis max max_connections max_conns max_idle_time max_lifetime max_overflow maxconn \
         maximumpoolsize maxlifetime maxpoolsize min min_connections min_conns minconn minimumidle minpoolsize \
         pool pool_mode pool_pre_ping pool_recycle pool_size pool_timeout poolclass pooling reaping_frequency \
         single_use_connections",
    ),
    (
        "remove it, it is about another driver's way to send queries",
        "adaptivefetch adaptivefetchmaximum adaptivefetchminimum advisory_locks assumeminserverversion \
         async_fallback autosave binarytransfer binarytransferdisable binarytransferenable cancelsignaltimeout \
         cleanupsavepoints databasemetadatacachefields databasemetadatacachefieldsmib defaultrowfetchsize \
         disable_server_side_cursors disablecolumnsanitiser escapesyntaxcallmode executemany_batch_page_size \
         executemany_mode groupstartupparameters hideunprivilegedobjects hostrecheckseconds localsocketaddress \
         logservererrordetail max_cacheable_statement_size max_cached_statement_lifetime maxresultbuffer \
         maxsendbuffersize multiplexing native_inet_types prepare_threshold prepared_statement_cache_size \
         prepared_statement_name_func prepared_statements preparedstatementcachequeries \
         preparedstatementcachesizemib preparethreshold preferquerymode protocolversion quotereturningidentifiers \
         receivebuffersize rewritebatchedinserts sendbuffersize server_side_binding server_side_cursors \
         simple_protocol sslresponsetimeout statement-cache-capacity statement_cache_size stringtype tcpnodelay \
         unknownlength use_native_hstore use_native_unicode wrapperplugins xmlfactoryfactory",
    ),
    (
        "remove it, it is about an application",
        "adapter assume_role atomic_requests autocommit client dialect driver drivername echo echo_pool engine \
         log_statements loggerfile loggerlevel logging loglevel logunclosedconnections plugin test",
    ),
];

/// What to do instead of this parameter of another driver, whatever its case.
pub(crate) fn instead_of(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    // The pool of pgx has one parameter per limit.
    let pools = ["pool_max_", "pool_min_", "pool_health_"].iter().any(|prefix| name.starts_with(prefix));
    let wanted = if pools { "pool" } else { name.as_str() };
    FOREIGN.iter().find(|(_, names)| names.split(' ').any(|foreign| foreign == wanted)).map(|(instead, _)| *instead)
}

/// What is wrong with a conninfo that begins as another driver's does.
pub(crate) fn problem_of_prefix(conninfo: &str) -> Option<&'static str> {
    const DRIVER_NAME: &str = "remove the driver's name from the scheme: expected postgresql://";
    const SCHEME: &str = "replace the scheme by postgresql://";
    const ASSIGNMENT: &str = "remove the name of the variable and the = after it: the text is the URL alone";
    const QUOTES: &str =
        "remove the quotes around the value: systemd's EnvironmentFile takes them off, docker's env_file does not";
    const WEB: &str = "this is an address of HTTP: expected postgresql://HOST:PORT/DBNAME";
    const PREFIXES: [(&str, &str); 23] = [
        ("\"", QUOTES),
        ("'", QUOTES),
        ("http:", WEB),
        ("https:", WEB),
        ("export ", ASSIGNMENT),
        ("pg_exporter_url=", ASSIGNMENT),
        ("pgurl=", ASSIGNMENT),
        ("pg_url=", ASSIGNMENT),
        ("database_url=", ASSIGNMENT),
        ("data_source_name=", ASSIGNMENT),
        ("jdbc:", "remove the prefix jdbc: of a JDBC URL (user and password may stay after '?')"),
        ("r2dbc:", "remove the prefix r2dbc: of an R2DBC URL"),
        ("postgresql+", DRIVER_NAME),
        ("postgres+", DRIVER_NAME),
        ("cockroachdb+", DRIVER_NAME),
        ("cockroachdb:", SCHEME),
        ("cockroach:", SCHEME),
        ("ecto:", SCHEME),
        ("pgsql:", SCHEME),
        ("pgx:", SCHEME),
        ("pgx5:", SCHEME),
        ("postgis:", SCHEME),
        ("psql:", SCHEME),
    ];
    let begins = |prefix: &str| conninfo.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    PREFIXES.iter().find(|(prefix, _)| begins(prefix)).map(|(_, problem)| *problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conninfo::parameters::is_server_setting;

    #[test]
    fn names_are_unique_and_of_no_libpq_parameter() {
        let mut seen = std::collections::BTreeSet::new();
        for name in FOREIGN.iter().flat_map(|(_, names)| names.split(' ')) {
            assert!(!name.is_empty() && is_server_setting(name), "{name:?} is empty or a parameter of libpq");
            assert!(seen.insert(name), "{name} twice");
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }

    #[test]
    fn recognizes_any_case() {
        for name in ["currentSchema", "SSL", "pool_max_conns", "pool_max_conn_lifetime_jitter", "ApplicationName"] {
            assert!(instead_of(name).is_some(), "{name}");
        }
        for name in ["search_path", "TimeZone", "pg_stat_statements.track", "statement_timeout", "role", ""] {
            assert_eq!(instead_of(name), None, "{name}");
        }
    }
}
