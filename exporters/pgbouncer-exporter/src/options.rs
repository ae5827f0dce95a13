//! The flags that only pgbouncer-exporter has.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use engine::{Context, Sources, parse_bool};
use pgclient::{ConsoleTarget, Environment};

use crate::source::PgBouncerSource;

/// The longest time that a health endpoint waits for the console.
const MAX_PROBE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct PgBouncerOptions {
    /// PgBouncer to connect to: a URL, or libpq key=value pairs; can be repeated
    ///
    /// The database is pgbouncer, the default port 6432. Default: PG* variables and the local
    /// socket. With several targets, all samples have their host and port, or socket folder and
    /// port, as the label target. Every user of the machine can see the command line: set a
    /// password in the environment, in a password file (~/.pgpass), or in the files that
    /// --targets and PG_EXPORTER_URL_FILE name.
    /// [env: PG_EXPORTER_URL, PGURL, PGBOUNCER_EXPORTER_CONNECTION_STRING, PG_EXPORTER_URL_FILE,
    /// PG*]
    #[arg(long, short = 'u', alias = "pgBouncer.connectionString", help_heading = SERVER, value_name = "CONNINFO", verbatim_doc_comment, action = ArgAction::Append)]
    url: Vec<String>,

    /// File with more targets, one per line; empty lines and lines that start with # are ignored
    #[arg(long, help_heading = SERVER, value_name = "FILE")]
    targets: Option<PathBuf>,

    /// Timeout for connecting to the console and for probing it, in milliseconds
    #[arg(long, short = 'T', help_heading = SERVER, value_name = "MS", default_value = "2000", allow_negative_numbers = true)]
    connect_timeout: i64,

    // A console has no databases to discover. These are accepted because pg_exporter has them.
    #[arg(long, short = 'a', hide = true, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    auto_discovery: bool,
    #[arg(long, short = 'x', hide = true, default_value = "")]
    exclude_database: String,
    #[arg(long, short = 'i', hide = true, default_value = "")]
    include_database: String,
}

/// The heading of these flags in the help.
const SERVER: &str = "Server";

/// Flags and their variables after `PG_EXPORTER_`; those of `--url` are read by [`from_environment`].
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[("connect_timeout", "CONNECT_TIMEOUT"), ("targets", "TARGETS")];

type OptionsError = Box<dyn Error + Send + Sync>;

/// Where a conninfo comes from, and the conninfo.
type Given = (String, String);

impl PgBouncerOptions {
    /// The sources for these flags and the environment.
    pub(crate) fn connect(self, _: &Context) -> Result<Sources<PgBouncerSource>, OptionsError> {
        let connect_timeout =
            Duration::from_millis(u64::try_from(self.connect_timeout).ok().filter(|ms| *ms > 0).unwrap_or(2000));
        let environment = Environment::from_process();
        let source = |(from, conninfo): &Given| {
            let target = ConsoleTarget::parse(conninfo, &environment).map_err(|error| match error {
                // Without a conninfo the error is about a variable or the service file.
                error if conninfo.is_empty() => error.to_string(),
                error => format!("{from}: {error}"),
            })?;
            Ok(PgBouncerSource::new(target.with_application_name_default("pgbouncer-exporter"), connect_timeout))
        };
        let sources: Result<Vec<_>, String> = self.given(&environment)?.iter().map(source).collect();
        Ok(Sources { sources: sources?, probe_timeout: connect_timeout.min(MAX_PROBE_TIMEOUT) })
    }

    /// The targets of `--url` and `--targets`, else one from the environment.
    fn given(&self, environment: &Environment) -> Result<Vec<Given>, OptionsError> {
        let mut given: Vec<Given> = self.url.iter().map(|conninfo| ("--url".to_owned(), conninfo.clone())).collect();
        if let Some(file) = &self.targets {
            given.extend(from_file(file)?);
        }
        if given.is_empty() { Ok(vec![from_environment(environment)?]) } else { Ok(given) }
    }
}

/// The targets in a file.
fn from_file(file: &Path) -> Result<Vec<Given>, OptionsError> {
    let name = file.display();
    let text = files::read_text_or_pipe(file).map_err(|error| format!("--targets: cannot read {name}: {error}"))?;
    let lines = text.lines().map(str::trim).enumerate();
    let is_one = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let found: Vec<Given> = lines
        .filter(|(_, line)| is_one(line))
        .map(|(at, line)| (format!("--targets: {name}:{}", at + 1), line.to_owned()))
        .collect();
    if found.is_empty() { Err(format!("--targets: {name} contains no targets").into()) } else { Ok(found) }
}

/// The first variable that is set, else the file that PG_EXPORTER_URL_FILE names, else empty.
fn from_environment(environment: &Environment) -> Result<Given, OptionsError> {
    const FILE: &str = "PG_EXPORTER_URL_FILE";
    if let Some((name, given)) =
        environment.first(&["PG_EXPORTER_URL", "PGURL", "PGBOUNCER_EXPORTER_CONNECTION_STRING"])?
    {
        return Ok((name.to_owned(), given.to_owned()));
    }
    let Some(path) = environment.value(FILE).map(Path::new) else { return Ok(Given::default()) };
    let shown = path.display();
    match files::read_text_or_pipe(path) {
        Ok(text) if text.trim().is_empty() => Err(format!("{FILE}: {shown} is empty").into()),
        Ok(text) => Ok((FILE.to_owned(), text.trim().to_owned())),
        Err(error) => Err(format!("{FILE}: cannot read {shown}: {error}").into()),
    }
}
