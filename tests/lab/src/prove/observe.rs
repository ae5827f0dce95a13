//! Situations that look like faults: the alerts about them arrive, and no other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::setup::{LIMIT, start, wait_for_targets};
use super::situation::{Observed, Props, Situation};
use super::situations::SITUATIONS;
use super::{INTERVAL, table};
use crate::{Alert, Architecture, LabError, Target};

/// How long a situation has to be on the pages, longer than most windows of the scaled rules.
const OBSERVED: Duration = Duration::from_secs(60);

/// Always fires, or is about every start, that of the situation's own servers among them.
const ALWAYS: [&str; 2] = ["Watchdog", "PostgresRestarted"];

/// Brings situations about, one after the other: those with such words, without words all. What arrived goes into the page
/// `table`.
///
/// Success only if exactly the expected alerts arrived in each.
pub fn situations(
    programs: &Path,
    alerts: &Path,
    words: &[String],
    table: Option<&Path>,
) -> Result<ExitCode, LabError> {
    let mut architecture = start(programs, alerts)?;
    let mut all = Vec::new();
    let is_wanted = |one: &&Situation| words.is_empty() || words.iter().any(|word| one.what.contains(word));
    for situation in SITUATIONS.iter().filter(is_wanted) {
        let arrived = observe(&mut architecture, situation, programs);
        let observed = Observed { situation, arrived };
        println!("{observed}");
        all.push(observed);
    }
    if let Some(page) = table {
        table::write_situations(page, SITUATIONS, &all)?;
    }
    let wrong = all.iter().filter(|observed| !observed.is_right()).count();
    println!("\n{wrong} of {} situations brought other alerts than expected", all.len());
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Brings a situation about in a cluster that is well, and ends it in any case.
fn observe(
    architecture: &mut Architecture,
    situation: &'static Situation,
    programs: &Path,
) -> Result<BTreeSet<String>, LabError> {
    architecture.wait_for_cluster(LIMIT)?;
    wait_until_silent(architecture)?;
    let seen = architecture.webhook.alerts().len();
    let observed = (situation.begin)(architecture, programs).and_then(|props| {
        wait_until_observed(architecture, situation, &props)?;
        let arrived = arrived(architecture, seen, situation);
        if !props.exporters.is_empty() {
            // Before they end: else they would be down.
            architecture.prometheus.scrape(&architecture.targets())?;
            wait_for_targets(architecture)?;
        }
        Ok(arrived)
    });
    // In any case, for the situations to come.
    (situation.end)(architecture)?;
    architecture.prometheus.scrape(&architecture.targets())?;
    wait_for_targets(architecture)?;
    observed
}

/// The alerts since then, without those about servers of former situations.
fn arrived(architecture: &Architecture, seen: usize, situation: &Situation) -> BTreeSet<String> {
    let is_former = |alert: &Alert| {
        let mut servers = SITUATIONS.iter().filter_map(|one| one.server).filter(|one| Some(*one) != situation.server);
        servers.any(|server| [alert.label("ins"), alert.label("appname")].contains(&server))
    };
    let alerts = architecture.webhook.alerts();
    let new = alerts.iter().skip(seen).filter(|alert| alert.firing && !is_former(alert));
    let new: Vec<&Alert> = new.filter(|alert| !ALWAYS.contains(&alert.label("alertname"))).collect();
    for alert in new.iter().filter(|alert| !situation.alerts.contains(&alert.label("alertname"))) {
        eprintln!("lab: not expected: {:?}", alert.labels);
    }
    new.into_iter().map(|alert| alert.label("alertname").to_owned()).collect()
}

/// Waits until the situation was on the pages for long enough, and what it has to bring is there.
fn wait_until_observed(
    architecture: &Architecture,
    situation: &'static Situation,
    props: &Props,
) -> Result<(), LabError> {
    if !props.exporters.is_empty() {
        let more = props.exporters.iter().map(|(_, target)| target.clone());
        let targets: Vec<Target> = architecture.targets().into_iter().chain(more).collect();
        architecture.prometheus.scrape(&targets)?;
    }
    let prometheus = &architecture.prometheus;
    prometheus.wait_for(situation.seen, LIMIT)?;
    let (seconds, step, count) = (OBSERVED.as_secs(), INTERVAL.as_secs(), OBSERVED.as_secs() / INTERVAL.as_secs());
    let observed = format!("sum(count_over_time(({})[{seconds}s:{step}s])) >= {count}", situation.seen);
    prometheus.wait_for(&observed, LIMIT + OBSERVED)?;
    for alert in situation.alerts {
        prometheus.wait_for(&format!(r#"ALERTS{{alertname="{alert}",alertstate="firing"}}"#), LIMIT)?;
    }
    Ok(())
}

/// Waits until no alert of a former situation is left but about servers that it had.
fn wait_until_silent(architecture: &Architecture) -> Result<(), LabError> {
    let servers: Vec<&str> = SITUATIONS.iter().filter_map(|situation| situation.server).collect();
    let (always, servers) = (ALWAYS.join("|"), servers.join("|"));
    let firing = format!(r#"ALERTS{{alertname!~"{always}",ins!~"{servers}",appname!~"{servers}"}}"#);
    architecture.prometheus.wait_for(&format!("vector(1) unless on () {firing}"), 4 * LIMIT).map(drop)
}
