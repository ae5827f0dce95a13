//! HAProxy.

use std::fs;

use super::fault::{Fault, Place};
use super::steps::{LIMIT, SESSION, end_sessions, freeze};
use crate::architecture::SCOPE;
use crate::{Architecture, LabError, Process, Service, request};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["HaproxyServerFlapping"],
        what: "freeze and thaw the Patroni of a replica three times",
        place: Place::Replica,
        cause: |lab, at| {
            for _ in 0..3 {
                freeze(lab.nodes[at].member.process())?;
                wait_for_state(lab, at, "DOWN")?;
                lab.nodes[at].member.process().signal("CONT")?;
                wait_for_state(lab, at, "UP")?;
            }
            Ok(Vec::new())
        },
        // A check that failed left it frozen.
        mend: |lab, at| lab.nodes[at].member.process().signal("CONT"),
    },
    Fault {
        alerts: &["HaproxyReplicaServiceDown"],
        what: "freeze the Patroni of every replica",
        place: Place::Primary,
        cause: |lab, at| {
            for process in replicas(lab, at) {
                freeze(process)?;
            }
            Ok(Vec::new())
        },
        mend: |lab, at| replicas(lab, at).try_for_each(|process| process.signal("CONT")),
    },
    Fault {
        alerts: &["HaproxyDown"],
        what: "freeze HAProxy",
        place: Place::Replica,
        cause: |lab, _| freeze(lab.haproxy.process()),
        mend: |lab, _| lab.haproxy.process().signal("CONT"),
    },
    Fault {
        alerts: &["VipUnreachable"],
        what: "close HAProxy’s port of the primary, which blackbox_exporter probes",
        place: Place::Primary,
        cause: |lab, _| lab.haproxy.set_open(Service::Primary, false).map(|()| Vec::new()),
        mend: |lab, _| lab.haproxy.set_open(Service::Primary, true),
    },
    Fault {
        alerts: &["HaproxyQueue"],
        what: "open 21 connections to a service that gives its server 20 at a time",
        place: Place::Replica,
        cause: |lab, at| Ok(vec![clients(lab, at, Service::Offline, 21)?]),
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["HaproxySessionsHigh"],
        what: "open 85 of 100 connections",
        place: Place::Replica,
        cause: |lab, at| Ok(vec![clients(lab, at, Service::Primary, 85)?]),
        mend: |_, _| Ok(()),
    },
];

/// So many idle clients of a service.
fn clients(lab: &Architecture, at: usize, service: Service, count: u32) -> Result<Process, LabError> {
    let member = &lab.nodes[at].member;
    let file = member.socket_dir().join("fault.sql");
    fs::write(&file, "\\sleep 600 s\n").map_err(LabError::io(format!("writing {}", file.display())))?;
    let (port, user) = (format!("PGPORT={}", lab.haproxy.port(service)), service.user());
    let (user, password) = (format!("PGUSER={user}"), format!("PGPASSWORD={user}"));
    let (count, file) = (count.to_string(), file.display().to_string());
    let connection = [SESSION, "PGHOST=127.0.0.1", &port, &user, &password];
    let program = ["pgbench", "--no-vacuum", "--time=600", "--client", &count, "--file", &file, "postgres"];
    member.start_client("env", &[&connection[..], &program[..]].concat())
}

/// The Patroni of every member but the primary.
fn replicas(lab: &Architecture, primary: usize) -> impl Iterator<Item = &Process> {
    let others = lab.nodes.iter().enumerate().filter(move |(at, _)| *at != primary);
    others.map(|(_, node)| node.member.process())
}

/// Waits until HAProxy finds a member in that state in the service of the replicas.
fn wait_for_state(lab: &Architecture, at: usize, state: &str) -> Result<(), LabError> {
    let (service, name) = (Service::Replica.name(), lab.nodes[at].member.name());
    let line = format!(r#"haproxy_server_status{{proxy="{SCOPE}-{service}",server="{name}",state="{state}"}} 1"#);
    lab.haproxy.process().wait_until(&line, LIMIT, || {
        request(lab.haproxy.address(), "GET", "/metrics", &[]).is_ok_and(|page| page.text().contains(&line))
    })
}
