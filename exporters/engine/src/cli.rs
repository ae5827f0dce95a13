//! The command line: flags of the engine and of one exporter together, with pg_exporter's spellings.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::doctor::Threshold;
use crate::exporter::Exporter;
use crate::list::{KeysFormat, ListFormat};
use crate::manual::ManualForm;
use crate::options::{ENVIRONMENT, Options};

/// The command line and the environment, parsed.
#[derive(Debug, Parser)]
pub(crate) struct Cli<O: Args> {
    #[command(flatten)]
    pub own: O,
    #[command(flatten)]
    pub options: Options,
    #[command(subcommand)]
    pub command: Option<Task>,
}

/// What to do instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Task {
    /// Check collector files and print every error with its position; with --server run every query once, too
    Check {
        /// Files, folders, or builtin:NAME; default: the values of --config
        paths: Vec<String>,
        /// Take what is left out with a warning as an error
        #[arg(long)]
        strict: bool,
        /// Run every planned query once, in a read-only session, and print rows, time and cost; exit 1 on a failure
        #[arg(long)]
        server: bool,
        /// With --server: print the plan of each query, too
        #[arg(long, requires = "server")]
        plans: bool,
    },
    /// Connect once and print what runs, what fails and why, and what takes longest; exit 1 on a failure
    Explain {
        /// List every collector, with those that are not planned and why
        #[arg(long)]
        all: bool,
    },
    /// Report what is wrong on the server with evidence and fixes, what runs, and what it costs; exit 1 on a critical finding
    ///
    /// The exit code is 0 if no finding is critical, and 1 if one is, or if a server is down. Sessions are read-only.
    Doctor {
        /// Print JSON, whose schema is docs/reference/doctor.schema.json
        #[arg(long)]
        json: bool,
        /// List the rules and their thresholds as Markdown, without a server
        #[arg(long)]
        list: bool,
        /// Number of a rule to use in place of its own; can be repeated
        #[arg(long, value_name = "RULE.NAME=NUMBER", value_parser = Threshold::parse)]
        threshold: Vec<Threshold>,
    },
    /// List the collectors, or write the embedded files into a folder
    Collectors {
        /// Write the files of the embedded folder into this folder, which must be new or empty
        #[arg(long, value_name = "DIR")]
        dump: Option<PathBuf>,
    },
    /// Print the SQL that creates the role of the exporter
    Grants,
    /// List the metrics of the collectors
    Metrics {
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: ListFormat,
        /// List the metrics that the exporter exposes about itself instead
        #[arg(long = "self")]
        of_self: bool,
    },
    /// Print the keys of collector files: a page, or a JSON Schema for editors
    Keys {
        /// How to print them
        #[arg(long, value_enum, default_value = "markdown")]
        format: KeysFormat,
    },
    /// Print the manual page, or the completions for a shell
    #[command(hide = true)]
    Manual {
        /// What to print
        form: ManualForm,
    },
}

/// Reads the command line.
///
/// # Errors
/// Usage errors, and the texts of `--help` and `--version`.
pub(crate) fn read<O: Args>(
    exporter: &Exporter,
    arguments: impl Iterator<Item = OsString>,
) -> Result<Cli<O>, clap::Error> {
    let mut command = command::<O>(exporter);
    let arguments = with_plain_negations(&command, arguments);
    let mut matches =
        command.try_get_matches_from_mut(arguments).map_err(|error| with_name_of_variable(error, &command))?;
    Cli::from_arg_matches_mut(&mut matches)
}

/// All flags, which may come before or after the name of a command.
pub(crate) fn command<O: Args>(exporter: &Exporter) -> Command {
    let command = Cli::<O>::command().name(exporter.name).about(exporter.about).version(exporter.build.version());
    let environment: Vec<(&str, &str)> = ENVIRONMENT.iter().chain(exporter.environment).copied().collect();
    let command = command.mut_args(|arg| {
        let arg = if arg.get_id() == "listen_address" { arg.default_value(format!(":{}", exporter.port)) } else { arg };
        complete(arg, exporter.env_prefix, &environment).global(true)
    });
    command.subcommands(exporter.tools.iter().map(|tool| Command::new(tool.name).about(tool.about)))
}

/// Reads a command of its own with flags of an exporter, which have their environment variables, defaults in the help, and
/// spellings of true and false. The first argument is the name of the program.
///
/// # Errors
/// Usage errors, and the text of `--help`.
pub fn read_flags(
    command: Command,
    prefix: &str,
    environment: &[(&str, &str)],
    arguments: impl Iterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    // A flag without a value has neither a variable nor a default.
    let completed = |arg: Arg| if arg.get_action().takes_values() { complete(arg, prefix, environment) } else { arg };
    let mut command = command.mut_args(completed);
    let arguments = with_plain_negations(&command, arguments);
    command.try_get_matches_from_mut(arguments).map_err(|error| with_name_of_variable(error, &command))
}

