//! What an exporter crate tells the engine about itself.

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use crate::build_info::BuildInfo;
use crate::catalog::{CheckQuery, EmbeddedFolder};
use crate::state_folder::StateFolder;

/// What makes one exporter different from the others, beside its source.
#[derive(Debug, Clone)]
pub struct Exporter {
    /// The program's name.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// What it was built from.
    pub build: BuildInfo,
    /// The port that it listens on by default.
    pub port: u16,
    /// What its metrics begin with.
    pub namespace: &'static str,
    /// What its environment variables begin with.
    pub env_prefix: &'static str,
    /// Flags of its own that have a variable: the flag's id, and the variable's name after the prefix.
    pub environment: &'static [(&'static str, &'static str)],
    /// The crates beside the engine whose log lines are the exporter's own.
    pub log_crates: &'static [&'static str],
    /// The embedded collector folders; the first is the default.
    pub embedded: Vec<EmbeddedFolder>,
    /// The embedded rules of the command `doctor`.
    pub rules: EmbeddedFolder,
    /// Checks the text of a query as far as that is possible without a server.
    pub check_query: Option<CheckQuery>,
    /// The same for collectors with the key `rest`.
    pub check_rest: Option<CheckQuery>,
    /// What makes a query one for its plan, for `check --server`.
    pub explain_prefix: Option<&'static str>,
    /// Statements that prepare a role for the exporter, for the command `grants`.
    pub grants: Option<&'static str>,
    /// Commands that need neither collectors nor a server.
    pub tools: &'static [Tool],
}

/// A command with arguments of its own; its name must be the first argument.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The command's name.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Runs it with the arguments after its name.
    pub run: fn(Vec<OsString>) -> ExitCode,
}

/// What an exporter may need to know to make its source.
#[derive(Debug, Clone)]
pub struct Context {
    /// The longest time that one query of the collectors may run.
    pub longest_query: Duration,
    /// Whether the first probe may take its time: `explain` and `--fail-fast` need its result.
    pub wait_for_first: bool,
    /// Where to keep what outlives the exporter.
    pub state_folder: StateFolder,
}

/// The servers to read, and how long a health endpoint waits for them.
pub struct Sources<S> {
    /// Where rows come from: at least one. Of several, each one's samples carry its [`crate::Source::target`] as `target`.
    pub sources: Vec<S>,
    /// How long to wait for a probe of the server.
    pub probe_timeout: Duration,
}

/// Why the program ends.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;
