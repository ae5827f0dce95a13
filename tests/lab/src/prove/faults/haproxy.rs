//! HAProxy.

use super::fault::{Fault, Place};
use super::steps::{LIMIT, freeze};
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
];

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
