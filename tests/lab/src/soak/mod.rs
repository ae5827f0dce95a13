//! Scrapes without a pause for a long time, of a server that is never at rest: nothing grows and nothing fails.

mod churn;
mod curve;
mod sample;
mod scrapers;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use lab::{Backends, Exporter, LabError, Marked};

use self::churn::{Churn, Events};
use self::sample::{Second, csv, mean, most, quarters};
use self::scrapers::Tally;
use crate::meter::memory_mib;

/// How `lab soak` runs.
#[derive(clap::Args)]
pub struct Options {
    /// The folder with the exporters' binaries.
    #[arg(long, value_name = "PATH")]
    programs: PathBuf,
    /// How long.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Where each second is written to.
    #[arg(long, value_name = "PATH", default_value = "target/soak.csv")]
    csv: PathBuf,
    /// Where the curves are written to.
    #[arg(long, value_name = "PATH")]
    curve: Option<PathBuf>,
    /// The page whose table is brought up to date.
    #[arg(long, value_name = "PATH")]
    table: Option<PathBuf>,
}

/// Shorter than this there are no quarters to compare.
const SHORTEST: u64 = 20;

const SOAK: Marked = Marked { name: "soak", goal: "soak" };

/// Runs it. Success only if nothing has grown and nothing has failed.
pub fn run(options: &Options) -> Result<ExitCode, LabError> {
    let duration = Duration::from_secs(options.seconds.max(SHORTEST));
    let mut churn = Churn::start()?;
    let backends = [&churn.primary, &churn.standby].map(|server| server.backends(" monitor "));
    let exporter = Exporter::start(&options.programs.join("pg-exporter"), &[], &[("PG_EXPORTER_URL", &churn.url())])?;
    let tally = Tally::default();
    let (events, seconds) = thread::scope(|scope| {
        let scrapers = scrapers::start(scope, exporter.address(), &tally);
        let watcher = scope.spawn(|| watch(&exporter, &backends, &tally));
        let events = churn.run(duration);
        tally.stop();
        scrapers.into_iter().for_each(|scraper| scraper.join().unwrap_or_default());
        (events, watcher.join().unwrap_or_default())
    });
    let events = events?;
    write(&options.csv, &csv(&seconds))?;
    if let Some(file) = &options.curve {
        write(file, &curve::svg(&seconds, &events.restarts, &events.switchovers))?;
    }
    let table = table(&seconds, &events, &tally);
    println!("{table}");
    if let Some(page) = &options.table {
        SOAK.write(page, &table)?;
    }
    let mut failures = verdict::failures(&seconds, tally.budget());
    failures.extend(tally.failures().into_iter().map(|failure| format!("a scrape: {failure}")));
    if !exporter.process().is_running() || exporter.log().contains("panicked") {
        failures.push(format!("the exporter panicked or ended: {}", exporter.process().log_tail()));
    }
    failures.iter().for_each(|failure| println!("FAILED: {failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks at the exporter each second.
fn watch(exporter: &Exporter, backends: &[Backends], tally: &Tally) -> Vec<Second> {
    let (pid, begun) = (exporter.process().pid(), Instant::now());
    let mut seconds = Vec::new();
    while !tally.is_stopped() {
        let due = Duration::from_secs(seconds.len() as u64 + 1);
        thread::sleep(due.saturating_sub(begun.elapsed()));
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let sessions = backends.iter().map(|one| one.pids().len()).max().unwrap_or_default();
        seconds.push(Second {
            second: begun.elapsed().as_secs(),
            memory_mib: memory_mib(pid).0,
            descriptors: descriptors as u64,
            sessions: sessions as u64,
            ..tally.so_far()
        });
    }
    seconds
}

fn table(seconds: &[Second], events: &Events, tally: &Tally) -> String {
    let last = seconds.last().cloned().unwrap_or_default();
    let (second, fourth) = quarters(seconds);
    let quarter = |of: fn(&Second) -> f64| [mean(second, of), mean(fourth, of), most(seconds, of)];
    let [memory, memory_last, memory_most] = quarter(|one| one.memory_mib);
    let [descriptors, descriptors_last, descriptors_most] = quarter(|one| one.descriptors as f64);
    let [sessions, sessions_last, sessions_most] = quarter(|one| one.sessions as f64);
    let (restarts, switchovers, budget) = (events.restarts.len(), events.switchovers.len(), tally.budget());
    let rows = [
        format!("scrapes in {} s | {}", last.second, last.scrapes),
        format!("of them while the server was down | {}", last.down),
        format!("without a valid page before the deadline | {}", last.failed),
        format!("slowest answer | {:.0} ms", most(seconds, |one| one.slowest_ms)),
        format!("restarts, switchovers | {restarts}, {switchovers}"),
        format!("tables, databases created and dropped | {}, {}", events.tables, events.databases),
        format!("resident memory: second quarter, last, most | {memory:.1}, {memory_last:.1}, {memory_most:.1} MiB"),
        format!(
            "descriptors: second quarter, last, most | {descriptors:.1}, {descriptors_last:.1}, {descriptors_most:.0}"
        ),
        format!(
            "sessions: second quarter, last, most | {sessions:.1}, {sessions_last:.1}, {sessions_most:.0} of {budget}"
        ),
    ];
    let rows: String = rows.iter().map(|row| format!("| {row} |\n")).collect();
    format!("| soak | |\n|---|---|\n{rows}")
}

fn write(file: &Path, text: &str) -> Result<(), LabError> {
    let what = || format!("writing {}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|source| LabError::Io { what: what(), source })?;
    }
    fs::write(file, text).map_err(|source| LabError::Io { what: what(), source })
}
