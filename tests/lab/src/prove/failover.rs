//! A change of the primary under the rules' real waiting times, which must bring no alert but those about it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::setup::{LIMIT, rules, wait_for_targets};
use crate::architecture::SCOPE;
use crate::{Alert, Architecture, LabError, Plan, Ports, Process, Service, request};

/// Between two scrapes, as in an installation.
const INTERVAL: Duration = Duration::from_secs(10);

/// Which member an expected alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The one that was the primary.
    Former,
    /// Any.
    Any,
}

/// An alert that a change of the primary may bring.
#[derive(Debug)]
pub struct Expected {
    /// Its name.
    pub alert: &'static str,
    /// Whose it may be.
    pub whose: Whose,
    /// Why it is no false alarm.
    pub why: &'static str,
}

const ROLE_CHANGED: Expected = Expected {
    alert: "PostgresRoleChanged",
    whose: Whose::Any,
    why: "the former primary and the new one did change their roles",
};
const RESTARTED: Expected =
    Expected { alert: "PostgresRestarted", whose: Whose::Any, why: "told of every start, the lab’s own among them" };
const WATCHDOG: Expected = Expected { alert: "Watchdog", whose: Whose::Any, why: "always fires" };

/// What a planned restart may bring.
const RESTART: &[Expected] = &[RESTARTED, WATCHDOG];

/// What an operator's switchover may bring.
pub const SWITCHOVER: &[Expected] = &[ROLE_CHANGED, RESTARTED, WATCHDOG];

/// What the loss of the primary's host may bring.
pub const KILL: &[Expected] = &[
    ROLE_CHANGED,
    RESTARTED,
    WATCHDOG,
    Expected { alert: "PostgresDown", whose: Whose::Former, why: "it is down until somebody starts it again" },
    Expected { alert: "PatroniDown", whose: Whose::Former, why: "so is its Patroni" },
];

/// Looks back ten minutes and fires after fifteen: it pends long after the last error, and fires only if there are more.
const LOOKS_BACK: &str = "ExporterScrapeErrors";

/// A condition that held for a while, and not as long as its rule asks.
#[derive(Debug)]
pub struct Shortlived {
    /// The alert that did not fire.
    pub alert: String,
    /// Its severity.
    pub severity: String,
    /// How long its condition held at most, by the count of evaluations.
    pub held: Duration,
    /// The rule's `for`.
    pub hold: Duration,
}

/// A watch over the alerts of an architecture that runs under real waiting times.
#[derive(Debug)]
pub struct Vigil {
    interval: Duration,
    begin: Instant,
    former: String,
}

impl Vigil {
    /// Begins it, at a cluster that is well. `interval` is that of the architecture's evaluations.
    pub fn begin(architecture: &Architecture, interval: Duration) -> Result<Vigil, LabError> {
        let primary = architecture.wait_for_cluster(LIMIT)?;
        let former = architecture.nodes[primary].member.name().to_owned();
        let vigil = Vigil { interval, begin: Instant::now(), former };
        // What the start of the lab itself has left is over.
        vigil.wait_until_nothing_pends(architecture, &[RESTARTED])?;
        Ok(Vigil { begin: Instant::now(), ..vigil })
    }

    /// Ends it when the cluster is well again and nothing pends, so that nothing that began meanwhile can fire any more.
    /// Fails with every alert that arrived and is not expected; returns what came near.
    pub fn end(&self, architecture: &Architecture, expected: &[Expected]) -> Result<Vec<Shortlived>, LabError> {
        architecture.wait_for_cluster(LIMIT)?;
        self.wait_until_nothing_pends(architecture, expected)?;
        let is_false = |alert: &Alert| {
            let is_about = |whose| whose == Whose::Any || alert.label("ins") == self.former;
            let name = alert.label("alertname");
            !expected.iter().any(|expected| expected.alert == name && is_about(expected.whose))
        };
        let arrived = architecture.webhook.alerts();
        let arrived = arrived.iter().filter(|alert| alert.firing && alert.received >= self.begin);
        let said = |alert: &Alert| format!("{:?}", alert.labels);
        let wrong: Vec<String> = arrived.filter(|alert| is_false(alert)).map(said).collect();
        if !wrong.is_empty() {
            return Err(LabError::Unexpected(format!("alerts that are not about it: {}", wrong.join(", "))));
        }
        self.shortlived(architecture)
    }

