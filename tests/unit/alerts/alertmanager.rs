//! The example of Alertmanager's configuration: who gets which alert, and which one silences which.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use lab::{Alertmanager, Cache, request};
use serde_json::Value;
use support::rules::{Rule, rules};

use super::schemes::{self, Labels, Program, Scheme};

/// Alerts about a cluster: they have no label of a server.
const OF_CLUSTERS: &[&str] = &[
    "PostgresNoPrimary",
    "PostgresSplitBrain",
    "PostgresLastStandbyLost",
    "PostgresStandbyMissing",
    "PatroniNoLeader",
    "PatroniTwoLeaders",
    "PatroniClusterUnlocked",
    "PatroniNoFailoverCandidate",
    "PatroniFailsafeActive",
    "EtcdQuorumLost",
    "EtcdNoLeader",
];

/// A cluster that all schemes name apart from those by which the alerts are numbered.
const LAST: usize = 250;

pub fn finds_who_gets_what(config: &Path) {
    let config = config.to_str().unwrap();
    amtool(&["check-config", config]);
    for (receiver, labels) in [
        ("pager", ["alertname=PostgresDown", "severity=critical"]),
        ("pager", ["alertname=PostgresUnreachable", "severity=critical"]),
        ("pager", ["alertname=HostDown", "severity=critical"]),
        ("tickets", ["alertname=PostgresLockWaits", "severity=warning"]),
        ("nobody", ["alertname=PostgresRestarted", "severity=info"]),
        ("watchdog", ["alertname=Watchdog", "severity=none"]),
    ] {
        let verify = format!("--verify.receivers={receiver}");
        let route = ["config", "routes", "test", "--config.file", config, &verify];
        amtool(&[&route[..], &labels].concat());
    }
}

/// Runs amtool, which must find all good.
fn amtool(arguments: &[&str]) {
    let output = Command::new(Cache::open().unwrap().amtool().unwrap()).args(arguments).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "amtool {arguments:?}: {said}");
}

/// The component of each alert.
static COMPONENTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let component = |rule: &Rule| Some((rule.alert.clone()?, rule.labels["component"].clone()));
    rules().iter().filter_map(component).collect()
});

/// An alert with the labels of its rule.
fn alert(name: &str, severity: &str, place: Labels) -> Labels {
    let component = COMPONENTS.get(name).map_or("postgres", String::as_str);
    let own = [("alertname", name), ("severity", severity), ("component", component)];
    own.into_iter().map(|(label, value)| (label.to_owned(), value.to_owned())).chain(place).collect()
}

/// An Alertmanager with such alerts, that has seen all of them.
fn alertmanager(settings: &str, alerts: &[Labels]) -> Alertmanager {
    let alertmanager = Alertmanager::start(settings).unwrap();
    // It looks at alerts in their order: when it knows that this pair is one, it knows all.
    let pair = ["critical", "warning"].map(|severity| {
        [("alertname", "Pair"), ("severity", severity)].map(|(label, value)| (label.into(), value.into())).into()
    });
    let all: Vec<Value> = alerts.iter().chain(&pair).map(|labels| serde_json::json!({ "labels": labels })).collect();
    for some in all.chunks(100) {
        post(alertmanager.address(), "/api/v2/alerts", &serde_json::to_string(some).unwrap());
    }
    let knows = || suppressed(&alertmanager).iter().any(|labels| labels["alertname"] == "Pair");
    alertmanager.process().wait_until("that all alerts are known", Duration::from_secs(20), knows).unwrap();
    alertmanager
}

fn post(address: SocketAddr, path: &str, body: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "Connection: close\r\nContent-Type: application/json";
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {address}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "POST {path}: {answer}");
}

/// The alerts that others silence.
fn suppressed(alertmanager: &Alertmanager) -> Vec<Labels> {
    let page = request(alertmanager.address(), "GET", "/api/v2/alerts?active=false", &[]).unwrap();
    let alerts: Vec<BTreeMap<String, Value>> = serde_json::from_slice(&page.body).unwrap();
    let labels = alerts.into_iter().map(|mut alert| alert.remove("labels").unwrap());
    labels.map(|labels| serde_json::from_value(labels).unwrap()).collect()
}

