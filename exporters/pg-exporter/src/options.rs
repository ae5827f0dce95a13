//! The flags that only pg-exporter has.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use clap::{ArgAction, Args};
use engine::{Context, Sources, parse_bool};
use pgclient::{Environment, Target, TargetError};

use crate::databases::Discovery;
use crate::facts::Probe;
use crate::pool::{IDLE_LIMIT, Pool, statement_timeout};
use crate::session_settings::with_session_settings;
use crate::source::PostgresSource;

/// The longest time that a health endpoint waits for the server.
const LONGEST_PROBE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct PgOptions {
    /// Server to read: a URL, or key=value pairs as libpq takes them
    ///
    /// By default PG* variables, the service file and the local socket tell. Every user of the
    /// machine can see what stands on a command line: a password is better placed in the
    /// environment, a password file (~/.pgpass), or the file that PG_EXPORTER_URL_FILE names.
    /// [env: PG_EXPORTER_URL, PGURL, PG_EXPORTER_URL_FILE, PG*]
    #[arg(long, short = 'u', help_heading = SERVER, value_name = "CONNINFO", verbatim_doc_comment)]
    url: Option<String>,

    /// Read the other databases of the instance too
    #[arg(long, short = 'a', help_heading = SERVER, action = ArgAction::Set, value_parser = parse_bool, default_value = "true")]
    auto_discovery: bool,

    /// Databases that are not read: names or globs, separated by commas
    #[arg(long, short = 'x', help_heading = SERVER, value_name = "NAME,…", default_value = "template0,template1,postgres")]
    exclude_database: String,

    /// Read no databases but these: names or globs, separated by commas
    #[arg(long, short = 'i', help_heading = SERVER, value_name = "NAME,…", default_value = "")]
    include_database: String,

    /// Milliseconds for a connection to come about, and for a look at the server
    ///
    /// A login that takes longer goes on, and the next scrape waits for it: a server that hangs gets
    /// no more connections than --max-connections.
    #[arg(long, short = 'T', help_heading = SERVER, value_name = "MS", default_value = "2000", allow_negative_numbers = true)]
    connect_timeout: i64,

    /// The most connections to the server, whatever the number of databases
    ///
    /// One counts until the server has ended its process, also when the exporter has given it up. One
    /// that was not used for 10 minutes is closed.
    #[arg(long, help_heading = SERVER, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,

    /// Milliseconds that a query waits for a lock before it gives up
    #[arg(long, help_heading = SERVER, value_name = "MS", default_value = "100")]
    lock_timeout: u32,

    /// Connect as a superuser without a warning
    #[arg(long, help_heading = SERVER, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    allow_superuser: bool,
}

/// Under which these flags stand in the help.
const SERVER: &str = "Server";

/// Flags and their variables after `PG_EXPORTER_`. The variables of `--url` have an order of their own.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("auto_discovery", "AUTO_DISCOVERY"),
    ("exclude_database", "EXCLUDE_DATABASE"),
    ("include_database", "INCLUDE_DATABASE"),
    ("connect_timeout", "CONNECT_TIMEOUT"),
    ("max_connections", "MAX_CONNECTIONS"),
    ("lock_timeout", "LOCK_TIMEOUT"),
    ("allow_superuser", "ALLOW_SUPERUSER"),
];

impl PgOptions {
    /// The source that these flags and the environment describe.
    pub(crate) fn connect(self, context: &Context) -> Result<Sources<PostgresSource>, Box<dyn Error + Send + Sync>> {
        let (from, conninfo) = self.conninfo()?;
        let target = Target::parse(&conninfo, &Environment::from_process()).map_err(|error| match error {
            TargetError::Syntax { .. } => format!("{from}: {error}"),
            // Any other may be about a variable or the service file as well.
            _ => error.to_string(),
        })?;
        let connect_timeout =
            Duration::from_millis(u64::try_from(self.connect_timeout).ok().filter(|ms| *ms > 0).unwrap_or(2000));
        let statement_timeout = statement_timeout(context.longest_query);
        let target = target.with_application_name_default("pg-exporter");
        let target = with_session_settings(target, statement_timeout, self.lock_timeout);
        let discovery = Discovery::new(self.auto_discovery, &self.include_database, &self.exclude_database)
            .map_err(|error| format!("--include-database or --exclude-database: {error}"))?;
        let pool = Pool::new(target, connect_timeout, statement_timeout, IDLE_LIMIT, usize::from(self.max_connections));
        Ok(Sources {
            sources: vec![PostgresSource::new(pool, Probe { discovery, allow_superuser: self.allow_superuser })],
            probe_timeout: connect_timeout.min(LONGEST_PROBE),
        })
    }

    /// `--url`, else the variables PG_EXPORTER_URL and PGURL, else the file that PG_EXPORTER_URL_FILE names, else empty;
    /// before it where it is from.
    fn conninfo(&self) -> Result<(&'static str, String), Box<dyn Error + Send + Sync>> {
        let variable = |name| Some((name, std::env::var(name).ok().filter(|value| !value.is_empty())?));
        let given = self.url.clone().map(|given| ("--url", given));
        if let Some(given) = given.or_else(|| variable("PG_EXPORTER_URL")).or_else(|| variable("PGURL")) {
            return Ok(given);
        }
        let Some((name, path)) = variable("PG_EXPORTER_URL_FILE") else { return Ok(("", String::new())) };
        match files::read_text_or_pipe(Path::new(&path)) {
            Ok(text) if text.trim().is_empty() => Err(format!("{name}: {path} is empty").into()),
            Ok(text) => Ok((name, text.trim().to_owned())),
            Err(error) => Err(format!("{name}: cannot read {path}: {error}").into()),
        }
    }
}
