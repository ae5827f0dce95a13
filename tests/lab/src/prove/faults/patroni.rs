//! Patroni.

use super::fault::{Fault, Place};
use super::steps::{LIMIT, freeze, kill, pause, resume, start_again};
use crate::{Architecture, LabError};

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
];

/// Changes the configuration of the cluster.
pub(super) fn edit(lab: &Architecture, at: usize, change: &str) -> Result<(), LabError> {
    lab.nodes[at].member.patronictl(&["edit-config", "--force", "--set", change]).map(drop)
}
