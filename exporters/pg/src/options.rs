//! The flags that only pg-exporter has.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use engine::{Connected, Context, parse_bool};
use pgclient::{Environment, Target};

use crate::databases::Discovery;
use crate::pool::Pool;
use crate::source::PostgresSource;

/// The longest time that a health endpoint waits for the server.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct PgOptions {
    /// Server to read: a URL or libpq's key=value; default: PG* variables, service file, or the local socket.
    /// A password is better placed in the environment, pgpass, or a file named by PG_EXPORTER_URL_FILE
    #[arg(long, short = 'u', value_name = "CONNINFO")]
    url: Option<String>,

    /// Read the other databases of the instance too
    #[arg(long, short = 'a', value_parser = parse_bool, num_args = 0..=1, require_equals = true,
          default_value = "true", default_missing_value = "true", hide_possible_values = true)]
    auto_discovery: bool,

    /// Databases that are not read: names or globs, separated by commas
    #[arg(long, short = 'x', value_name = "NAME,…", default_value = "template0,template1,postgres")]
    exclude_database: String,

    /// Read no databases but these: names or globs, separated by commas
    #[arg(long, short = 'i', value_name = "NAME,…", default_value = "", hide_default_value = true)]
    include_database: String,

    /// Milliseconds for a connection to come about, and for a look at the server
    #[arg(long, short = 'T', value_name = "MS", default_value = "2000", allow_negative_numbers = true)]
    connect_timeout: i64,

    /// The most connections to the server, whatever the number of databases
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,

    /// Milliseconds that a query waits for a lock before it gives up
    #[arg(long, value_name = "MS", default_value = "100")]
    lock_timeout: u32,
}

/// Flags and their variables after `PG_EXPORTER_`. The variables of `--url` have an order of their own.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("auto_discovery", "AUTO_DISCOVERY"),
    ("exclude_database", "EXCLUDE_DATABASE"),
    ("include_database", "INCLUDE_DATABASE"),
    ("connect_timeout", "CONNECT_TIMEOUT"),
    ("max_connections", "MAX_CONNECTIONS"),
    ("lock_timeout", "LOCK_TIMEOUT"),
];

impl PgOptions {
    /// The source that these flags and the environment describe.
    pub(crate) fn connect(self, context: &Context) -> Result<Connected<PostgresSource>, Box<dyn Error + Send + Sync>> {
        let target = Target::parse(&self.conninfo()?, &Environment::from_process())?;
        let connect_timeout =
            Duration::from_millis(u64::try_from(self.connect_timeout).ok().filter(|ms| *ms > 0).unwrap_or(2000));
        // The net under the exporter's own limits, should it die while a query runs.
        let net = context.longest_query + Duration::from_secs(1);
        let mut target = target
            .with_application_name_default("pg-exporter")
            .with_setting("statement_timeout", &net.as_millis().to_string())
            .with_setting("lock_timeout", &self.lock_timeout.to_string())
            .with_setting("default_transaction_read_only", "on")
            .with_setting("jit", "off");
        if context.embedded {
            target = target.with_setting("search_path", "pg_catalog");
        }
        let discovery = Discovery::new(self.auto_discovery, &self.include_database, &self.exclude_database)?;
        let pool = Pool::new(target, connect_timeout, usize::from(self.max_connections));
        Ok(Connected { source: PostgresSource::new(pool, discovery), look_timeout: connect_timeout.min(LONGEST_LOOK) })
    }

    /// `--url`, else the variables PG_EXPORTER_URL and PGURL, else the file that PG_EXPORTER_URL_FILE names, else empty.
    fn conninfo(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(given) = self.url.clone().or_else(|| variable("PG_EXPORTER_URL")).or_else(|| variable("PGURL")) {
            return Ok(given);
        }
        let Some(path) = variable("PG_EXPORTER_URL_FILE").map(PathBuf::from) else { return Ok(String::new()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) => Err(format!("PG_EXPORTER_URL_FILE: cannot read {}: {error}", path.display()).into()),
        }
    }
}
