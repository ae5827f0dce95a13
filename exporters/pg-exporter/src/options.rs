//! The flags that only pg-exporter has.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use engine::{Context, Sources, parse_bool};
use pgclient::{Environment, Target, TargetError};

use crate::data_source::{data_source, not_read};
use crate::databases::Discovery;
use crate::instance::InstanceReader;
use crate::logs::LogPaths;
use crate::patroni::{Patroni, PatroniUrlError};
use crate::pool::connector::Connector;
use crate::pool::{IDLE_LIMIT, Pool};
use crate::services::Services;
use crate::session_settings::{statement_timeout, with_session_settings};
use crate::source::{Beside, PostgresSource};

/// The longest time that a health endpoint waits for the server.
const MAX_PROBE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct PgOptions {
    /// Server to connect to: a URL, or libpq key=value pairs
    ///
    /// Default: PG* variables, the service file, and the local socket. Every user of the machine
    /// can see the command line: set a password in the environment, in a password file
    /// (~/.pgpass), or in the file that PG_EXPORTER_URL_FILE names.
    /// [env: PG_EXPORTER_URL, PGURL, PG_EXPORTER_URL_FILE, DATA_SOURCE_*, PG*]
    #[arg(long, short = 'u', help_heading = SERVER, value_name = "CONNINFO", verbatim_doc_comment)]
    url: Option<String>,

    /// Also read the other databases of the instance
    #[arg(long, short = 'a', help_heading = SERVER, action = ArgAction::Set, value_parser = parse_bool, default_value = "true")]
    auto_discovery: bool,

    /// Databases to exclude: names or globs, separated by commas
    #[arg(long, short = 'x', help_heading = SERVER, value_name = "NAME,…", default_value = "template0,template1,postgres")]
    exclude_database: String,

    /// Read only these databases: names or globs, separated by commas
    #[arg(long, short = 'i', help_heading = SERVER, value_name = "NAME,…", default_value = "")]
    include_database: String,

    /// Timeout for connecting to the server and for probing it, in milliseconds
    ///
    /// A login that takes longer continues, and the next scrape waits for it: a hanging server gets
    /// no more connections than --max-connections.
    #[arg(long, short = 'T', help_heading = SERVER, value_name = "MS", default_value = "2000", allow_negative_numbers = true)]
    connect_timeout: i64,

    /// Maximum number of connections to the server, for all databases together
    ///
    /// Default: 16, but at most a sixth of the server's max_connections, half of what other clients
    /// have left of it, and 2 fewer than the role's CONNECTION LIMIT; 3 where these allow less.
    /// A connection counts until the server has ended its process, even if the exporter has closed
    /// it. A connection that was not used for 150 seconds is closed.
    #[arg(long, help_heading = SERVER, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: Option<u16>,

    /// Time that a query waits for a lock before it fails, in milliseconds
    #[arg(long, help_heading = SERVER, value_name = "MS", default_value = "100")]
    lock_timeout: u32,

    /// Log of PostgreSQL: a folder or a file. Default: what the server says, if it is on this host
    #[arg(long = "log.postgres-path", id = "log_postgres_path", help_heading = LOGS, value_name = "PATH")]
    log_postgres_path: Option<PathBuf>,

    /// Log of Patroni: a folder or a file. Default: /var/log/patroni, if it is there
    #[arg(long = "log.patroni-path", id = "log_patroni_path", help_heading = LOGS, value_name = "PATH")]
    log_patroni_path: Option<PathBuf>,

    /// Services to probe as clients use them: a YAML file
    ///
    /// For each one a connection is made at its pace, through name, address, load balancer, pooler
    /// and TLS to the server. SIGHUP and /reload read the file again.
    #[arg(long, help_heading = SERVER, value_name = "FILE")]
    services: Option<PathBuf>,

    /// REST interface of Patroni on this host: a URL such as http://127.0.0.1:8008
    ///
    /// It is read every 10 seconds for what Patroni's own metrics lack: tags, candidates, history,
    /// scheduled switchovers and settings. Every user of the machine can see the command line: set a
    /// URL with a password in the environment.
    #[arg(long, help_heading = SERVER, value_name = "URL")]
    patroni_url: Option<String>,

    /// Certificates of the authorities for an https --patroni-url. Default: those of the system
    #[arg(long, help_heading = SERVER, value_name = "FILE")]
    patroni_ca_file: Option<PathBuf>,

    /// Do not warn about a superuser
    #[arg(long, help_heading = SERVER, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    allow_superuser: bool,
}

/// The heading of these flags in the help.
const SERVER: &str = "Server";
const LOGS: &str = "Logs that are read";

