//! The command line: flags of the engine and of one exporter together, with pg_exporter's spellings.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::build;
use crate::options::{ENVIRONMENT, Options};
use crate::run::Exporter;

/// Everything that was said on the command line and in the environment.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct Cli<O: Args> {
    #[command(flatten)]
    pub options: Options,
    #[command(flatten)]
    pub own: O,
    #[command(subcommand)]
    pub command: Option<Task>,
}

/// What to do instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Task {
    /// Check collector files without a server: every fault with its place; exits with 1 if there is any
    Check {
        /// A file, a folder, or builtin:NAME; default: what --config says
        path: Option<String>,
    },
    /// Connect once and print what is planned, what is not and why, and what each collector costs
    Explain,
    /// Print the metrics that the collectors can give
    Metrics {
        /// How to print them
        #[arg(long, value_enum, default_value = "table")]
        format: ListFormat,
    },
}

/// Form of the list of metrics.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
    Markdown,
}

/// A file, folder or builtin name as the flags give it.
pub(crate) enum ConfigPath {
    Builtin(String),
    Path(PathBuf),
}

impl ConfigPath {
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("builtin:") {
            Some(name) => Self::Builtin(name.to_owned()),
            None => Self::Path(text.into()),
        }
    }
}

/// Reads the command line.
///
/// # Errors
/// What clap has to say: usage errors, and the texts of `--help` and `--version`.
pub(crate) fn read<O: Args>(
    exporter: &Exporter,
    arguments: impl Iterator<Item = OsString>,
) -> Result<Cli<O>, clap::Error> {
    let command = command::<O>(exporter);
    let arguments = with_plain_negations(&command, arguments);
    let mut matches = command.try_get_matches_from(arguments)?;
    Cli::from_arg_matches_mut(&mut matches)
}

fn command<O: Args>(exporter: &Exporter) -> Command {
    let variables: Vec<(&str, String)> = ENVIRONMENT
        .iter()
        .chain(exporter.environment)
        .map(|(id, suffix)| (*id, format!("{}_{suffix}", exporter.env_prefix)))
        .collect();
    let port = exporter.port;
    Cli::<O>::command().name(exporter.name).about(exporter.about).version(build::VERSION).mut_args(|arg| {
        let id = arg.get_id().as_str().to_owned();
        if id == "listen_address" {
            return arg.default_value(format!(":{port}"));
        }
        match variables.iter().find(|(name, _)| *name == id) {
            // A variable that is set but empty counts as unset.
            Some((_, variable)) if std::env::var_os(variable).is_some_and(|value| !value.is_empty()) => {
                arg.env(variable.clone())
            }
            Some((_, variable)) => {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                arg.help(format!("{help} [env: {variable}]"))
            }
            None => arg,
        }
    })
}

/// `--no-flag` means `--flag=false` for every flag that is true or false.
fn with_plain_negations(command: &Command, arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let is_truth = |name: &str| {
        command.get_arguments().any(|arg| {
            arg.get_long() == Some(name)
                && arg.get_default_values().iter().any(|value| value == "true" || value == "false")
        })
    };
    arguments
        .map(|argument| match argument.to_str().and_then(|text| text.strip_prefix("--no-")) {
            Some(name) if is_truth(name) => format!("--{name}=false").into(),
            _ => argument,
        })
        .collect()
}
