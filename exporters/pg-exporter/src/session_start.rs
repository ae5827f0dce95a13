//! Makes a new session independent of the settings of its database.
//!
//! A database's owner can change settings for everybody who connects to it. The startup packet overrides those that a session
//! needs. The others are reset here: an untrusted owner must not control the exporter's sessions. Settings of the exporter's
//! role are kept.

use pgclient::Connection;
use tokio_postgres::{Error, SimpleQueryMessage};

/// Has a row if the database has settings for everybody.
///
/// It compares with functions: for operators the planner would read statistics and consider indexes, which costs a new
/// session more than to read this small catalog.
const HAS_SETTINGS: &str = "\
SELECT FROM pg_catalog.pg_db_role_setting r
 WHERE pg_catalog.oideq(r.setrole, 0)
   AND pg_catalog.oideq(r.setdatabase,
       (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))";

/// Resets every setting of the database that the session may change to the server's built-in value, and a role that the
/// database has set. Apart from [`HAS_SETTINGS`], since planning it takes as long as a third of opening the session.
const UNDO: &str = "\
SELECT pg_catalog.set_config(s.name, s.boot_val, false)
  FROM pg_catalog.pg_settings s WHERE s.source = 'database' AND s.context = 'user'
UNION ALL
SELECT pg_catalog.set_config('role', 'none', false)
  FROM pg_catalog.pg_db_role_setting r, pg_catalog.unnest(r.setconfig) c(entry)
 WHERE r.setrole = 0 AND c.entry ~ '^role='
   AND r.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())";

/// Prepares a new session. Returns how many transactions that took.
///
/// # Errors
/// If the server cannot do it, for example while a catalog is locked. The session must not be used then.
pub(crate) async fn prepare(connection: &Connection) -> Result<u64, Error> {
    let mut transactions = 1;
    let found = connection.client().simple_query(HAS_SETTINGS).await?;
    if found.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_))) {
        connection.client().simple_query(UNDO).await?;
        transactions += 1;
    }
    // In such a database text may be any bytes. With client_encoding UTF8, one invalid name would fail the whole query.
    if connection.parameter("server_encoding") == Some("SQL_ASCII") {
        connection.client().batch_execute("SET client_encoding = 'SQL_ASCII'").await?;
        transactions += 1;
    }
    Ok(transactions)
}
