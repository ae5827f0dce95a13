//! The example of Alertmanager's configuration: who gets which alert, and which one silences which.

use std::path::Path;
use std::process::Command;

use lab::{Alertmanager, Cache};
use serde_json::Value;

/// Runs amtool and returns what it prints.
fn amtool(arguments: &[&str]) -> String {
    let output = Command::new(Cache::open().unwrap().amtool().unwrap()).args(arguments).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "amtool {arguments:?}: {said}");
    said
}

pub fn finds_who_gets_what(config: &Path) {
    let config = config.to_str().unwrap();
    amtool(&["check-config", config]);
    for (receiver, labels) in [
        ("pager", ["alertname=PostgresDown", "severity=critical"]),
        ("tickets", ["alertname=PostgresLockWaits", "severity=warning"]),
        ("nobody", ["alertname=PostgresRestarted", "severity=info"]),
        ("watchdog", ["alertname=Watchdog", "severity=none"]),
    ] {
        let verify = format!("--verify.receivers={receiver}");
        let route = ["config", "routes", "test", "--config.file", config, &verify];
        amtool(&[&route[..], &labels].concat());
    }
}

/// An alert of a server; more labels override these.
fn alert(labels: &[&'static str]) -> Vec<&'static str> {
    let place = ["cls=shop", "ins=shop-1", "ip=10.0.0.1", "instance=10.0.0.1:9630", "job=pg"];
    let is_said = |label: &&str| labels.iter().any(|said| said.split('=').next() == label.split('=').next());
    labels.iter().copied().chain(place.into_iter().filter(|label| !is_said(label))).collect()
}

pub fn keeps_quiet_what_follows(settings: &str) {
    let alertmanager = Alertmanager::start(settings).unwrap();
    let url = format!("--alertmanager.url=http://{}", alertmanager.address());
    let send = |alert: &[&str]| drop(amtool(&[&["alert", "add", &url][..], alert].concat()));
    // Each cause, what follows of it, and what has another cause.
    for (cause, follows, stands) in [
        (
            alert(&["alertname=PostgresConnectionsHigh", "severity=critical"]),
            vec![alert(&["alertname=PostgresConnectionsHigh", "severity=warning"])],
            vec![alert(&[
                "alertname=PostgresConnectionsHigh",
                "severity=warning",
                "ins=shop-2",
                "instance=10.0.0.2:9630",
            ])],
        ),
        (
            alert(&["alertname=PostgresDown", "severity=critical", "component=postgres"]),
            vec![
                alert(&["alertname=PostgresReplicaNotStreaming", "severity=warning", "component=replication"]),
                alert(&["alertname=ExporterScrapeErrors", "severity=warning", "component=exporter"]),
                alert(&[
                    "alertname=PatroniPostgresNotRunning",
                    "severity=critical",
                    "job=patroni",
                    "instance=10.0.0.1:8008",
                ]),
            ],
            vec![
                alert(&[
                    "alertname=PostgresReplicaNotStreaming",
                    "severity=warning",
                    "component=replication",
                    "ins=shop-3",
                ]),
                alert(&["alertname=PgbouncerDown", "severity=critical", "component=pgbouncer"]),
            ],
        ),
        (
            alert(&["alertname=ExporterDown", "severity=warning"]),
            vec![alert(&["alertname=PostgresMetricsAbsent", "severity=critical"])],
            vec![alert(&["alertname=PostgresMetricsAbsent", "severity=critical", "instance=10.0.0.2:9630"])],
        ),
        (
            alert(&["alertname=PatroniNoLeader", "severity=critical", "job=patroni"]),
            vec![
                alert(&["alertname=PostgresNoPrimary", "severity=critical", "component=postgres"]),
                alert(&["alertname=PatroniClusterUnlocked", "severity=critical", "job=patroni"]),
            ],
            vec![alert(&["alertname=PostgresNoPrimary", "severity=critical", "cls=stock"])],
        ),
        (
            alert(&["alertname=EtcdQuorumLost", "severity=critical", "job=etcd"]),
            vec![alert(&["alertname=EtcdNoLeader", "severity=critical", "job=etcd"])],
            vec![alert(&["alertname=EtcdNoLeader", "severity=critical", "job=etcd", "cls=stock"])],
        ),
    ] {
        for alert in [&cause].into_iter().chain(&follows).chain(&stands) {
            send(alert);
        }
        let shown = |alert: &Vec<&str>| {
            let found = amtool(&[&["alert", "query", &url, "--output=json"][..], alert].concat());
            let found: Value = serde_json::from_str(&found).unwrap();
            // A query gives what is active and nothing silences.
            !found.as_array().unwrap().is_empty()
        };
        assert!(shown(&cause), "{cause:?} is kept quiet");
        for alert in &follows {
            assert!(!shown(alert), "{alert:?} is sent beside {cause:?}");
        }
        for alert in &stands {
            assert!(shown(alert), "{alert:?} is kept quiet by {cause:?}");
        }
    }
}
