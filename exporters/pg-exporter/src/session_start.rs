//! What a new session is told before it is used: to be independent of its database.
//!
//! A database's owner may have made settings for everybody who connects to it. What a session needs is sent when it
//! connects and wins over them. The rest is undone here: an owner who is not trusted must not steer the exporter's
//! sessions. What an administrator sets for the exporter's role stays.

use pgclient::Connection;
use tokio_postgres::Error;

/// Gives every setting of the database that the session may change the server's built-in value, and takes back a role
/// that the database has set. Where nothing is set, it reads one small catalog.
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

/// Prepares a session that has just been opened.
///
/// # Errors
/// When the server cannot do it, as while a catalog is locked: the session is not to be used then.
pub(crate) async fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.client().simple_query(UNDO).await?;
    // In such a database text may be any bytes, and the driver asks for UTF-8: one name that is not would fail its whole
    // query.
    if connection.parameter("server_encoding") == Some("SQL_ASCII") {
        connection.client().batch_execute("SET client_encoding = 'SQL_ASCII'").await?;
    }
    Ok(())
}
