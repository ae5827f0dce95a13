//! The flags that only pgbackrest-exporter has.

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use engine::{Context, Sources, StateFolder, parse_bool};

use crate::backups::BackupSelection;
use crate::command::{Program, RunAs};
use crate::drill::DrillOptions;
use crate::jobs::{ProofFile, Schedule, Schedules};
use crate::settings::{DatabaseCount, Settings};
use crate::source::BackrestSource;
use crate::verify::VerifyOptions;

/// The prefix of our environment variables. pgBackRest would read those with its own name as options.
pub(crate) const ENV_PREFIX: &str = "BACKREST_EXPORTER";

/// How many backups of all stanzas are exported individually: as many as the collectors for each backup export.
const MAX_BACKUPS: usize = 2000;

/// Prefixes of variables that the child does not inherit: ours, and those that units for another exporter may still set.
const HIDDEN_PREFIXES: [&str; 2] = ["BACKREST_EXPORTER", "PGBACKREST_EXPORTER"];

#[derive(Debug, Clone, Args)]
pub(crate) struct BackrestOptions {
    /// pgBackRest program; searched in PATH if it is a plain name
    #[arg(long = "backrest.binary", id = "binary", help_heading = BACKREST, value_name = "PATH", default_value = "pgbackrest")]
    binary: PathBuf,

    /// Configuration file of pgBackRest, if it is not the default one
    #[arg(long = "backrest.config", id = "backrest_config", help_heading = BACKREST, value_name = "FILE", default_value = "")]
    config: OsString,

    /// Folder with additional configuration files of pgBackRest
    #[arg(long = "backrest.config-include-path", id = "config_include_path", help_heading = BACKREST, value_name = "PATH", default_value = "")]
    config_include_path: OsString,

    /// Stanza to read, in a separate run; can be repeated or a comma-separated list. Default: all, in one run
    #[arg(long = "backrest.stanza-include", id = "stanza_include", help_heading = BACKREST, value_name = "NAME", action = ArgAction::Append, value_delimiter = ',')]
    stanza_include: Vec<String>,

    /// Stanza to exclude; can be repeated or a comma-separated list
    #[arg(long = "backrest.stanza-exclude", id = "stanza_exclude", help_heading = BACKREST, value_name = "NAME", action = ArgAction::Append, value_delimiter = ',')]
    stanza_exclude: Vec<String>,

    /// Backup types to read: full, diff, incr. Default: all
    #[arg(long = "backrest.backup-type", id = "backup_type", help_heading = BACKREST, value_name = "TYPE,…", action = ArgAction::Append, value_delimiter = ',')]
    backup_type: Vec<BackupType>,

    /// Backup types to exclude
    #[arg(long = "backrest.backup-type-exclude", id = "backup_type_exclude", help_heading = BACKREST, value_name = "TYPE,…", action = ArgAction::Append, value_delimiter = ',')]
    backup_type_exclude: Vec<BackupType>,

    /// Number of backups of each stanza to export individually: the newest of each type, then by age; of all stanzas at most 2000
    #[arg(long = "backrest.backup-limit", id = "backup_limit", help_heading = BACKREST, value_name = "N", default_value = "200")]
    backup_limit: usize,

    /// User to run pgBackRest as, with the primary group only; the exporter has to run as root for this
    #[arg(long = "backrest.user", id = "user", help_heading = BACKREST, value_name = "NAME", default_value = "")]
    user: String,

    /// Additional argument for `pgbackrest info`, such as --backrest.argument=--repo=1; can be repeated
    #[arg(long = "backrest.argument", id = "argument", help_heading = BACKREST, value_name = "ARGUMENT", action = ArgAction::Append, allow_hyphen_values = true)]
    argument: Vec<OsString>,

    /// Count the databases of every backup: one additional run for each new backup (pgBackRest 2.41 and later)
    #[arg(long = "backrest.database-count", id = "database_count", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    database_count: bool,

