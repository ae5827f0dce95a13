//! The whole architecture stands, is seen by all three exporters, and they follow a change of the primary; no alert
//! comes that is not about it.

use std::time::{Duration, Instant};

use lab::prove::{SWITCHOVER, Vigil};
use lab::{Architecture, ETCD_MEMBERS, Plan, Ports, Service, rule_files};
use support::{one_at_a_time, path, programs};

/// A busy machine of two cores needs a while.
const LIMIT: Duration = Duration::from_secs(90);

/// What is scraped once, HAProxy, the repository and the VIP; the members of etcd; and per member of the cluster, Patroni, PostgreSQL,
/// PgBouncer and the host.
const TARGETS: usize = 3 + ETCD_MEMBERS + 3 * 4;

#[test]
fn the_exporters_follow_a_switchover() {
    let _turn = one_at_a_time();
    let (programs, rules) = (programs().to_owned(), rule_files(&path("alerts")));
    let plan = Plan { programs, ports: Ports::Free, interval: Duration::from_secs(5), rules, ..Plan::default() };
    let architecture = Architecture::start(&plan).unwrap();

    let first = architecture.wait_for_cluster(LIMIT).unwrap();
    every_target_is_up(&architecture);
    roles_are_seen(&architecture, first);
    services_lead_to(&architecture, first);

    let vigil = Vigil::begin(&architecture, plan.interval).unwrap();
    let second = (first + 1) % architecture.nodes.len();
    architecture.switch_over(second).unwrap();
    assert_eq!(architecture.wait_for_cluster(LIMIT).unwrap(), second);
    roles_are_seen(&architecture, second);
    services_lead_to(&architecture, second);
    every_target_is_up(&architecture);
    vigil.end(&architecture, SWITCHOVER).unwrap();
}

/// Prometheus reaches all that is scraped, every exporter its server, and VictoriaMetrics takes the same pages.
fn every_target_is_up(architecture: &Architecture) {
    let prometheus = &architecture.prometheus;
    prometheus.wait_for(&format!("count(up == 1) == {TARGETS}"), LIMIT).unwrap();
    assert_eq!(architecture.targets().len(), TARGETS);
    for up in ["count(pg_up == 1) == 3", "count(pgbouncer_up == 1) == 3", "pgbackrest_up == 1"] {
        prometheus.wait_for(up, LIMIT).unwrap();
    }
    let query = format!("/api/v1/query?query=count(up==1)=={TARGETS}");
    until("VictoriaMetrics reaches every target", || {
        let answer = lab::request(architecture.victoria.address(), "GET", &query, &[]).unwrap();
        answer.text().contains(r#""value""#)
    });
}

/// Patroni's word, the exporters' own pages, and what Prometheus has of them agree on who is the primary.
fn roles_are_seen(architecture: &Architecture, primary: usize) {
    for (at, node) in architecture.nodes.iter().enumerate() {
        let (role, in_recovery) = if at == primary { ("/primary", 0) } else { ("/replica", 1) };
        let name = node.member.name();
        node.member.wait_for(role, LIMIT).unwrap();
        until(&format!("{role} of the exporter of {name}"), || node.exporters[0].get(role).unwrap().status == 200);
        until(&format!("pg_in_recovery {in_recovery} on the page for {name}"), || {
            let page = node.exporters[0].get("/metrics").unwrap().text();
            page.lines().any(|line| line == format!("pg_in_recovery {in_recovery}"))
        });
        let agreed = format!(
            r#"pg_in_recovery{{ins="{name}"}} == {in_recovery} and on(ins) patroni_primary{{ins="{name}"}} == {}"#,
            1 - in_recovery
        );
        architecture.prometheus.wait_for(&agreed, LIMIT).unwrap();
    }
}

/// Clients of HAProxy reach the primary where they write, and a replica where they read.
fn services_lead_to(architecture: &Architecture, primary: usize) {
    let member = &architecture.nodes[primary].member;
    let port = member.port().to_string();
    until("the service default leads to the primary", || {
        architecture.ask(Service::Default, "select inet_server_port()").is_ok_and(|answer| answer == port)
    });
    for (service, in_recovery) in [(Service::Primary, "f"), (Service::Replica, "t"), (Service::Offline, "t")] {
        until(&format!("the service {} answers {in_recovery}", service.name()), || {
            let answer = architecture.ask(service, "select pg_is_in_recovery()");
            answer.is_ok_and(|answer| answer == in_recovery)
        });
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
