//! Faults in a running architecture and what arrives.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use super::{Fault, LIMIT, Place};
use crate::{Alert, Architecture, LabError, Process};

/// An alert that arrived and was resolved.
#[derive(Debug)]
pub struct Arrival {
    /// Its name.
    pub alert: &'static str,
    /// Its label `severity`: the first that came of those that the name has.
    pub severity: String,
    /// From the fault to its arrival at the webhook.
    pub fired: Duration,
    /// From the mending to its end at the webhook; zero where it had ended by itself.
    pub resolved: Duration,
}

/// What became of a fault.
#[derive(Debug)]
pub struct Outcome {
    /// The fault.
    pub fault: &'static Fault,
    /// Its alerts, in its order.
    pub arrivals: Result<Vec<Arrival>, LabError>,
    /// Other alerts that began meanwhile, with the instance.
    pub others: BTreeSet<String>,
}

impl Outcome {
    /// Of a fault before which the cluster was not well.
    pub(super) fn not_begun(fault: &'static Fault, error: LabError) -> Outcome {
        Outcome { fault, arrivals: Err(error), others: BTreeSet::new() }
    }
}

/// A fault that has been caused.
struct Caused {
    fault: &'static Fault,
    at: usize,
    since: Instant,
    // Ends with the mending.
    at_work: Result<Vec<Process>, LabError>,
}

/// Causes faults together, from a cluster that is well: waits for the alerts of all, mends all, waits until those alerts
/// are resolved. Fails only where the cluster is not well to begin with.
pub fn prove(architecture: &mut Architecture, faults: &[&'static Fault]) -> Result<Vec<Outcome>, LabError> {
    let primary = architecture.wait_for_cluster(LIMIT)?;
    wait_until_silent(architecture, faults)?;
    let seen = architecture.webhook.alerts().len();
    let caused: Vec<Caused> = faults.iter().map(|fault| cause(architecture, fault, primary)).collect();
    let fired: Vec<_> = caused.iter().map(|caused| first_alerts(architecture, caused)).collect();
    // Mended in any case, for the faults to come.
    let mended: Vec<_> = caused.into_iter().map(|caused| mend(architecture, caused)).collect();
    let others = others(architecture, seen, faults);
    let outcome = |((fault, fired), mended): ((&&'static Fault, _), _)| Outcome {
        fault,
        arrivals: arrivals(architecture, fired, mended),
        others: others.clone(),
    };
    Ok(faults.iter().zip(fired).zip(mended).map(outcome).collect())
}

/// Waits until none of their alerts fires from before.
fn wait_until_silent(architecture: &Architecture, faults: &[&Fault]) -> Result<(), LabError> {
    let names: Vec<&str> = faults.iter().flat_map(|fault| fault.alerts.iter().copied()).collect();
    let firing = format!(r#"ALERTS{{alertname=~"{}",alertstate="firing"}}"#, names.join("|"));
    architecture.prometheus.wait_for(&format!("vector(1) unless on () {firing}"), LIMIT).map(drop)
}

fn cause(architecture: &mut Architecture, fault: &'static Fault, primary: usize) -> Caused {
    let at = match fault.place {
        Place::Primary => primary,
        Place::Replica => architecture.replica().unwrap_or(primary),
    };
    let since = Instant::now();
    Caused { fault, at, since, at_work: (fault.cause)(architecture, at) }
}

/// The first alert of each name that a fault has to bring, and how long it took.
fn first_alerts(
    architecture: &Architecture,
    caused: &Caused,
) -> Result<Vec<(&'static str, Alert, Duration)>, LabError> {
    let first = |name: &&'static str| {
        let is_wanted = |alert: &Alert| alert.firing && alert.label("alertname") == *name;
        let alert = architecture.webhook.wait_for(&format!("{name} that fires"), caused.since, LIMIT, is_wanted)?;
        let after = alert.received.duration_since(caused.since);
        Ok((*name, alert, after))
    };
    match &caused.at_work {
        Ok(_) => caused.fault.alerts.iter().map(first).collect(),
        Err(error) => Err(LabError::Unexpected(format!("causing it: {error}"))),
    }
}

/// Mends a fault; returns when that began.
fn mend(architecture: &mut Architecture, caused: Caused) -> Result<Instant, LabError> {
    let mended = Instant::now();
    (caused.fault.mend)(architecture, caused.at)?;
    Ok(mended)
}

/// Waits until what fired is resolved.
fn arrivals(
    architecture: &Architecture,
    fired: Result<Vec<(&'static str, Alert, Duration)>, LabError>,
    mended: Result<Instant, LabError>,
) -> Result<Vec<Arrival>, LabError> {
    let (fired, mended) = (fired?, mended?);
    let end = |(name, alert, fired): (&'static str, Alert, Duration)| {
        let is_its_end = |other: &Alert| !other.firing && other.labels == alert.labels;
        let alerts = architecture.webhook.alerts();
        let last = alerts.iter().rev().find(|other| other.labels == alert.labels && other.received < mended);
        // What ends by itself may have ended before the mending.
        let since = if last.is_some_and(|last| last.firing) { mended } else { alert.received };
        let end = architecture.webhook.wait_for(&format!("{name} that is resolved"), since, LIMIT, is_its_end)?;
        let resolved = end.received.saturating_duration_since(mended);
        Ok(Arrival { alert: name, severity: alert.label("severity").to_owned(), fired, resolved })
    };
    fired.into_iter().map(end).collect()
}

fn others(architecture: &Architecture, seen: usize, faults: &[&Fault]) -> BTreeSet<String> {
    let is_wanted = |alert: &Alert| faults.iter().any(|fault| fault.alerts.contains(&alert.label("alertname")));
    let alerts = architecture.webhook.alerts();
    let others = alerts.iter().skip(seen).filter(|alert| alert.firing && !is_wanted(alert));
    others.map(|alert| format!("{} {}", alert.label("alertname"), alert.label("ins"))).collect()
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}:", self.fault.what)?;
        match &self.arrivals {
            Ok(arrivals) => {
                for Arrival { alert, fired, resolved, .. } in arrivals {
                    let (fired, resolved) = (fired.as_secs_f64(), resolved.as_secs_f64());
                    write!(out, "\n  {alert:<32} fires after {fired:>5.1} s, is resolved after {resolved:>5.1} s")?;
                }
            }
            Err(error) => write!(out, "\n  {} NOT PROVEN: {error}", self.fault.alerts.join(", "))?,
        }
        if !self.others.is_empty() {
            let others: Vec<&str> = self.others.iter().map(String::as_str).collect();
            write!(out, "\n  beside it: {}", others.join(", "))?;
        }
        Ok(())
    }
}
