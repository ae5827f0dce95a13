//! Proof that alerts arrive: a real fault, the alert at the webhook, the fault mended, the alert resolved; and that a
//! failover brings no alert but those that are about it.

use std::path::Path;
use std::process::ExitCode;

use crate::LabError;

mod failover;
mod faults;
mod live;
mod observe;
mod scale;
mod setup;
mod situation;
mod situations;
mod standbys;
mod table;

pub use failover::{Expected, KILL, SWITCHOVER, Shortlived, Vigil, Whose};
pub use faults::{Fault, Place, faults};
pub use live::{Arrival, Outcome, prove};
pub use observe::situations;
pub use scale::{INTERVAL, SCALE};
pub use setup::{LIMIT, start};
pub use situation::{Observed, Props, Situation};
pub use situations::SITUATIONS;
pub use table::tabled;

/// Causes every fault with a wanted alert, one after the other; `only` empty means all. Their times go into the page `table`.
///
/// Success only if every alert arrived and was resolved.
pub fn series(programs: &Path, alerts: &Path, only: &[String], table: Option<&Path>) -> Result<ExitCode, LabError> {
    let is_wanted =
        |fault: &&Fault| only.is_empty() || fault.alerts.iter().any(|alert| only.iter().any(|name| name == alert));
    let wanted: Vec<&Fault> = faults().filter(is_wanted).collect();
    let mut architecture = start(programs, alerts)?;
    let has_disk = architecture.node_exporter.disk().is_some();
    let (wanted, left_out): (Vec<&Fault>, Vec<&Fault>) =
        wanted.into_iter().partition(|fault| has_disk || !faults::needs_disk(fault));
    for fault in left_out {
        println!("{}: left out, only root can mount a file system", fault.what);
    }
    let mut outcomes = Vec::new();
    for fault in wanted {
        // One that cannot begin leaves the others theirs.
        let proven = prove(&mut architecture, &[fault]).unwrap_or_else(|error| vec![Outcome::not_begun(fault, error)]);
        for outcome in proven {
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
