//! Standbys, slots and subscriptions.

use super::fault::{Fault, Place};
use super::steps::{
    LIMIT, SESSION, end_sessions, freeze, kill, reset, session, set, sql, start_again, wait_for_sessions, write_wal,
};
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresReplayPaused"],
        what: "freeze a replica’s Patroni, which would resume it, and pause replay",
        place: Place::Replica,
        cause: |lab, at| {
            freeze(lab.nodes[at].member.process())?;
            sql(lab, at, "select pg_wal_replay_pause()")
        },
        mend: |lab, at| {
            // In any case, so that no fault to come meets a frozen Patroni.
            lab.nodes[at].member.process().signal("CONT")?;
            sql(lab, at, "select pg_wal_replay_resume()").map(drop)
        },
    },
    Fault {
        alerts: &["PostgresReplicationLagBytes", "PostgresReplicaStale"],
        what: "let a replica wait without limit for a query that reads what VACUUM has removed; write 48 MB",
        place: Place::Replica,
        cause: |lab, at| {
            let (primary, member) = (primary(lab)?, &lab.nodes[at].member);
            sql(lab, primary, "create table kept as select generate_series(1, 1000) as id")?;
            member.wait_for_query("select count(*) = 1000 from kept", LIMIT)?;
            set(lab, at, "max_standby_streaming_delay = -1")?;
            let read = "begin isolation level repeatable read; select from kept limit 1; select pg_sleep(600)";
            let reader = session(member, read)?;
            member.wait_for_query(
                "select exists (select from pg_stat_activity where application_name = 'fault' and backend_xmin is not null)",
                LIMIT,
            )?;
            sql(lab, primary, "delete from kept")?;
            // It removes nothing while a scrape on the primary still sees the rows.
            let is_vacuumed = "vacuum kept; select pg_relation_size('kept') = 0";
            lab.nodes[primary].member.wait_for_query(is_vacuumed, LIMIT)?;
            write_wal(lab, primary, 3)?;
            Ok(vec![reader])
        },
        mend: |lab, at| {
            end_sessions(lab, at)?;
            reset(lab, at, "max_standby_streaming_delay")?;
            sql(lab, primary(lab)?, "drop table kept").map(drop)
        },
    },
    Fault {
        alerts: &["PostgresReplicaNotStreaming"],
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
        alerts: &["PostgresLastStandbyLost", "PatroniNoFailoverCandidate"],
        what: "end all streams, and let their role log in no more",
        place: Place::Primary,
        cause: |lab, at| {
            let end = "alter role replicator nologin; select pg_terminate_backend(pid) from pg_stat_replication";
            sql(lab, at, end)
        },
        mend: |lab, at| sql(lab, at, "alter role replicator login").map(drop),
    },
    Fault {
        alerts: &["PostgresWalSendersHigh"],
        what: "open 7 replication connections beside the replicas’, of 10",
        place: Place::Primary,
        cause: |lab, at| {
            let open = "for i in 1 2 3 4 5 6 7; do
                psql -X -q -d 'dbname=postgres replication=database' -c 'select pg_sleep(600)' & done; wait";
            let sessions = lab.nodes[at].member.start_client("env", &[SESSION, "sh", "-c", open])?;
            wait_for_sessions(&lab.nodes[at].member, 7)?;
            Ok(vec![sessions])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresSlotsHigh"],
        what: "create 7 temporary slots beside the replicas’, of 10",
        place: Place::Primary,
        cause: |lab, at| {
            let create = "select pg_create_physical_replication_slot('spare_' || i, false, true)
                          from generate_series(1, 7) as i; select pg_sleep(600)";
            Ok(vec![session(&lab.nodes[at].member, create)?])
        },
        mend: |lab, at| end_sessions(lab, at),
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
