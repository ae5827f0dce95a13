//! Standbys.

use std::path::PathBuf;

use super::fault::{Fault, Place};
use super::steps::{LIMIT, end_sessions, freeze, primary, reset, session, set, sql, write_wal};
use crate::{Architecture, LabError, Process};

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
        alerts: &["PostgresStandbyMissing"],
        what: "stop a third standby, which nothing scrapes",
        place: Place::Primary,
        cause: |lab, at| {
            let standby = third_standby(lab, at)?;
            let three = "quantile_over_time(0.9, pg:cluster:walsenders[30s]) > 2";
            lab.prometheus.wait_for(three, LIMIT)?;
            // An immediate end: nobody is connected.
            standby.signal("QUIT")?;
            standby.wait(LIMIT);
            Ok(Vec::new())
        },
        // What it looks back at has passed by itself: the standby is not expected any more.
        mend: |lab, at| {
            let folder = third_folder(lab, at);
            std::fs::remove_dir_all(&folder).map_err(LabError::io(format!("removing {}", folder.display())))
        },
    },
    Fault {
        alerts: &["PostgresSyncStandbyMissing"],
        what: "wait for a synchronous standby that is not there",
        place: Place::Primary,
        cause: |lab, at| set(lab, at, "synchronous_standby_names = 'nobody'"),
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

fn third_folder(lab: &Architecture, at: usize) -> PathBuf {
    lab.nodes[at].member.socket_dir().join("third")
}

/// A standby that Patroni does not know; streams from the primary when this returns.
fn third_standby(lab: &Architecture, at: usize) -> Result<Process, LabError> {
    let member = &lab.nodes[at].member;
    let (data, from) = (third_folder(lab, at).display().to_string(), member.socket_dir().display());
    let copy = member.start_client("pg_basebackup", &["-D", &data, "-R", "-X", "stream", "-c", "fast"])?;
    if !copy.wait(LIMIT).is_some_and(|status| status.success()) {
        return Err(LabError::Unexpected(format!("copying the primary: {}", copy.log_tail())));
    }
    let settings = [
        format!("unix_socket_directories={data}"),
        format!("primary_conninfo=host={from} port={} user=postgres application_name=third", member.port()),
        "listen_addresses=".to_owned(),
        "restore_command=".to_owned(),
        "logging_collector=off".to_owned(),
    ];
    let arguments = settings.iter().flat_map(|setting| ["-c", setting.as_str()]);
    let arguments: Vec<&str> = ["-D", data.as_str()].into_iter().chain(arguments).collect();
    let standby = member.start_client("postgres", &arguments)?;
    let streams =
        "select exists (select from pg_stat_replication where application_name = 'third' and state = 'streaming')";
    member.wait_for_query(streams, LIMIT)?;
    Ok(standby)
}
