//! The flags that only pgbackrest-exporter has.

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use engine::{Context, Sources, parse_bool};

use crate::backups::Kept;
use crate::collect::{Counted, Settings};
use crate::command::{Program, User};
use crate::source::BackrestSource;

/// What our environment variables begin with. pgBackRest would take those that begin with its own name for options.
pub(crate) const ENV_PREFIX: &str = "BACKREST_EXPORTER";

/// Variables that are not for the child: ours, and those that units written for another exporter may still set.
const HIDDEN: [&str; 2] = ["BACKREST_EXPORTER", "PGBACKREST_EXPORTER"];

#[derive(Debug, Clone, Args)]
pub(crate) struct BackrestOptions {
    /// The pgBackRest program, looked for in PATH if it is a plain name
    #[arg(long = "backrest.binary", id = "binary", help_heading = BACKREST, value_name = "PATH", default_value = "pgbackrest")]
    binary: PathBuf,

    /// Its configuration file, where that is not the default one
    #[arg(long = "backrest.config", id = "backrest_config", help_heading = BACKREST, value_name = "FILE", default_value = "")]
    config: OsString,

    /// A folder with more configuration files
    #[arg(long = "backrest.config-include-path", id = "config_include_path", help_heading = BACKREST, value_name = "PATH", default_value = "")]
    config_include_path: OsString,

    /// A stanza to read, by a run of its own; may be given more than once, or as a list. Default: all, by one run
    #[arg(long = "backrest.stanza-include", id = "stanza_include", help_heading = BACKREST, value_name = "NAME", action = ArgAction::Append, value_delimiter = ',')]
    stanza_include: Vec<String>,

    /// A stanza to leave out; may be given more than once, or as a list
    #[arg(long = "backrest.stanza-exclude", id = "stanza_exclude", help_heading = BACKREST, value_name = "NAME", action = ArgAction::Append, value_delimiter = ',')]
    stanza_exclude: Vec<String>,

    /// Types of backups to read: full, diff, incr. Default: all
    #[arg(long = "backrest.backup-type", id = "backup_type", help_heading = BACKREST, value_name = "TYPE,…", action = ArgAction::Append, value_delimiter = ',')]
    backup_type: Vec<BackupType>,

    /// Types of backups to leave out
    #[arg(long = "backrest.backup-type-exclude", id = "backup_type_exclude", help_heading = BACKREST, value_name = "TYPE,…", action = ArgAction::Append, value_delimiter = ',')]
    backup_type_exclude: Vec<BackupType>,

    /// How many backups of each stanza are told one by one: the newest of each type, then by age
    #[arg(long = "backrest.backup-limit", id = "backup_limit", help_heading = BACKREST, value_name = "N", default_value = "200")]
    backup_limit: usize,

    /// The user to run pgBackRest as, with that user's main group only; the exporter has to be root for that
    #[arg(long = "backrest.user", id = "user", help_heading = BACKREST, value_name = "NAME", default_value = "")]
    user: String,

    /// One more argument for `pgbackrest info`, as --backrest.argument=--repo=1; may be given more than once
    #[arg(long = "backrest.argument", id = "argument", help_heading = BACKREST, value_name = "ARGUMENT", action = ArgAction::Append, allow_hyphen_values = true)]
    argument: Vec<OsString>,

    /// Count the databases of every backup: one more run for each that is new (pgBackRest 2.41 and later)
    #[arg(long = "backrest.database-count", id = "database_count", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    database_count: bool,

    /// Count the databases of the newest backups only
    #[arg(long = "backrest.database-count-latest", id = "database_count_latest", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    database_count_latest: bool,

    /// How many runs that count databases may go on at once
    #[arg(long = "backrest.database-parallel-processes", id = "database_parallel_processes", help_heading = BACKREST, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    database_parallel_processes: u16,

    /// Tell for every backup how many others it needs
    #[arg(long = "backrest.reference-count", id = "reference_count", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    reference_count: bool,

    /// Put the names of the first and the last WAL segment into labels: a new series with each segment
    #[arg(long = "backrest.verbose-wal", id = "verbose_wal", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    verbose_wal: bool,

    /// Seconds from the begin of one collection to the begin of the next
    #[arg(long = "collect.interval", id = "collect_interval", help_heading = PACE, value_name = "SECONDS", default_value = "120", value_parser = parse_seconds)]
    collect_interval: Duration,

    /// Seconds until a run of pgBackRest that has not ended is killed
    #[arg(long = "collect.timeout", id = "collect_timeout", help_heading = PACE, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    collect_timeout: Duration,

    /// Seconds that the last good result is shown while runs fail
    #[arg(long = "collect.stale", id = "collect_stale", help_heading = PACE, value_name = "SECONDS", default_value = "3600", value_parser = parse_seconds)]
    collect_stale: Duration,

