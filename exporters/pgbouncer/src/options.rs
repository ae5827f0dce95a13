//! The flags that only pgbouncer-exporter has.

use std::error::Error;
use std::time::Duration;

use clap::{ArgAction, Args};
use engine::{Connected, Context, parse_bool};
use pgclient::{ConsoleTarget, Environment, TargetError};

use crate::source::PgBouncerSource;

/// The longest time that a health endpoint waits for the console.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct PgBouncerOptions {
    /// PgBouncer to read: a URL, or key=value pairs as libpq takes them
    ///
    /// The database is pgbouncer, the port 6432 unless said otherwise. By default PG* variables and
    /// the local socket tell. Every user of the machine can see what stands on a command line: a
    /// password is better placed in the environment, a password file (~/.pgpass), or the file that
    /// PG_EXPORTER_URL_FILE names.
    /// [env: PG_EXPORTER_URL, PGBOUNCER_EXPORTER_CONNECTION_STRING, PGURL, PG_EXPORTER_URL_FILE, PG*]
    #[arg(long, short = 'u', alias = "pgBouncer.connectionString", help_heading = SERVER, value_name = "CONNINFO", verbatim_doc_comment)]
    url: Option<String>,

    /// Milliseconds for the console to open, and for a look at it
    #[arg(long, short = 'T', help_heading = SERVER, value_name = "MS", default_value = "2000", allow_negative_numbers = true)]
    connect_timeout: i64,

    // A console has no databases to discover. With these a start line of pg_exporter's works as it is.
    #[arg(long, short = 'a', hide = true, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    auto_discovery: bool,
    #[arg(long, short = 'x', hide = true, default_value = "")]
    exclude_database: String,
    #[arg(long, short = 'i', hide = true, default_value = "")]
    include_database: String,
}

/// Under which these flags stand in the help.
const SERVER: &str = "Server";

/// Flags and their variables after `PG_EXPORTER_`. The variables of `--url` have an order of their own.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[("connect_timeout", "CONNECT_TIMEOUT")];

type Failure = Box<dyn Error + Send + Sync>;

impl PgBouncerOptions {
    /// The source that these flags and the environment describe.
    pub(crate) fn connect(self, _: &Context) -> Result<Connected<PgBouncerSource>, Failure> {
        let (from, conninfo) = self.conninfo()?;
        let target = ConsoleTarget::parse(&conninfo, &Environment::from_process()).map_err(|error| match error {
            TargetError::Syntax { .. } => format!("{from}: {error}"),
            // Any other may be about a variable or the service file as well.
            _ => error.to_string(),
        })?;
        let target = target.with_application_name_default("pgbouncer-exporter");
        let connect_timeout =
            Duration::from_millis(u64::try_from(self.connect_timeout).ok().filter(|ms| *ms > 0).unwrap_or(2000));
        let source = PgBouncerSource::new(target, connect_timeout);
        Ok(Connected { source, look_timeout: connect_timeout.min(LONGEST_LOOK) })
    }

    /// `--url`, else the first of its variables that is set, else the file that PG_EXPORTER_URL_FILE names, else empty;
    /// before it where it is from.
    fn conninfo(&self) -> Result<(&'static str, String), Failure> {
        const VARIABLES: [&str; 3] = ["PG_EXPORTER_URL", "PGBOUNCER_EXPORTER_CONNECTION_STRING", "PGURL"];
        let variable = |name| Some((name, std::env::var(name).ok().filter(|value| !value.is_empty())?));
        let given = self.url.clone().map(|given| ("--url", given));
        if let Some(given) = given.or_else(|| VARIABLES.into_iter().find_map(variable)) {
            return Ok(given);
        }
        let Some((name, path)) = variable("PG_EXPORTER_URL_FILE") else { return Ok(("", String::new())) };
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => Err(format!("{name}: {path} is empty").into()),
            Ok(text) => Ok((name, text.trim().to_owned())),
            Err(error) => Err(format!("{name}: cannot read {path}: {error}").into()),
        }
    }
}