    /// Count the databases of the newest backups only
    #[arg(long = "backrest.database-count-latest", id = "database_count_latest", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    database_count_latest: bool,

    /// Number of runs that count databases in parallel
    #[arg(long = "backrest.database-parallel-processes", id = "database_parallel_processes", help_heading = BACKREST, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    database_parallel_processes: u16,

    /// Export for every backup how many other backups it depends on
    #[arg(long = "backrest.reference-count", id = "reference_count", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    reference_count: bool,

    /// Add the names of the first and the last WAL segment as labels: a new series with each segment
    #[arg(long = "backrest.verbose-wal", id = "verbose_wal", help_heading = BACKREST, action = ArgAction::Set, value_parser = parse_bool, default_value = "false")]
    verbose_wal: bool,

    /// Seconds between the starts of two collections
    #[arg(long = "collect.interval", id = "collect_interval", help_heading = COLLECTION, value_name = "SECONDS", default_value = "120", value_parser = parse_seconds)]
    collect_interval: Duration,

    /// Seconds after which a run of pgBackRest is killed
    #[arg(long = "collect.timeout", id = "collect_timeout", help_heading = COLLECTION, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    collect_timeout: Duration,

    /// Seconds for which the last successful result is shown while runs fail
    #[arg(long = "collect.stale", id = "collect_stale", help_heading = COLLECTION, value_name = "SECONDS", default_value = "3600", value_parser = parse_seconds)]
    collect_stale: Duration,

    /// Folder of the log files of pgBackRest (log-path)
    #[arg(long = "log.pgbackrest-path", id = "log_pgbackrest_path", help_heading = COLLECTION, value_name = "PATH", default_value = "/var/log/pgbackrest")]
    log_path: PathBuf,

    /// Run pgBackRest; if false, only the exporter's own metrics are exported
    #[arg(long = "collector.pgbackrest", id = "collector", help_heading = COLLECTION, action = ArgAction::Set, value_parser = parse_bool, default_value = "true")]
    collector: bool,

    #[command(flatten)]
    verify: VerifyOptions,

    #[command(flatten)]
    drill: DrillOptions,
}

// Headings of the flags in the help.
const BACKREST: &str = "pgBackRest";
const COLLECTION: &str = "Collection";

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
    ("log_pgbackrest_path", "LOG_PGBACKREST_PATH"),
    ("collector", "COLLECTOR_PGBACKREST"),
    ("listen_address", "LISTEN_ADDRESS"),
    ("verify_every", "VERIFY_EVERY"),
    ("verify_at", "VERIFY_AT"),
    ("verify_timeout", "VERIFY_TIMEOUT"),
    ("verify_process_max", "VERIFY_PROCESS_MAX"),
    ("drill_every", "DRILL_EVERY"),
    ("drill_at", "DRILL_AT"),
    ("drill_path", "DRILL_PATH"),
    ("drill_stanza", "DRILL_STANZA"),
    ("drill_repo", "DRILL_REPO"),
    ("drill_backup", "DRILL_BACKUP"),
    ("drill_target", "DRILL_TARGET"),
    ("drill_pg_bin_path", "DRILL_PG_BIN_PATH"),
    ("drill_db_user", "DRILL_DB_USER"),
    ("drill_database", "DRILL_DATABASE"),
    ("drill_query", "DRILL_QUERY"),
    ("drill_heartbeat_query", "DRILL_HEARTBEAT_QUERY"),
    ("drill_amcheck", "DRILL_AMCHECK"),
    ("drill_checksums", "DRILL_CHECKSUMS"),
    ("drill_process_max", "DRILL_PROCESS_MAX"),
    ("drill_nice", "DRILL_NICE"),
    ("drill_space_factor", "DRILL_SPACE_FACTOR"),
    ("drill_reserve", "DRILL_RESERVE"),
    ("drill_timeout", "DRILL_TIMEOUT"),
];