/// Flags and their variables after `PG_EXPORTER_`; those of `--url` are read by [`PgOptions::conninfo`].
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("auto_discovery", "AUTO_DISCOVERY"),
    ("exclude_database", "EXCLUDE_DATABASE"),
    ("include_database", "INCLUDE_DATABASE"),
    ("connect_timeout", "CONNECT_TIMEOUT"),
    ("max_connections", "MAX_CONNECTIONS"),
    ("lock_timeout", "LOCK_TIMEOUT"),
    ("log_postgres_path", "LOG_POSTGRES_PATH"),
    ("log_patroni_path", "LOG_PATRONI_PATH"),
    ("services", "SERVICES"),
    ("patroni_url", "PATRONI_URL"),
    ("patroni_ca_file", "PATRONI_CA_FILE"),
    ("allow_superuser", "ALLOW_SUPERUSER"),
];

impl PgOptions {
    /// The source for these flags and the environment.
    pub(crate) fn connect(self, context: &Context) -> Result<Sources<PostgresSource>, Box<dyn Error + Send + Sync>> {
        let environment = Environment::from_process();
        for warning in not_read(&environment) {
            tracing::warn!("{warning}");
        }
        let (from, conninfo) = self.conninfo(&environment)?;
        let target = Target::parse(&conninfo, &environment).map_err(|error| match error {
            TargetError::Syntax { .. } => format!("{from}: {error}"),
            // Other errors may be about a variable or the service file.
            _ => error.to_string(),
        })?;
        let connect_timeout =
            Duration::from_millis(u64::try_from(self.connect_timeout).ok().filter(|ms| *ms > 0).unwrap_or(2000));
        let statement_timeout = statement_timeout(context.longest_query);
        let target = target.with_application_name_default("pg-exporter");
        let patroni = self.patroni(&environment, context.wait_for_first)?;
        let services = Services::start(self.services.clone(), environment, target.clone())?;
        let target = with_session_settings(target, statement_timeout, self.lock_timeout);
        let discovery = Discovery::new(self.auto_discovery, &self.include_database, &self.exclude_database)
            .map_err(|error| format!("--include-database or --exclude-database: {error}"))?;
        let connector = Connector::new(target, connect_timeout, statement_timeout);
        let pool = Pool::new(connector, IDLE_LIMIT, self.max_connections.map(usize::from));
        let reader = InstanceReader::new(discovery, self.allow_superuser);
        let log_paths = LogPaths { postgres: self.log_postgres_path, patroni: self.log_patroni_path };
        let beside = Beside { services, wait_for_services: context.wait_for_first, patroni };
        let source = PostgresSource::new(pool, reader, log_paths, beside);
        Ok(Sources { sources: vec![source], probe_timeout: connect_timeout.min(MAX_PROBE_TIMEOUT) })
    }

    /// Patroni, if its URL is given.
    fn patroni(&self, environment: &Environment, wait_for_first: bool) -> Result<Option<Patroni>, PatroniUrlError> {
        let Some(url) = self.patroni_url.as_deref().filter(|url| !url.trim().is_empty()) else { return Ok(None) };
        Patroni::start(url, self.patroni_ca_file.clone(), environment.clone(), wait_for_first).map(Some)
    }

    /// The conninfo and where it comes from: `--url`, else PG_EXPORTER_URL, PGURL, or the file that PG_EXPORTER_URL_FILE
    /// names, else the variables of postgres_exporter, else empty.
    fn conninfo(&self, environment: &Environment) -> Result<(&'static str, String), Box<dyn Error + Send + Sync>> {
        const FILE: &str = "PG_EXPORTER_URL_FILE";
        const APPLICATION: &str = "DATABASE_URL";
        if let Some(given) = &self.url {
            return Ok(("--url", given.clone()));
        }
        if let Some((name, given)) = environment.first(&["PG_EXPORTER_URL", "PGURL"])? {
            return Ok((name, given.to_owned()));
        }
        let Some(path) = environment.value(FILE).map(Path::new) else {
            let found = data_source(environment)?;
            if found.is_none() && environment.value(APPLICATION).is_some() {
                tracing::warn!("{APPLICATION} is not read, since it is an application's: set PG_EXPORTER_URL");
            }
            return Ok(found.unwrap_or_default());
        };
        let shown = path.display();
        match files::read_text_or_pipe(path) {
            Ok(text) if text.trim().is_empty() => Err(format!("{FILE}: {shown} is empty").into()),
            Ok(text) => Ok((FILE, text.trim().to_owned())),
            Err(error) => Err(format!("{FILE}: cannot read {shown}: {error}").into()),
        }
    }
}