    fn wait_until_nothing_pends(&self, architecture: &Architecture, expected: &[Expected]) -> Result<(), LabError> {
        let names: Vec<&str> = expected.iter().map(|expected| expected.alert).chain([LOOKS_BACK]).collect();
        let pending = format!(r#"ALERTS{{alertstate="pending",alertname!~"{}"}}"#, names.join("|"));
        // One standby may replay the new timeline only with its next checkpoint.
        let waited = architecture.prometheus.wait_for(&format!("vector(1) unless on () {pending}"), 4 * LIMIT);
        waited.map(drop).map_err(|error| {
            let left = architecture.prometheus.query(&pending);
            LabError::Unexpected(format!("waiting until nothing pends: {error}; left: {left:?}"))
        })
    }

    /// What pended, from the count of evaluations that found it so.
    fn shortlived(&self, architecture: &Architecture) -> Result<Vec<Shortlived>, LabError> {
        let window = self.begin.elapsed().as_secs().max(1);
        let query =
            format!(r#"max by (alertname, severity) (count_over_time(ALERTS{{alertstate="pending"}}[{window}s]))"#);
        let holds = holds(architecture)?;
        let read = |sample: crate::Sample| {
            let label = |name: &str| sample.labels.get(name).cloned().unwrap_or_default();
            let (alert, severity) = (label("alertname"), label("severity"));
            let hold = holds.get(&(alert.clone(), severity.clone())).copied().unwrap_or_default();
            Shortlived { alert, severity, held: self.interval.mul_f64(sample.value), hold }
        };
        Ok(architecture.prometheus.query(&query)?.into_iter().map(read).collect())
    }
}

/// The `for` of every rule, by name and severity, as Prometheus has it.
fn holds(architecture: &Architecture) -> Result<BTreeMap<(String, String), Duration>, LabError> {
    let page = request(architecture.prometheus.address(), "GET", "/api/v1/rules?type=alert", &[])?;
    let answer: Value = serde_json::from_slice(&page.body)
        .map_err(|error| LabError::Unexpected(format!("reading Prometheus' rules: {error}")))?;
    let groups = answer["data"]["groups"].as_array().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let hold = |rule: &Value| Duration::from_secs_f64(rule["duration"].as_f64().unwrap_or_default());
    Ok(rules.map(|rule| ((text(&rule["name"]), text(&rule["labels"]["severity"])), hold(rule))).collect())
}

/// Restarts a primary as an operator does, who takes no failover.
fn restart_primary(architecture: &Architecture, interval: Duration) -> Result<(), LabError> {
    let vigil = Vigil::begin(architecture, interval)?;
    let primary = architecture.wait_for_cluster(LIMIT)?;
    let member = &architecture.nodes[primary].member;
    member.patronictl(&["restart", SCOPE, member.name(), "--force"])?;
    vigil.end(architecture, RESTART)?;
    println!("a planned restart of the primary: no alert but those about it");
    Ok(())
}

/// Restarts a primary under load and kills it, leaves it dead until that is told, starts it again and waits until all is well.
pub(super) fn kill_primary(programs: &Path, alerts: &Path) -> Result<Vec<Shortlived>, LabError> {
    let plan = Plan {
        programs: programs.to_owned(),
        ports: Ports::Free,
        interval: INTERVAL,
        rules: rules(alerts)?,
        ..Plan::default()
    };
    let mut architecture = Architecture::start(&plan)?;
    wait_for_targets(&architecture)?;
    let _load = load(&architecture)?;
    restart_primary(&architecture, plan.interval)?;
    let vigil = Vigil::begin(&architecture, plan.interval)?;
    let primary = architecture.wait_for_cluster(LIMIT)?;
    let begin = Instant::now();
    architecture.nodes[primary].member.kill();
    let is_told = |alert: &Alert| alert.firing && alert.label("alertname") == "PostgresDown";
    let told = architecture.webhook.wait_for("PostgresDown of the lost primary", begin, 2 * LIMIT, is_told)?;
    println!("PostgresDown came {:.1} s after the primary was lost", told.received.duration_since(begin).as_secs_f64());
    architecture.nodes[primary].member.start_again()?;
    vigil.end(&architecture, KILL)
}

/// Transactions through the poolers on the primary, whoever it is.
fn load(architecture: &Architecture) -> Result<Process, LabError> {
    let primary = architecture.wait_for_cluster(LIMIT)?;
    let node = &architecture.nodes[primary];
    node.member.pgbench_init("postgres", 1)?;
    let port = format!("PGPORT={}", architecture.haproxy.port(Service::Primary));
    let script = "while :; do pgbench --no-vacuum --connect --client=2 --rate=20 --time=3600; sleep 1; done";
    node.pooler.start("env", Service::Primary.user(), "postgres", &[&port, "sh", "-c", script])
}
