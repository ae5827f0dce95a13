//! The whole architecture, standing until Ctrl-C.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use lab::{Architecture, Dashboards, LabError, Plan, Process, Sample, Service, Target, rule_files};

use crate::links::{link, pages};

const SCRAPE_INTERVAL: Duration = Duration::from_secs(5);

const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Every target is seen within this time: Prometheus reads them up to 5 s after its start.
const FIRST_SCRAPE: Duration = Duration::from_secs(20);

/// Without an end given, the load ends after a week.
const LONGEST_LOAD: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is said of a target: its health, and the role of a PostgreSQL server.
const HEALTH: &str = r#"{__name__=~"up|pg_up|pgbouncer_up|pgbackrest_up|pg_in_recovery|patroni_primary"}"#;

/// Runs it until Ctrl-C or for so many seconds. `alerts` is a folder with rule files; it may be missing. So may a built `preview`.
///
/// Success only if at the end every target is up.
pub fn run(programs: &Path, alerts: &Path, preview: &Path, seconds: Option<u64>) -> Result<ExitCode, LabError> {
    let (stop, stopped) = mpsc::channel();
    // Sending fails only when the lab is ending anyway.
    ctrlc::set_handler(move || stop.send(()).unwrap_or(()))
        .map_err(|error| LabError::Unexpected(format!("handling Ctrl-C: {error}")))?;
    let begin = Instant::now();
    let rules = rule_files(alerts);
    println!(
        "starting three members of etcd, three members, their poolers and exporters, HAProxy, a repository and what watches them"
    );
    let programs = PathBuf::from(programs);
    let plan = Plan { programs, interval: SCRAPE_INTERVAL, rules, ..Plan::default() };
    let architecture = Architecture::start(&plan)?;
    let duration = seconds.map(Duration::from_secs);
    let _load = load(&architecture, duration.unwrap_or(LONGEST_LOAD))?;
    println!("all there after {:.1} s, with {} rule files\n", begin.elapsed().as_secs_f64(), plan.rules.len());
    let dashboards = Dashboards::start(preview, &architecture.prometheus)?;
    introduce(&architecture, dashboards.as_ref());
    let lines = watch(&architecture, &stopped, duration);
    println!("\nending");
    Ok(if lines.iter().all(Line::is_well) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Transactions on the primary, whoever it is, through its service.
fn load(architecture: &Architecture, longest: Duration) -> Result<Process, LabError> {
    let primary = architecture.wait_for_cluster(Duration::from_secs(30))?;
    let member = &architecture.nodes[primary].member;
    member.pgbench_init("postgres", 1)?;
    member.pgbench(architecture.haproxy.port(Service::Default), longest)
}

fn introduce(architecture: &Architecture, dashboards: Option<&Dashboards>) {
    let url =
        |name: &str, address: std::net::SocketAddr, path: &str| link(name, format_args!("http://{address}{path}"));
    pages(dashboards, &[("pg-suite-cluster", "var-cls=pg-lab"), ("pg-suite-ha", "var-cls=pg-lab")]);
    // Debian's Prometheus has no other pages.
    url("prometheus", architecture.prometheus.address(), "/classic/graph");
    url("alerts", architecture.prometheus.address(), "/classic/alerts");
    for node in &architecture.nodes {
        println!("{}", node.member.name());
        url("  patroni", node.member.rest(), "/cluster");
        url("  pg-exporter", node.exporters[0].address(), "/");
        url("  pgbouncer-exporter", node.exporters[1].address(), "/");
    }
    url("pgbackrest-exporter", architecture.backrest_exporter.address(), "/");
    for address in architecture.etcd.addresses() {
        url("etcd", address, "/metrics");
    }
    url("haproxy", architecture.haproxy.address(), "/");
    url("node_exporter", architecture.node_exporter.address(), "/metrics");
    url("victoria-metrics", architecture.victoria.address(), "/vmui/");
    url("victoria-logs", architecture.logs.address(), "/select/vmui/");
    url("alertmanager", architecture.alertmanager.address(), "/");
    link("webhook", format_args!("{} (takes POST)", architecture.webhook.url()));
    println!("\nin a shell:");
    for service in Service::ALL {
        let (user, port) = (service.user(), architecture.haproxy.port(service));
        let psql = architecture.nodes[0].member.psql_line(port, user, "postgres");
        link(&format!("service {}", service.name()), format_args!("PGPASSWORD={user} {psql}"));
    }
    for node in &architecture.nodes {
        link(node.member.name(), node.member.psql_line(node.member.port(), "postgres", "postgres"));
        link("  pgbouncer", node.pooler.console_line());
    }
    let (program, config) = (architecture.backrest.program().display(), architecture.backrest.config());
    link("backups", format_args!("{program} --config={} info", config.display()));
    link("patronictl", architecture.nodes[0].member.patronictl_line());
    println!();
}

/// What is known of one target.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    job: String,
    instance: String,
    address: String,
    /// The metrics of [`HEALTH`] that it has, by name.
    values: Vec<(String, f64)>,
}

impl Line {
    fn of(target: &Target, samples: &[Sample]) -> Line {
        let label = |sample: &Sample, name: &str| sample.labels.get(name).cloned().unwrap_or_default();
        let instance = target.labels.iter().find(|(name, _)| name == "ins");
        let instance = instance.map(|(_, value)| value.clone()).unwrap_or_default();
        // One address may be the target of several servers.
        let is_own = |sample: &&Sample| label(sample, "instance") == target.address && label(sample, "ins") == instance;
        let own = samples.iter().filter(is_own);
        let mut values: Vec<_> = own.map(|sample| (label(sample, "__name__"), sample.value)).collect();
        values.sort_by(|one, other| one.0.cmp(&other.0));
        Line { job: target.job.clone(), instance, address: target.address.clone(), values }
    }

    fn value(&self, metric: &str) -> Option<f64> {
        self.values.iter().find(|(name, _)| name == metric).map(|(_, value)| *value)
    }

    /// Scraped, and nothing that it tells of is down.
    fn is_well(&self) -> bool {
        let is_up = |(name, value): &(String, f64)| !name.ends_with("up") || *value == 1.0;
        self.value("up").is_some() && self.values.iter().all(is_up)
    }

    fn print(&self) {
        let role = match (self.value("patroni_primary"), self.value("pg_in_recovery")) {
            (Some(1.0), _) | (_, Some(0.0)) => "primary",
            (Some(_), _) | (_, Some(_)) => "replica",
            (None, None) => "",
        };
        let is_health = |(name, _): &&(String, f64)| name.ends_with("up");
        let health: String =
            self.values.iter().filter(is_health).map(|(name, value)| format!(" {name}={value}")).collect();
        println!("{:<10} {:<10} {role:<7}{health}  http://{}/metrics", self.job, self.instance, self.address);
    }
}

/// Prints a target's line when it changes, and every alert that arrives; returns the last lines.
fn watch(architecture: &Architecture, stopped: &Receiver<()>, duration: Option<Duration>) -> Vec<Line> {
    let begin = Instant::now();
    let targets = architecture.targets();
    let mut printed: Vec<Option<Line>> = vec![None; targets.len()];
    let mut alerts = 0;
    loop {
        let samples = architecture.prometheus.query(HEALTH).unwrap_or_else(|error| {
            eprintln!("lab: {error}");
            Vec::new()
        });
        let lines: Vec<Line> = targets.iter().map(|target| Line::of(target, &samples)).collect();
        for (line, printed) in lines.iter().zip(&mut printed) {
            if !line.values.is_empty() && printed.as_ref() != Some(line) {
                line.print();
                *printed = Some(line.clone());
            }
        }
        let arrived = architecture.webhook.alerts();
        for alert in &arrived[alerts..] {
            let state = if alert.firing { "firing" } else { "resolved" };
            println!("alert {state}: {} {}", alert.label("alertname"), alert.label("ins"));
        }
        alerts = arrived.len();
        let all_scraped = lines.iter().all(|line| !line.values.is_empty());
        let is_over = |duration| begin.elapsed() >= if all_scraped { duration } else { FIRST_SCRAPE.max(duration) };
        let is_stopped = stopped.recv_timeout(LOOK_INTERVAL) != Err(RecvTimeoutError::Timeout);
        if is_stopped || duration.is_some_and(is_over) {
            return lines;
        }
    }
}