/// In one cluster, all critical alerts of a server beside one alert each of the others; in others, all critical alerts of
/// a cluster beside one alert each of the servers of that number in the other clusters.
pub fn silences_no_other_server(settings: &str) {
    let rules = rules();
    let known = |rule: &Rule| Some((rule.alert.clone()?, rule.labels["severity"].clone()));
    let known: Vec<(String, String)> = rules.iter().filter_map(known).filter(|(name, _)| name != "Watchdog").collect();
    for scheme in schemes::ALL {
        let program = |name: &str| Program::of(name);
        let place = |name: &str, cluster, server| {
            let labels = scheme.labels(cluster, server, program(name));
            if OF_CLUSTERS.contains(&name) { schemes::of_cluster(labels, cluster) } else { labels }
        };
        let critical = || known.iter().filter(|(_, severity)| severity == "critical");
        let of_server = critical().filter(|(name, _)| !OF_CLUSTERS.contains(&name.as_str()));
        let causes = of_server.map(|(name, severity)| alert(name, severity, scheme.labels(0, 0, program(name))));
        let causes = causes.chain(critical().map(|(name, severity)| alert(name, severity, place(name, LAST, 0))));
        let others = known.iter().enumerate().flat_map(|(index, (name, severity))| {
            // Those about the cluster itself may silence what its servers have to say.
            let is_beside = !OF_CLUSTERS.contains(&name.as_str());
            let beside = is_beside.then(|| alert(name, severity, scheme.labels(0, index + 1, program(name))));
            beside.into_iter().chain([alert(name, severity, place(name, index + 1, 0))])
        });
        let others: Vec<Labels> = others.collect();
        let all: Vec<Labels> = causes.chain(others.iter().cloned()).collect();
        let silent = suppressed(&alertmanager(settings, &all));
        for other in &others {
            assert!(!silent.contains(other), "{}: {other:?} is silenced by an alert of another server", scheme.name);
        }
    }
}

/// Two alerts for a dead primary, and what a dead host is told by.
pub fn keeps_quiet_what_follows(settings: &str) {
    for scheme in schemes::ALL {
        let at =
            |name: &str, severity: &str, server| alert(name, severity, scheme.labels(0, server, Program::of(name)));
        let of_cluster =
            |name: &str| alert(name, "critical", schemes::of_cluster(scheme.labels(0, 0, Program::of(name)), 0));
        let causes = [at("PostgresDown", "critical", 0), of_cluster("PostgresNoPrimary")];
        let mut follow = vec![
            at("PostgresReplicationLagTime", "critical", 0),
            at("PostgresReplicationLagTime", "warning", 0),
            at("ExporterScrapeErrors", "warning", 0),
        ];
        if scheme.names_servers() {
            follow.push(at("PatroniPostgresNotRunning", "critical", 0));
        }
        if scheme.names_clusters() {
            follow.extend([of_cluster("PatroniNoLeader"), of_cluster("PatroniClusterUnlocked")]);
            follow.extend([at("HaproxyServiceDown", "critical", 1), at("HaproxyServiceDown", "critical", 2)]);
            follow.push(at("PostgresReplicaNotStreaming", "warning", 1));
        }
        let stand = [
            at("PostgresReplicationLagTime", "critical", 1),
            at("TlsCertificateExpiring", "critical", 0),
            at("PgbouncerDown", "critical", 0),
        ];
        told(settings, scheme, &causes, &follow, &stand);

        let causes = [at("HostDown", "critical", 0), at("PostgresUnreachable", "critical", 0)];
        told(settings, scheme, &causes, &[at("ExporterDown", "warning", 0)], &[at("ExporterDown", "warning", 1)]);

        let failing = |collector: &str, server| {
            let mut labels = at("ExporterCollectorFailing", "warning", server);
            labels.insert("collector".to_owned(), collector.to_owned());
            labels
        };
        if scheme.names_servers() {
            let stand = [failing("pg_table", 0), failing("patroni_member", 1)];
            told(settings, scheme, &[at("PatroniDown", "warning", 0)], &[failing("patroni_member", 0)], &stand);
        }
    }
}

/// Shows that the causes and what has another cause are told, and what follows of the causes is not.
fn told(settings: &str, scheme: &Scheme, causes: &[Labels], follow: &[Labels], stand: &[Labels]) {
    let all: Vec<Labels> = [causes, follow, stand].concat();
    let silent = suppressed(&alertmanager(settings, &all));
    for alert in causes.iter().chain(stand) {
        assert!(!silent.contains(alert), "{}: {alert:?} is silenced", scheme.name);
    }
    for alert in follow {
        assert!(silent.contains(alert), "{}: {alert:?} is told beside {causes:?}", scheme.name);
    }
}
