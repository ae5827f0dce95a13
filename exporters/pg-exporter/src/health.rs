//! Queries of health endpoints: role and lag, without anything that can wait for a lock on a catalog.

use engine::Role;
use pgclient::Connection;
use tokio_postgres::Row;

/// Replication lag of a standby in seconds: 0 if it streams and has replayed all received WAL. Uses functions only, no view,
/// so that a locked catalog does not delay it.
pub(crate) const LAG: &str = "\
SELECT CASE WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_catalog.pg_stat_get_wal_receiver() w WHERE w.status = 'streaming') THEN 0
            -- A role without pg_read_all_stats does not see the status.
            WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_catalog.pg_stat_get_wal_receiver() w WHERE w.pid IS NOT NULL AND w.status IS NULL) THEN NULL
            ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END::float8";

/// The statement that returns the role.
///
/// From 14 on it is a setting, and SHOW reads no catalog at all, not even to find a function.
pub(crate) fn role_statement(connection: &Connection) -> &'static str {
    match connection.parameter("in_hot_standby") {
        Some(_) => "SHOW in_hot_standby",
        None => "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'on' ELSE 'off' END",
    }
}

/// Reads the row of [`role_statement`].
pub(crate) fn role(row: &Row) -> Result<Role, tokio_postgres::Error> {
    Ok(if row.try_get::<_, String>(0)? == "on" { Role::Standby } else { Role::Primary })
}

/// Reads the row of [`LAG`].
pub(crate) fn lag_seconds(row: &Row) -> Result<Option<f64>, tokio_postgres::Error> {
    row.try_get(0)
}
