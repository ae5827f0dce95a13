//! Makes a new session independent of the settings of its database.
//!
//! A database's owner can change settings for everybody who connects to it. The startup packet overrides those that a session
//! needs. The others are reset here: an untrusted owner must not control the exporter's sessions. Settings of the exporter's
//! role are kept.

use pgclient::Connection;
use tokio_postgres::Error;

/// Resets every setting of the database that the session may change to the server's built-in value, and a role that the
/// database has set. If there are none, it reads one small catalog.
const UNDO: &str = "\
SELECT pg_catalog.set_config(changed.name, changed.value, false)
  FROM (SELECT s.name, s.boot_val FROM pg_catalog.pg_settings s WHERE s.source = 'database' AND s.context = 'user'
        UNION ALL
        SELECT 'role', 'none' FROM pg_catalog.pg_db_role_setting r, pg_catalog.unnest(r.setconfig) c(entry)
         WHERE r.setrole = 0 AND c.entry ~ '^role='
           AND r.setdatabase = (SELECT a.datid FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a)
       ) changed(name, value)
 WHERE EXISTS (SELECT FROM pg_catalog.pg_db_role_setting r WHERE r.setrole = 0 AND r.setdatabase =
               (SELECT a.datid FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a))";

/// Prepares a new session. Returns how many transactions that took.
///
/// # Errors
/// If the server cannot do it, for example while a catalog is locked. The session must not be used then.
pub(crate) async fn prepare(connection: &Connection) -> Result<u64, Error> {
    connection.client().simple_query(UNDO).await?;
    // In such a database text may be any bytes. With client_encoding UTF8, one invalid name would fail the whole query.
    if connection.parameter("server_encoding") == Some("SQL_ASCII") {
        connection.client().batch_execute("SET client_encoding = 'SQL_ASCII'").await?;
        return Ok(2);
    }
    Ok(1)
}
