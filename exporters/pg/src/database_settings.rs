//! Settings that a database's owner made for everybody who connects to it.
//!
//! What a session needs is sent when it connects and wins over them. The rest is undone here: an owner who is not trusted
//! must not steer the exporter's sessions. What an administrator sets for the exporter's role stays.

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

/// Undoes what the database's owner has set for this session.
///
/// # Errors
/// When the server cannot tell, as while a catalog is locked: the session is not to be used then.
pub(crate) async fn undo(connection: &Connection) -> Result<(), Error> {
    connection.client().simple_query(UNDO).await.map(drop)
}