impl BackrestOptions {
    /// The source for these flags. It starts to collect at once.
    pub(crate) fn connect(self, context: &Context) -> Result<Sources<BackrestSource>, Box<dyn Error + Send + Sync>> {
        let settings = self.settings(&context.state_folder)?;
        // A probe takes no time, unless it waits for the first collection.
        let probe_timeout = settings.timeout + Duration::from_secs(5);
        Ok(Sources { sources: vec![BackrestSource::start(settings, context.wait_for_first)], probe_timeout })
    }

    /// The settings for these flags.
    pub(crate) fn settings(self, state: &StateFolder) -> Result<Settings, Box<dyn Error + Send + Sync>> {
        let user = if self.user.is_empty() { None } else { Some(run_as(&self.user)?) };
        let given = |name: &str, value: &OsString| {
            let mut option = OsString::from(format!("--{name}="));
            option.push(value);
            (!value.is_empty()).then_some(option)
        };
        let config = given("config", &self.config);
        let config = config.into_iter().chain(given("config-include-path", &self.config_include_path)).collect();
        let excluded = |kind: &BackupType| self.backup_type_exclude.contains(kind);
        let wanted = |kind: &BackupType| self.backup_type.is_empty() || self.backup_type.contains(kind);
        let excluded_types =
            BackupType::ALL.into_iter().filter(|kind| !wanted(kind) || excluded(kind)).map(BackupType::word);
        let names = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>();
        let excluded_stanzas = names(self.stanza_exclude);
        let included_stanzas = names(self.stanza_include);
        if !included_stanzas.is_empty() && included_stanzas.iter().all(|name| excluded_stanzas.contains(name)) {
            return Err("--backrest.stanza-exclude excludes every stanza of --backrest.stanza-include".into());
        }
        let documents = included_stanzas.len();
        let schedules = Schedules { verify: self.verify.schedule(), drill: self.drill.schedule() };
        let drill = self.drill.settings();
        if schedules.drill != Schedule::Off && drill.path.is_none() {
            return Err("--drill.every and --drill.at need a folder: set --drill.path".into());
        }
        Ok(Settings {
            program: Program { path: self.binary, user, hidden_prefixes: HIDDEN_PREFIXES.into(), wrapper: Vec::new() },
            config,
            arguments: self.argument,
            included_stanzas,
            selection: BackupSelection {
                excluded_stanzas,
                excluded_types: excluded_types.collect(),
                limit: self.backup_limit,
                document_limit: MAX_BACKUPS / documents.max(1),
            },
            database_count: match (self.database_count, self.database_count_latest) {
                (true, _) => DatabaseCount::All,
                (_, true) => DatabaseCount::Newest,
                _ => DatabaseCount::None,
            },
            parallel_processes: usize::from(self.database_parallel_processes),
            reference_count: self.reference_count,
            verbose_wal: self.verbose_wal,
            interval: self.collect_interval,
            timeout: self.collect_timeout,
            stale: self.collect_stale,
            log_path: self.log_path,
            enabled: self.collector,
            verify: self.verify.settings(),
            drill,
            schedules,
            state: ProofFile::new(state.path()),
        })
    }
}

fn run_as(name: &str) -> Result<RunAs, String> {
    let found = nix::unistd::User::from_name(name).map_err(|error| format!("--backrest.user {name}: {error}"))?;
    let found = found.ok_or_else(|| format!("--backrest.user {name}: no such user"))?;
    let (uid, gid) = (found.uid.as_raw(), found.gid.as_raw());
    let own = nix::unistd::Uid::effective();
    if !own.is_root() && own.as_raw() != uid {
        return Err(format!(
            "--backrest.user {name}: only root can run pgBackRest as another user (running as user id {own})"
        ));
    }
    Ok(RunAs { name: found.name, uid, gid, home: found.dir })
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.1);
    seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or_else(|| "expected seconds, 0.1 or more".into())
}
