//! Patroni.

use std::fs;

use serde_json::Value;

use super::fault::{Fault, Place};
use super::steps::{LIMIT, freeze, kill, pause, resume, set, sql, start_again};
use crate::architecture::SCOPE;
use crate::{Architecture, LabError, Process};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PatroniDown"],
        what: "freeze the Patroni of a replica",
        place: Place::Replica,
        cause: |lab, at| freeze(lab.nodes[at].member.process()),
        mend: |lab, at| lab.nodes[at].member.process().signal("CONT"),
    },
    Fault { alerts: &["PatroniPaused"], what: "patronictl pause", place: Place::Replica, cause: pause, mend: resume },
    Fault {
        alerts: &["PatroniPendingRestart"],
        what: "change a setting that needs a restart",
        place: Place::Replica,
        cause: |lab, at| edit(lab, at, "postgresql.parameters.wal_buffers=1MB").map(|()| Vec::new()),
        mend: |lab, at| edit(lab, at, "postgresql.parameters.wal_buffers=null"),
    },
    Fault {
        alerts: &["PatroniNoFailoverCandidate"],
        what: "tag every replica nofailover",
        place: Place::Primary,
        cause: |lab, at| tag_replicas(lab, at, &true.into()).map(|()| Vec::new()),
        mend: |lab, at| tag_replicas(lab, at, &Value::Null),
    },
    Fault {
        alerts: &["PatroniPostgresNotRunning"],
        what: "pause Patroni, kill a replica, and start its Patroni, which leaves the server dead",
        place: Place::Replica,
        cause: |lab, at| {
            pause(lab, at)?;
            kill(lab, at)?;
            start_again(lab, at).map(|()| Vec::new())
        },
        mend: resume,
    },
    Fault {
        alerts: &["PostgresNoPrimary", "HaproxyServiceDown"],
        what: "kill the primary with its Patroni",
        place: Place::Primary,
        cause: kill,
        mend: start_again,
    },
    Fault {
        alerts: &["PatroniClusterUnlocked"],
        what: "pause failover, and kill the primary with its Patroni",
        place: Place::Primary,
        cause: |lab, at| {
            pause(lab, at)?;
            kill(lab, at)
        },
        mend: |lab, at| {
            start_again(lab, at)?;
            lab.nodes[at].member.wait_for("/liveness", LIMIT)?;
            resume(lab, at)
        },
    },
    Fault {
        alerts: &["PostgresSplitBrain", "PatroniTwoLeaders"],
        what: "pause Patroni, and promote a replica",
        place: Place::Replica,
        cause: |lab, at| {
            pause(lab, at)?;
            promote(lab, at)
        },
        // Patroni ends the primary that has no lock, rewinds it and lets it follow the other.
        mend: resume,
    },
    Fault {
        alerts: &["PostgresTimelineDiverged"],
        what: "freeze a replica’s Patroni, promote the replica, and start it as a standby again",
        place: Place::Replica,
        cause: |lab, at| {
            freeze(lab.nodes[at].member.process())?;
            promote(lab, at)?;
            let member = &lab.nodes[at].member;
            let data = member.data_dir();
            fs::write(data.join("standby.signal"), "").map_err(LabError::io("writing standby.signal"))?;
            let data = data.display().to_string();
            let log = member.socket_dir().join("restart.log").display().to_string();
            let restart = member.start_client("pg_ctl", &["restart", "-m", "fast", "-w", "-D", &data, "-l", &log])?;
            if !restart.wait(LIMIT).is_some_and(|status| status.success()) {
                return Err(LabError::Unexpected(format!("restarting a replica: {}", restart.log_tail())));
            }
            Ok(Vec::new())
        },
        mend: |lab, at| {
            let member = &lab.nodes[at].member;
            member.process().signal("CONT")?;
            member.wait_for("/liveness", LIMIT)?;
            member.patronictl(&["reinit", SCOPE, member.name(), "--force"]).map(drop)
        },
    },
];

/// Sets the tag nofailover of all members but the primary, or removes it with null.
fn tag_replicas(lab: &Architecture, primary: usize, value: &Value) -> Result<(), LabError> {
    let mut replicas = lab.nodes.iter().enumerate().filter(|(at, _)| *at != primary);
    replicas.try_for_each(|(_, node)| node.member.tag("nofailover", value))
}

/// Promotes a replica by PostgreSQL's own means. It archives nothing: the others would follow its timeline from there.
fn promote(lab: &Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    set(lab, at, "archive_command = 'false'")?;
    sql(lab, at, "select pg_promote()")
}

/// Changes the configuration of the cluster.
pub(super) fn edit(lab: &Architecture, at: usize, change: &str) -> Result<(), LabError> {
    lab.nodes[at].member.patronictl(&["edit-config", "--force", "--set", change]).map(drop)
}
