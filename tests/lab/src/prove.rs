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

/// Causes every fault with a wanted alert, one after the other; `only` empty means all, and the kill of a primary under
/// the rules' real waiting times after them. Writes the table of a whole series into the page `table`.
///
/// Success only if every alert arrived and was resolved, and no other came with the failover.
pub fn run(programs: &Path, alerts: &Path, only: &[String], table: Option<&Path>) -> Result<ExitCode, LabError> {
    let is_wanted =
        |fault: &&Fault| only.is_empty() || fault.alerts.iter().any(|alert| only.iter().any(|name| name == alert));
    let wanted: Vec<&Fault> = faults().filter(is_wanted).collect();
    let mut architecture = start(programs, alerts)?;
    let mut outcomes = Vec::new();
    for fault in wanted {
        let outcome = prove(&mut architecture, &[fault])?;
        outcome.iter().for_each(|outcome| println!("{outcome}"));
        outcomes.extend(outcome);
    }
    drop(architecture);
    let count = |of: &Outcome| if of.arrivals.is_ok() { of.fault.alerts.len() } else { 0 };
    let (proven, all): (usize, usize) =
        (outcomes.iter().map(count).sum(), outcomes.iter().map(|outcome| outcome.fault.alerts.len()).sum());
    println!("\n{proven} of {all} alerts arrived and were resolved");
    let mut is_well = proven == all;
    if only.is_empty() {
        match failover::kill_primary(programs, alerts) {
            Ok(shortlived) => {
                println!("a failover brought no alert but those about it");
                if let (Some(page), true) = (table, is_well) {
                    table::write(page, alerts, &outcomes, &shortlived)?;
                }
            }
            Err(error) => {
                println!("a failover: {error}");
                is_well = false;
            }
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