/// The flag with its environment variable, the spellings of true and false, and its notes in `--help`.
fn complete(arg: Arg, prefix: &str, environment: &[(&str, &str)]) -> Arg {
    let id = arg.get_id().as_str().to_owned();
    let arg = if is_bool(&arg) {
        arg.value_name("BOOL").num_args(0..=1).require_equals(true).default_missing_value("true")
    } else {
        arg
    };
    let suffix = environment.iter().find(|(name, _)| *name == id);
    let variable = suffix.map(|(_, suffix)| format!("{prefix}_{suffix}"));
    let notes = notes(&arg, variable.as_deref());
    let text = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let arg = arg.hide_default_value(true).hide_env(true).long_help(text + &notes);
    match variable {
        // A variable that is set but empty counts as unset.
        Some(variable) if std::env::var_os(&variable).is_some_and(|value| !value.is_empty()) => arg.env(variable),
        _ => arg,
    }
}

/// A line with the flag's variable and default; empty if it has neither.
fn notes(arg: &Arg, variable: Option<&str>) -> String {
    let default = arg.get_default_values().first().and_then(|value| value.to_str());
    let default = default.filter(|value| !matches!(*value, "" | "false"));
    let notes: Vec<String> = variable
        .map(|variable| format!("[env: {variable}]"))
        .into_iter()
        .chain(default.map(|value| format!("[default: {value}]")))
        .collect();
    if notes.is_empty() { String::new() } else { format!("\n{}", notes.join(" ")) }
}

fn is_bool(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<bool>()
}

/// `--no-flag` means `--flag=false` for every flag that is true or false.
fn with_plain_negations(command: &Command, arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let is_truth = |name: &str| command.get_arguments().any(|arg| arg.get_long() == Some(name) && is_bool(arg));
    arguments
        .map(|argument| match argument.to_str().and_then(|text| text.strip_prefix("--no-")) {
            Some(name) if is_truth(name) => format!("--{name}=false").into(),
            _ => argument,
        })
        .collect()
}

/// Adds the name of the variable that a bad value came from, if the flag itself was not given.
fn with_name_of_variable(error: clap::Error, command: &Command) -> clap::Error {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let is_foreign = |variable: &&OsStr| std::env::var_os(variable).is_some_and(|value| value.to_str().is_none());
        if let Some(variable) = command.get_arguments().filter_map(Arg::get_env).find(is_foreign) {
            return with_tip(
                error,
                format!("the value of the environment variable {} is not UTF-8", variable.display()),
            );
        }
    }
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && let Some(instead) = foreign_flag(flag)
    {
        return with_tip(error, instead.into());
    }
    let (Some(ContextValue::String(flag)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return error;
    };
    let variable = command.get_arguments().find(|arg| arg.to_string() == *flag).and_then(Arg::get_env);
    if let Some(variable) = variable.filter(|variable| std::env::var(variable).is_ok_and(|found| found == *value)) {
        let tip = format!("this is the value of the environment variable {}", variable.display());
        return with_tip(error, tip);
    }
    error
}

/// What to do in place of a flag of postgres_exporter.
fn foreign_flag(flag: &str) -> Option<&'static str> {
    let name = flag.trim_start_matches('-');
    Some(match name.split('=').next().unwrap_or_default() {
        "extend.query-path" => {
            "write collector files with pg-exporter import postgres_exporter FILE --out DIR and name their folder with --config"
        }
        "auto-discover-databases" => "databases are discovered by default; see --auto-discovery",
        "exclude-databases" => "write --exclude-database",
        "include-databases" => "write --include-database",
        "constantLabels" => "write --label",
        "metric-prefix" => "names begin with the key of their collector; see --config",
        "dumpmaps" => "run the command metrics",
        "collection-timeout" => "write --scrape-timeout",
        "config.file" => "one exporter reads one server; give its address with --url",
        "disable-default-metrics" | "disable-settings-metrics" => "choose collectors with --tag or --config",
        other if other.starts_with("collector.") || other.starts_with("no-collector.") => {
            "choose collectors with --tag, or with --config and files of your own"
        }
        _ => return None,
    })
}

fn with_tip(mut error: clap::Error, tip: String) -> clap::Error {
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    error
}
