//! Proof that alerts arrive: a real fault, the alert at the webhook, the fault mended, the alert resolved; and that a
//! failover brings no alert but those that are about it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::{Architecture, LabError, Plan, Ports, rule_files};

mod failover;
mod faults;
mod live;
mod scale;
mod table;

pub use failover::{Expected, KILL, SWITCHOVER, Shortlived, Vigil, Whose};
pub use faults::{Fault, Place, faults};
pub use live::{Arrival, Outcome, prove};
pub use scale::{INTERVAL, SCALE};
pub use table::tabled;

/// How long an alert may take to arrive, or to be resolved, and a cluster to be well, on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Causes every fault with a wanted alert, one after the other; `only` empty means all. Their times go into the page `table`.
///
/// Success only if every alert arrived and was resolved.
pub fn series(programs: &Path, alerts: &Path, only: &[String], table: Option<&Path>) -> Result<ExitCode, LabError> {
    let is_wanted =
        |fault: &&Fault| only.is_empty() || fault.alerts.iter().any(|alert| only.iter().any(|name| name == alert));
    let wanted: Vec<&Fault> = faults().filter(is_wanted).collect();
    let mut architecture = start(programs, alerts)?;
    let mut outcomes = Vec::new();
    for fault in wanted {
        for outcome in prove(&mut architecture, &[fault])? {
            println!("{outcome}");
            outcomes.push(outcome);
        }
        if let Some(page) = table {
            table::write_times(page, alerts, &outcomes)?;
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.arrivals.is_err()).count();
    println!("\n{failed} of {} faults did not bring all their alerts", outcomes.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Kills a primary under the rules' real waiting times. What held for a while goes into the page `table`.
///
/// Fails with every alert that is not about it.
pub fn failover(programs: &Path, alerts: &Path, table: Option<&Path>) -> Result<ExitCode, LabError> {
    let shortlived = failover::kill_primary(programs, alerts)?;
    println!("no alert but those about it; conditions that held for a while:");
    for Shortlived { alert, severity, held, hold } in &shortlived {
        println!("  {alert:<32} {severity:<9} {:>4} s of {} s", held.as_secs(), hold.as_secs());
    }
    if let Some(page) = table {
        table::write_failover(page, &shortlived)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// An architecture under the scaled rules of a folder, every target of which is scraped.
pub fn start(programs: &Path, alerts: &Path) -> Result<Architecture, LabError> {
    let plan = Plan {
        programs: programs.to_owned(),
        ports: Ports::Free,
        interval: INTERVAL,
        rules: rules(alerts)?,
        scale: Some(SCALE),
        exporter_args: vec![scale::CACHE_TTLS.to_owned()],
    };
    let architecture = Architecture::start(&plan)?;
    wait_for_targets(&architecture)?;
    Ok(architecture)
}

fn rules(alerts: &Path) -> Result<Vec<PathBuf>, LabError> {
    let rules = rule_files(alerts);
    if rules.is_empty() {
        return Err(LabError::Unexpected(format!("no rule files in {}", alerts.display())));
    }
    Ok(rules)
}

fn wait_for_targets(architecture: &Architecture) -> Result<(), LabError> {
    let count = architecture.targets().len();
    architecture.prometheus.wait_for(&format!("count(up == 1) == {count}"), LIMIT).map(drop)
}
