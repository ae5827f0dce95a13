//! The whole architecture stands, is seen by all three exporters, and they follow a change of the primary; no alert
//! comes that is not about it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lab::prove::{SWITCHOVER, Vigil};
use lab::{Architecture, ETCD_MEMBERS, LEADER_TTL, Plan, Ports, SITE_TAG, Service, rule_files};
use support::{Page, one_at_a_time, path, programs};

/// A busy machine of two cores needs a while.
const LIMIT: Duration = Duration::from_secs(90);

/// The scope of the cluster.
const SCOPE: &str = "pg-lab";

/// What is scraped once, HAProxy, the repository and the VIP; the members of etcd; and per member of the cluster, Patroni,
/// PostgreSQL, PgBouncer and the host.
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
    members_are_seen(&architecture, first);

    let vigil = Vigil::begin(&architecture, plan.interval).unwrap();
    let second = (first + 1) % architecture.nodes.len();
    architecture.switch_over(second).unwrap();
    assert_eq!(architecture.wait_for_cluster(LIMIT).unwrap(), second);
    roles_are_seen(&architecture, second);
    services_lead_to(&architecture, second);
    every_target_is_up(&architecture);
    vigil.end(&architecture, SWITCHOVER).unwrap();
    history_is_seen(&architecture, first, second);
    a_tag_is_seen(&architecture, first);
    a_scheduled_switchover_is_seen(&architecture, second, first);
}

/// The page of the exporter of a member.
fn page(architecture: &Architecture, at: usize) -> Page {
    Page::parse(architecture.nodes[at].exporters[0].get("/metrics").unwrap().text())
}

/// Each exporter has all members of Patroni's REST interface with role, tags and whether they may be promoted.
fn members_are_seen(architecture: &Architecture, primary: usize) {
    for at in 0..architecture.nodes.len() {
        until("the exporter has two candidates", || {
            page(architecture, at).value("patroni_cluster_candidates", &[]) == Some(2.0)
        });
        let page = page(architecture, at);
        assert_eq!(page.value("patroni_cluster_members", &[("scope", SCOPE)]), Some(3.0), "{}", page.text);
        for (other, node) in architecture.nodes.iter().enumerate() {
            let (name, is_primary) = (node.member.name(), other == primary);
            let member = [("scope", SCOPE), ("member", name)];
            let expected = Some(f64::from(!is_primary));
            assert_eq!(page.value("patroni_member_candidate", &member), expected, "{name}: {}", page.text);
            assert_eq!(page.value("patroni_member_clonefrom", &member), Some(1.0), "{name}: {}", page.text);
            assert_eq!(page.value("patroni_member_nofailover", &member), Some(0.0), "{name}: {}", page.text);
            assert_eq!(page.value("patroni_member_lag_bytes", &member).is_some(), !is_primary, "{name}: {}", page.text);
            let tag = [("member", name), ("tag", SITE_TAG), ("value", name)];
            assert_eq!(page.value("patroni_member_tag_info", &tag), Some(1.0), "{name}: {}", page.text);
            let role = if is_primary { "leader" } else { "replica" };
            let states = page.samples("patroni_member_state_info", &[("member", name), ("role", role)]);
            assert_eq!(states.len(), 1, "{name}: {}", page.text);
        }
        for (setting, value) in [
            ("ttl_seconds", LEADER_TTL.as_secs_f64()),
            ("loop_wait_seconds", 1.0),
            ("retry_timeout_seconds", 3.0),
            ("maximum_lag_on_failover_bytes", 1_048_576.0),
            ("synchronous_mode", 0.0),
            ("failsafe_mode", 0.0),
        ] {
            let name = format!("patroni_setting_{setting}");
            assert_eq!(page.value(&name, &[("scope", SCOPE)]), Some(value), "{name}: {}", page.text);
        }
    }
}

/// The timeline that the switchover has ended is the last of the history, with the new leader, and ended just now.
fn history_is_seen(architecture: &Architecture, first: usize, second: usize) {
    let leader = architecture.nodes[second].member.name();
    until("the history names the new leader", || {
        !page(architecture, first).samples("patroni_history_end_time_seconds", &[("new_leader", leader)]).is_empty()
    });
    let page = page(architecture, first);
    let ended = page.samples("patroni_history_end_time_seconds", &[("new_leader", leader)]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((0.0..300.0).contains(&(now - ended[0].value)), "{}", page.text);
    let timeline = ended[0].labels["timeline"].as_str();
    let position = page.value("patroni_history_end_lsn_bytes", &[("timeline", timeline)]).unwrap();
    assert!(position > 1e6, "{}", page.text);
    let sql = "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";
    let now: f64 = architecture.nodes[second].member.psql("postgres", sql).unwrap().parse().unwrap();
    assert_eq!(timeline.parse::<f64>().unwrap() + 1.0, now, "{}", page.text);
}

/// A member that must not be promoted is no candidate, and the exporters say why.
fn a_tag_is_seen(architecture: &Architecture, replica: usize) {
    let member = &architecture.nodes[replica].member;
    member.tag("nofailover", &true.into()).unwrap();
    let labels = [("member", member.name()), ("obstacle", "nofailover")];
    until("the tag is on the page", || {
        page(architecture, replica).value("patroni_member_state_info", &labels) == Some(1.0)
    });
    let tagged = page(architecture, replica);
    assert_eq!(tagged.value("patroni_member_nofailover", &[("member", member.name())]), Some(1.0), "{}", tagged.text);
    assert_eq!(tagged.value("patroni_cluster_candidates", &[]), Some(1.0), "{}", tagged.text);
    member.tag("nofailover", &serde_json::Value::Null).unwrap();
    until("the tag is gone", || page(architecture, replica).value("patroni_cluster_candidates", &[]) == Some(2.0));
}

/// A switchover that is scheduled is on the page until it is cancelled.
fn a_scheduled_switchover_is_seen(architecture: &Architecture, from: usize, to: usize) {
    let [leader, candidate] = [from, to].map(|at| architecture.nodes[at].member.name());
    let member = &architecture.nodes[from].member;
    let scheduled =
        ["--leader", leader, "--candidate", candidate, "--scheduled", "2096-01-01T00:00:00+00:00", "--force"];
    member.patronictl(&[&["switchover", SCOPE], &scheduled[..]].concat()).unwrap();
    let name = "patroni_switchover_scheduled_time_seconds";
    let labels = [("scope", SCOPE), ("from", leader), ("to", candidate)];
    until("the switchover is on the page", || page(architecture, to).value(name, &labels) == Some(3_976_214_400.0));
    member.patronictl(&["flush", SCOPE, "switchover", "--force"]).unwrap();
    until("the switchover is gone", || page(architecture, to).samples(name, &[]).is_empty());
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
