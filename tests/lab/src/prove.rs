//! Proof that alerts arrive: a real fault, the alert at the webhook, the fault mended, the alert resolved.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lab::{Alert, Architecture, LabError, Plan, Ports, rule_files};

mod faults;

use faults::{FAULTS, Fault, Place};

/// The waiting times of the proof, scaled down from those of an installation: a scrape and an evaluation of all rules,
/// and how long a condition holds before its alert fires, whatever the rule says.
const INTERVAL: Duration = Duration::from_secs(3);
const HOLD: Duration = Duration::from_secs(2);

/// How long the exporters keep a result, in seconds by tier: not long, but beyond the next scrape, since what comes too
/// late for one scrape on a busy machine is shown by the next.
const CACHE_TTLS: &str = "--cache-ttls=1,5,5,5";

/// How long an alert may take to arrive, or to be resolved.
const LIMIT: Duration = Duration::from_secs(60);

/// What became of a fault.
struct Outcome {
    fault: &'static Fault,
    /// From the fault to the alert, and from the mending to its end.
    times: Result<(Duration, Duration), LabError>,
    /// Other alerts that began meanwhile.
    others: BTreeSet<String>,
}

/// Causes every fault whose alert is wanted, one after the other; `only` empty means all.
///
/// Success only if every alert arrived and was resolved.
pub fn run(programs: &Path, alerts: &Path, only: &[String]) -> Result<ExitCode, LabError> {
    let rules = rule_files(alerts);
    if rules.is_empty() {
        return Err(LabError::Unexpected(format!("no rule files in {}", alerts.display())));
    }
    let plan = Plan {
        programs: programs.to_owned(),
        ports: Ports::Free,
        interval: INTERVAL,
        rules,
        hold: Some(HOLD),
        exporter_args: vec![CACHE_TTLS.to_owned()],
    };
    println!("starting the architecture with {} rule files", plan.rules.len());
    let mut architecture = Architecture::start(&plan)?;
    architecture.prometheus.wait_for("count(up == 1) == 12", LIMIT)?;

    let is_wanted = |fault: &&Fault| only.is_empty() || only.iter().any(|name| name == fault.alert);
    let mut outcomes = Vec::new();
    for fault in FAULTS.iter().filter(is_wanted) {
        let outcome = prove(&mut architecture, fault)?;
        print(&outcome);
        outcomes.push(outcome);
    }
    println!("\n| alert | fault | fires after | is resolved after |\n|---|---|---|---|");
    for outcome in &outcomes {
        if let Ok((fired, resolved)) = &outcome.times {
            let (Fault { alert, what, .. }, fired, resolved) =
                (outcome.fault, fired.as_secs_f64(), resolved.as_secs_f64());
            println!("| {alert} | {what} | {fired:.1} s | {resolved:.1} s |");
        }
    }
    let proven = outcomes.iter().filter(|outcome| outcome.times.is_ok()).count();
    println!("\n{proven} of {} alerts arrived and were resolved", outcomes.len());
    Ok(if proven == outcomes.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One fault, from a cluster that is well to one that is well again.
fn prove(architecture: &mut Architecture, fault: &'static Fault) -> Result<Outcome, LabError> {
    let primary = architecture.wait_for_cluster(LIMIT)?;
    let at = match fault.place {
        Place::Primary => primary,
        Place::Replica => architecture.replica().unwrap_or(primary),
    };
    let seen = architecture.webhook.alerts().len();
    let times = times(architecture, fault, at);
    let is_other = |alert: &&Alert| alert.firing && alert.label("alertname") != fault.alert;
    let named = |alert: &Alert| format!("{} {}", alert.label("alertname"), alert.label("ins"));
    let others = architecture.webhook.alerts()[seen..].iter().filter(is_other).map(named).collect();
    Ok(Outcome { fault, times, others })
}

fn times(architecture: &mut Architecture, fault: &Fault, at: usize) -> Result<(Duration, Duration), LabError> {
    let begin = Instant::now();
    let at_work = (fault.cause)(architecture, at)?;
    let fired = arrival(architecture, fault.alert, true, begin);
    // Mended in any case, for the faults to come.
    let mended = Instant::now();
    (fault.mend)(architecture, at)?;
    drop(at_work);
    let fired = fired?;
    let resolved = arrival(architecture, fault.alert, false, mended)?;
    Ok((fired.duration_since(begin), resolved.duration_since(mended)))
}

/// When the alert came that fires or is resolved.
fn arrival(architecture: &Architecture, name: &str, firing: bool, since: Instant) -> Result<Instant, LabError> {
    let what = format!("{name} {}", if firing { "that fires" } else { "that is resolved" });
    let is_wanted = |alert: &Alert| alert.firing == firing && alert.label("alertname") == name;
    Ok(architecture.webhook.wait_for(&what, since, LIMIT, is_wanted)?.received)
}

fn print(outcome: &Outcome) {
    let Outcome { fault, times, others } = outcome;
    match times {
        Ok((fired, resolved)) => println!(
            "{:<28} fires after {:>4.1} s, is resolved after {:>4.1} s: {}",
            fault.alert,
            fired.as_secs_f64(),
            resolved.as_secs_f64(),
            fault.what
        ),
        Err(error) => println!("{:<28} NOT PROVEN: {}: {error}", fault.alert, fault.what),
    }
    if !others.is_empty() {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        println!("{:<28} beside it: {}", "", others.join(", "));
    }
}
