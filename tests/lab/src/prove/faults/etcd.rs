//! etcd.

use super::fault::{Fault, Place};
use super::patroni::edit;
use super::steps::{LIMIT, freeze};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PatroniFailsafeActive"],
        what: "freeze etcd below Patroni’s failsafe mode",
        place: Place::Primary,
        cause: |lab, at| {
            edit(lab, at, "failsafe_mode=true")?;
            for node in &lab.nodes {
                node.member.wait_for("/failsafe", LIMIT)?;
            }
            freeze(lab.etcd.process())
        },
        mend: |lab, at| {
            lab.etcd.process().signal("CONT")?;
            edit(lab, at, "failsafe_mode=null")
        },
    },
    Fault {
        alerts: &["EtcdMemberDown", "EtcdQuorumLost", "PatroniDcsStale", "PatroniNoLeader"],
        what: "freeze etcd",
        place: Place::Primary,
        cause: |lab, _| freeze(lab.etcd.process()),
        mend: |lab, _| lab.etcd.process().signal("CONT"),
    },
];
