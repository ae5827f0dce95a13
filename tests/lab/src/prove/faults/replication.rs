//! Standbys.

use super::fault::{Fault, Place};
use super::steps::{LIMIT, end_sessions, freeze, primary, reset, session, set, sql, write_wal};
use crate::port::free_port;
use crate::prove::standbys::StandbyPlan;
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
        alerts: &["PostgresReplicationLagBytes", "PostgresReplicaStale", "PostgresReplicationLagTime"],
        what: "let a replica wait without limit for a query that reads what VACUUM has removed; write 48 MB",
        place: Place::Replica,
        cause: |lab, at| {
            keep_rows(lab, at, "-1")?;
            let read = "begin isolation level repeatable read; select from kept limit 1; select pg_sleep(600)";
            let reader = session(&lab.nodes[at].member, read)?;
            remove_rows(lab, at, 1)?;
            write_wal(lab, primary(lab)?, 3)?;
            Ok(vec![reader])
        },
        mend: forget_rows,
    },
    Fault {
        alerts: &["PostgresRecoveryConflicts"],
        what: "cancel 25 queries of a replica that read what VACUUM has removed",
        place: Place::Replica,
        cause: |lab, at| {
            keep_rows(lab, at, "0")?;
            // Not pgbench, which would try again: the failure is one of serialization.
            let read = "begin isolation level repeatable read; select from kept limit 1; select pg_sleep(600)";
            let readers = (0..25).map(|_| session(&lab.nodes[at].member, read)).collect::<Result<_, _>>()?;
            remove_rows(lab, at, 25)?;
            Ok(readers)
        },
        mend: forget_rows,
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
        alerts: &["PostgresLastStandbyLost"],
        what: "end all streams, and let their role log in no more",
        place: Place::Primary,
        cause: |lab, at| {
            let end = "alter role replicator nologin; select pg_terminate_backend(pid) from pg_stat_replication";
            sql(lab, at, end)
        },
        mend: |lab, at| sql(lab, at, "alter role replicator login").map(drop),
    },
    Fault {
        alerts: &["PostgresStandbyMissing"],
        what: "stop a third standby, which nothing scrapes",
        place: Place::Primary,
        cause: |lab, at| {
            let standby = third()?.start(&lab.nodes[at].member)?;
            let three = "quantile_over_time(0.9, pg:cluster:walsenders[30s]) > 2";
            lab.prometheus.wait_for(three, LIMIT)?;
            // An immediate end: nobody is connected.
            standby.signal("QUIT")?;
            standby.wait(LIMIT);
            Ok(Vec::new())
        },
        // What it looks back at has passed by itself: the standby is not expected any more.
        mend: |lab, at| {
            let folder = third()?.folder(&lab.nodes[at].member);
            std::fs::remove_dir_all(&folder).map_err(LabError::io(format!("removing {}", folder.display())))
        },
    },
    Fault {
        alerts: &["PostgresSyncStandbyMissing"],
        what: "wait for two synchronous standbys, one of which is not there",
        place: Place::Primary,
        cause: |lab, at| {
            let there = lab.replica().map_or("nobody", |replica| lab.nodes[replica].member.name());
            set(lab, at, &format!(r#"synchronous_standby_names = 'ANY 2 ("{there}", absent)'"#))
        },
        mend: |lab, at| reset(lab, at, "synchronous_standby_names"),
    },
];

/// Rows that a replica has, and how long replay waits there for queries that read them.
fn keep_rows(lab: &Architecture, at: usize, delay: &str) -> Result<(), LabError> {
    sql(lab, primary(lab)?, "create table kept as select generate_series(1, 1000) as id")?;
    lab.nodes[at].member.wait_for_query("select count(*) = 1000 from kept", LIMIT)?;
    set(lab, at, &format!("max_standby_streaming_delay = {delay}")).map(drop)
}

/// Removes them, once so many sessions of the fault's read them on the replica.
fn remove_rows(lab: &Architecture, at: usize, readers: u32) -> Result<(), LabError> {
    let are_read = format!(
        "select count(*) >= {readers} from pg_stat_activity
          where application_name = 'fault' and backend_xmin is not null and query ~ 'pg_sleep'"
    );
    lab.nodes[at].member.wait_for_query(&are_read, LIMIT)?;
    let primary = primary(lab)?;
    sql(lab, primary, "delete from kept")?;
    // It removes nothing while a scrape on the primary still sees the rows.
    let is_vacuumed = "vacuum kept; select pg_relation_size('kept') = 0";
    lab.nodes[primary].member.wait_for_query(is_vacuumed, LIMIT)
}

fn forget_rows(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    end_sessions(lab, at)?;
    reset(lab, at, "max_standby_streaming_delay")?;
    sql(lab, primary(lab)?, "drop table kept").map(drop)
}

/// A standby that Patroni does not know.
fn third() -> Result<StandbyPlan<'static>, LabError> {
    Ok(StandbyPlan { name: "third", port: free_port()?, settings: &[], streams: true })
}