    /// Run pgBackRest at all; without, only the exporter's own metrics are left
    #[arg(long = "collector.pgbackrest", id = "collector", help_heading = PACE, action = ArgAction::Set, value_parser = parse_bool, default_value = "true")]
    collector: bool,
}

// Under which the flags stand in the help.
const BACKREST: &str = "pgBackRest";
const PACE: &str = "Pace";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackupType {
    Full,
    Diff,
    Incr,
}

impl BackupType {
    const ALL: [Self; 3] = [Self::Full, Self::Diff, Self::Incr];

    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Diff => "diff",
            Self::Incr => "incr",
        }
    }
}

/// Flags and their variables after [`ENV_PREFIX`].
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("binary", "BINARY"),
    ("backrest_config", "BACKREST_CONFIG"),
    ("config_include_path", "CONFIG_INCLUDE_PATH"),
    ("stanza_include", "STANZA_INCLUDE"),
    ("stanza_exclude", "STANZA_EXCLUDE"),
    ("backup_type", "BACKUP_TYPE"),
    ("backup_type_exclude", "BACKUP_TYPE_EXCLUDE"),
    ("backup_limit", "BACKUP_LIMIT"),
    ("user", "USER"),
    ("database_count", "DATABASE_COUNT"),
    ("database_count_latest", "DATABASE_COUNT_LATEST"),
    ("database_parallel_processes", "DATABASE_PARALLEL_PROCESSES"),
    ("reference_count", "REFERENCE_COUNT"),
    ("verbose_wal", "VERBOSE_WAL"),
    ("collect_interval", "COLLECT_INTERVAL"),
    ("collect_timeout", "COLLECT_TIMEOUT"),
    ("collect_stale", "COLLECT_STALE"),
    ("collector", "COLLECTOR_PGBACKREST"),
    ("listen_address", "LISTEN_ADDRESS"),
];

impl BackrestOptions {
    /// The source that these flags describe; its collection begins at once.
    pub(crate) fn connect(self, context: &Context) -> Result<Sources<BackrestSource>, Box<dyn Error + Send + Sync>> {
        let user = if self.user.is_empty() { None } else { Some(user(&self.user)?) };
        let given = |name: &str, value: &OsString| {
            let mut option = OsString::from(format!("--{name}="));
            option.push(value);
            (!value.is_empty()).then_some(option)
        };
        let config = given("config", &self.config);
        let config = config.into_iter().chain(given("config-include-path", &self.config_include_path)).collect();
        let out = |kind: &BackupType| self.backup_type_exclude.contains(kind);
        let wanted = |kind: &BackupType| self.backup_type.is_empty() || self.backup_type.contains(kind);
        let types = BackupType::ALL.into_iter().filter(|kind| wanted(kind) && !out(kind)).map(BackupType::word);
        let names = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>();
        let stanzas_out = names(self.stanza_exclude);
        let stanzas_in = names(self.stanza_include);
        if !stanzas_in.is_empty() && stanzas_in.iter().all(|name| stanzas_out.contains(name)) {
            return Err("--backrest.stanza-exclude leaves out every stanza of --backrest.stanza-include".into());
        }
        let settings = Settings {
            program: Program { path: self.binary, user, hidden_variables: HIDDEN.into() },
            config,
            arguments: self.argument,
            stanzas_in,
            kept: Kept { stanzas_out, types: types.collect(), limit: self.backup_limit },
            counted: match (self.database_count, self.database_count_latest) {
                (true, _) => Counted::All,
                (_, true) => Counted::Newest,
                _ => Counted::None,
            },
            counting_processes: usize::from(self.database_parallel_processes),
            reference_count: self.reference_count,
            verbose_wal: self.verbose_wal,
            interval: self.collect_interval,
            timeout: self.collect_timeout,
            stale: self.collect_stale,
            enabled: self.collector,
        };
        // A look takes no time, but for a wait_for_first one.
        let probe_timeout = settings.timeout + Duration::from_secs(5);
        Ok(Sources { sources: vec![BackrestSource::start(settings, context.wait_for_first)], probe_timeout })
    }
}

fn user(name: &str) -> Result<User, String> {
    let found = nix::unistd::User::from_name(name).map_err(|error| format!("--backrest.user {name}: {error}"))?;
    let found = found.ok_or_else(|| format!("--backrest.user {name}: there is no such user"))?;
    let (uid, gid) = (found.uid.as_raw(), found.gid.as_raw());
    let own = nix::unistd::Uid::effective();
    if !own.is_root() && own.as_raw() != uid {
        return Err(format!("--backrest.user {name}: only root may become another user, this is user id {own}"));
    }
    Ok(User { name: found.name, uid, gid, home: found.dir })
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.1);
    seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or_else(|| "expected seconds, 0.1 or more".into())
}
