//! "Why is it slow?" as docs/guide/slow.md answers it: a plan flip, a lock pile-up and a burst of errors on one server. The
//! scrapes after each one show it, its alert arrives, and three clicks lead from the overview to statement, waits and plan.

use std::path::Path;
use std::time::Instant;

use lab::prove::{self, Fault};
use lab::{Alert, Architecture, Member, Process};
use support::{one_at_a_time, path, programs, root};

use super::browser::{self, Preview};
use super::pictures::now;

/// The next scrape shows a fault, unless its label set is new: that shows 0 until Prometheus and VictoriaMetrics have seen it,
/// so that both can tell its growth.
const MOST_SCRAPES: f64 = 3.0;

/// An alert, and what the exporter counts of its fault.
const CHAPTERS: [(&str, &str); 3] = [
    ("PostgresPlanSlower", "pg_plan_changes_total"),
    ("PostgresLockWaits", r#"pg_session_seconds_total{wait_event_type="Lock"}"#),
    ("PostgresErrorBurst", r#"pg_log_error_total{code="22012"}"#),
];

const CLICKS: [&str; 3] = ["Clusters>cluster>pg-lab", "Cluster members>instance>SERVER", "Top queries>query>flips"];

/// What the third page shows of the statement.
const SHOWN: [&str; 4] =
    ["Latency percentiles", "DB load by wait event type (avg active sessions)", "Mean time by plan", "Plans"];

#[test]
#[ignore = "make browser"]
fn a_slow_server_leads_to_the_statement_its_waits_and_its_plan() {
    tell(&root().join("target/screenshots"));
}

/// Plays the story and takes its pictures into a folder.
pub(super) fn tell(pictures: &Path) {
    let _turn = one_at_a_time();
    browser::build(root());
    let mut architecture = prove::start(programs(), &path("alerts")).unwrap();
    let at = architecture.wait_for_cluster(prove::LIMIT).unwrap();
    let server = architecture.nodes[at].member.name().to_owned();
    log_durations(&architecture.nodes[at].member);

    let faults = CHAPTERS.map(|(alert, counter)| (fault(alert), alert, counter));
    let mut at_work: Vec<Process> = Vec::new();
    for (fault, alert, counter) in faults {
        let before = Instant::now();
        at_work.extend((fault.cause)(&mut architecture, at).unwrap());
        let scrapes = scrapes_until_seen(&architecture, &server, counter);
        let is_it = |one: &Alert| one.firing && one.label("alertname") == alert;
        architecture.webhook.wait_for(alert, before, prove::LIMIT, is_it).unwrap();
        println!("{}: in scrape {scrapes}, {alert} after {:.0} s", fault.what, before.elapsed().as_secs_f64());
        assert!(scrapes <= MOST_SCRAPES, "{}: {counter} shows it in scrape {scrapes}", fault.what);
    }

    let preview = Preview::start(root(), architecture.prometheus.address());
    let steps = CLICKS.map(|step| step.replace("SERVER", &server));
    let visited = preview.follow("overview", &steps.each_ref().map(String::as_str));
    let last = visited.last().unwrap();
    assert_eq!(last["page"], "pg-suite-query", "{visited:?}");
    let query = last["variables"]["var-query"].as_str().unwrap();
    let drawn: Vec<&str> = last["drawn"].as_array().unwrap().iter().filter_map(|title| title.as_str()).collect();
    let hidden: Vec<_> = SHOWN.into_iter().filter(|title| !drawn.contains(title)).collect();
    assert!(hidden.is_empty(), "without data after the third click: {hidden:?}");
    preview.take(pictures, "slow", &now(&format!("var-ins={server}&var-query={query}")));

    drop(at_work);
    for (fault, ..) in faults {
        (fault.mend)(&mut architecture, at).unwrap();
    }
}

fn fault(alert: &str) -> &'static Fault {
    prove::faults().find(|fault| fault.alerts.contains(&alert)).unwrap()
}

/// All of them, as on a server where they cost nothing.
fn log_durations(member: &Member) {
    let settings = "alter system set log_min_duration_sample = 0; alter system set log_statement_sample_rate = 1";
    member.psql("postgres", settings).unwrap();
    member.psql("postgres", "select pg_reload_conf()").unwrap();
}

/// Scrapes from now on until one shows that a counter of the server grew.
fn scrapes_until_seen(architecture: &Architecture, server: &str, counter: &str) -> f64 {
    let prometheus = &architecture.prometheus;
    let begun = Instant::now();
    let one = |selector: String| prometheus.query(&selector).unwrap().first().map_or(0.0, |sample| sample.value);
    let (name, labels) =
        counter.split_once('{').map_or((counter, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
    let total = format!(r#"(sum({name}{{ins="{server}",{labels}}}) or vector(0))"#);
    let before = one(total.clone());
    prometheus.wait_for(&format!("{total} > {before}"), prove::LIMIT).unwrap();
    let seconds = begun.elapsed().as_secs().max(1);
    one(format!(r#"count_over_time(pg_up{{ins="{server}"}}[{seconds}s])"#))
}
