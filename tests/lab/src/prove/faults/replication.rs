//! Standbys, slots and subscriptions.

use super::fault::{Fault, Place};
use super::steps::{kill, pause, reset, resume, set, sql, start_again, write_wal};
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresReplayPaused", "PostgresReplicationLagBytes", "PostgresReplicaStale"],
        what: "pause Patroni, which would resume it, and replay on a replica; write 48 MB",
        place: Place::Replica,
        cause: |lab, at| {
            pause(lab, at)?;
            sql(lab, at, "select pg_wal_replay_pause()")?;
            write_wal(lab, primary(lab)?, 3).map(|()| Vec::new())
        },
        mend: |lab, at| {
            sql(lab, at, "select pg_wal_replay_resume()")?;
            resume(lab, at)
        },
    },
    Fault {
        alerts: &["PostgresReplicaNotStreaming", "PostgresStandbyMissing"],
        what: "end a replica’s stream, and let its role log in no more",
        place: Place::Replica,
        cause: |lab, at| {
            let name = lab.nodes[at].member.name();
            let end = format!(
                "alter role replicator nologin;
                 select pg_terminate_backend(pid) from pg_stat_replication where application_name = '{name}'"
            );
            sql(lab, primary(lab)?, &end)
        },
        mend: |lab, _| sql(lab, primary(lab)?, "alter role replicator login").map(drop),
    },
    Fault {
        alerts: &["PostgresSyncStandbyMissing"],
        what: "wait for a synchronous standby that is not there",
        place: Place::Primary,
        cause: |lab, at| set(lab, at, "synchronous_standby_names = 'nobody'"),
        mend: |lab, at| reset(lab, at, "synchronous_standby_names"),
    },
    Fault {
        alerts: &["PostgresSubscriptionDown"],
        what: "subscribe to a publisher that does not answer",
        place: Place::Primary,
        cause: |lab, at| {
            sql(
                lab,
                at,
                "create subscription lonely connection 'host=127.0.0.1 port=1' publication none with (connect = false);
                 alter subscription lonely enable",
            )
        },
        mend: |lab, at| {
            sql(
                lab,
                at,
                "alter subscription lonely disable;
                 alter subscription lonely set (slot_name = none);
                 drop subscription lonely",
            )
            .map(drop)
        },
    },
    Fault {
        alerts: &["PostgresSlotInactive"],
        what: "kill a replica, whose slot stays; write 48 MB",
        place: Place::Replica,
        cause: |lab, at| {
            kill(lab, at)?;
            write_wal(lab, primary(lab)?, 3).map(|()| Vec::new())
        },
        mend: start_again,
    },
];

fn primary(lab: &Architecture) -> Result<usize, LabError> {
    lab.primary().ok_or_else(|| LabError::Unexpected("no member is the primary now".into()))
}
