//! The command `drill`: one restore drill now, its result as text or JSON.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser};
use engine::StateFolder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::collect::InfoCollector;
use crate::drill::{DrillRecord, drill, remove_leftover, stanzas};
use crate::options::{BackrestOptions, ENV_PREFIX, ENVIRONMENT};
use crate::settings::Settings;
use crate::snapshot::InfoSnapshot;

/// Exit codes.
const FAILED: u8 = 1;
const NOT_STARTED: u8 = 2;

/// Restore a backup into a scratch folder, recover it, check it, measure it, and remove it
///
/// A server is started on the restored files, on a socket in the folder only: without archiving, replication, libraries of
/// extensions or jobs, and with a configuration of its own. WAL is replayed to the end of the archive. Then the result is
/// printed: how long a restore takes, and how much data would be lost now. Nothing is left in the folder.
///
/// The exit code is 0 if the drill succeeded, 1 if it failed, 2 if it could not be started.
#[derive(Debug, Parser)]
#[command(name = "pgbackrest-exporter drill")]
struct DrillCommand {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    /// Only remove what a killed drill has left in the folder of --drill.path
    #[arg(long)]
    clean: bool,

    #[command(flatten)]
    options: BackrestOptions,

    #[command(flatten)]
    state: StateFolder,
}

/// Runs the command with the arguments after its name.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = std::iter::once("pgbackrest-exporter drill".into()).chain(arguments);
    let environment = [ENVIRONMENT, &[StateFolder::VARIABLE]].concat();
    let matches = engine::read_flags(DrillCommand::command(), ENV_PREFIX, &environment, arguments);
    let parsed = matches.and_then(|matches| DrillCommand::from_arg_matches(&matches));
    let command = match parsed {
        Ok(command) => command,
        Err(text) => {
            // If the terminal is gone, nobody can read this.
            text.print().ok();
            return if text.use_stderr() { ExitCode::from(NOT_STARTED) } else { ExitCode::SUCCESS };
        }
    };
    act(command).unwrap_or_else(|error| {
        writeln!(std::io::stderr(), "pgbackrest-exporter drill: {error}").ok();
        ExitCode::from(NOT_STARTED)
    })
}

fn act(command: DrillCommand) -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    let DrillCommand { json, clean, options, state } = command;
    let settings = Arc::new(options.settings(&state)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let path = settings.drill.path.clone().ok_or("no folder is set: name an empty folder with --drill.path")?;
    if clean {
        runtime.block_on(remove_leftover(&path))?;
        return Ok(ExitCode::SUCCESS);
    }
    let _lock = settings.state.lock()?;
    let records = runtime.block_on(all(&settings))?;
    keep(&settings, &records);
    print(&records, json)?;
    let is_good = !records.is_empty() && records.iter().all(|record| record.success);
    let not_started = |record: &DrillRecord| {
        let early = ["folder", "user", "backup", "info", "programs"];
        record.reason.as_deref().is_some_and(|reason| early.contains(&reason)) && record.restore_seconds.is_none()
    };
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false if records.iter().any(not_started) => ExitCode::from(NOT_STARTED),
        false => ExitCode::from(FAILED),
    })
}

async fn all(settings: &Arc<Settings>) -> Result<Vec<DrillRecord>, Box<dyn std::error::Error + Send + Sync>> {
    let (stop, mut stopped) = watch::channel(false);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
    });
    let snapshot: Arc<InfoSnapshot> = InfoCollector::once(settings.clone()).await;
    let names = stanzas(&snapshot, settings);
    if names.is_empty() {
        let fault = snapshot.fault().map(|fault| fault.message);
        return Err(fault.unwrap_or_else(|| "pgbackrest info reports no stanza".to_owned()).into());
    }
    let known = settings.state.read().unwrap_or_default().drill.results;
    let mut records = Vec::new();
    for name in names {
        let before = known.iter().find(|record| record.stanza == name);
        records.push(drill(settings, &name, &snapshot, before, &mut stopped).await);
    }
    Ok(records)
}

/// Keeps the results for an exporter with the same state folder.
fn keep(settings: &Settings, records: &[DrillRecord]) {
    let mut state = settings.state.read().unwrap_or_default();
    state.drill.keep(records);
    if let Err(error) = settings.state.write(&state) {
        writeln!(std::io::stderr(), "pgbackrest-exporter drill: {error}").ok();
    }
}

fn print(records: &[DrillRecord], json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        return writeln!(out, "{}", serde_json::to_string_pretty(records)?);
    }
    for record in records {
        writeln!(out, "{}", record.sentence())?;
        if record.success {
            for line in record.details() {
                writeln!(out, "  {line}")?;
            }
        }
    }
    Ok(())
}
