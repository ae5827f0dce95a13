//! Makes a new session independent of the settings of its database, and finds out whether it is one: behind a pooler each
//! transaction may run in another server process.
//!
//! A database's owner can change settings for everybody who connects to it. The startup packet overrides those that a session
//! needs. The others are reset here: an untrusted owner must not control the exporter's sessions. Settings of the exporter's
//! role are kept.

use futures_util::future::join_all;
use pgclient::{Connection, OwnSetting};
use tokio_postgres::{Error, SimpleQueryMessage};

use crate::text_encoding::TextEncoding;

/// The server process.
const PROCESS: &str = "SELECT pg_catalog.pg_backend_pid()";

/// The server process, and whether the database has settings for everybody.
///
/// It compares with functions: for operators the planner would read statistics and consider indexes, which costs a new
/// session more than to read this small catalog. The one operator has its schema, since a pooler may have dropped our search
/// path.
const PROCESS_AND_HAS_SETTINGS: &str = "\
SELECT pg_catalog.pg_backend_pid(),
       EXISTS (SELECT FROM pg_catalog.pg_db_role_setting r
                WHERE pg_catalog.oideq(r.setrole, 0)
                  AND pg_catalog.oideq(r.setdatabase,
                      (SELECT d.oid FROM pg_catalog.pg_database d
                        WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())))";

/// Resets every setting of the database that the session may change to the server's built-in value, and a role that the
/// database has set. Apart from [`PROCESS_AND_HAS_SETTINGS`], since planning it takes as long as a third of opening the
/// session.
const UNDO: &str = "\
SELECT pg_catalog.set_config(s.name, s.boot_val, false)
  FROM pg_catalog.pg_settings s WHERE s.source = 'database' AND s.context = 'user'
UNION ALL
SELECT pg_catalog.set_config('role', 'none', false)
  FROM pg_catalog.pg_db_role_setting r, pg_catalog.unnest(r.setconfig) c(entry)
 WHERE r.setrole = 0 AND c.entry ~ '^role='
   AND r.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())";

/// A session that is ready for queries.
pub(crate) struct Prepared {
    /// How many transactions that took.
    pub transactions: u64,
    /// Whether there is a pooler before the server. Then nothing was set: it would be set for other clients.
    pub is_pooled: bool,
}

/// The server hands over text as it is. It would fail a whole query for one byte that it cannot convert.
pub(crate) const DO_NOT_CONVERT: &str = "SET client_encoding = 'SQL_ASCII'";

/// Whether text arrives as it is in the database. In a database with encoding UTF8 the server converts nothing anyway.
pub(crate) fn is_raw(connection: &Connection) -> bool {
    TextEncoding::of(connection).is_converted_here() || connection.parameter("server_encoding") == Some("SQL_ASCII")
}

/// Prepares a new session.
///
/// # Errors
/// If the server cannot do it, for example while a catalog is locked. The session must not be used then.
pub(crate) async fn prepare(connection: &Connection) -> Result<Prepared, Error> {
    let mut transactions = 1;
    if connection.deferred_settings().is_some() {
        // Before anything that the search path of the database could change.
        let (process, _) = read(connection, PROCESS).await?;
        if process != connection.process() {
            return Ok(Prepared { transactions, is_pooled: true });
        }
        transactions += 1 + set_deferred(connection).await?;
    }
    let (process, has_settings) = read(connection, PROCESS_AND_HAS_SETTINGS).await?;
    if process != connection.process() {
        return Ok(Prepared { transactions, is_pooled: true });
    }
    if has_settings {
        connection.client().simple_query(UNDO).await?;
        transactions += 1;
    }
    if is_raw(connection) {
        connection.client().batch_execute(DO_NOT_CONVERT).await?;
        transactions += 1;
    }
    Ok(Prepared { transactions, is_pooled: false })
}

/// The server process in a row, and whether its second column is true.
async fn read(connection: &Connection, sql: &str) -> Result<(Option<i32>, bool), Error> {
    let found = connection.client().simple_query(sql).await?;
    let row = found.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let process = row.and_then(|row| row.get(0)?.parse().ok());
    Ok((process, row.is_some_and(|row| row.len() > 1 && row.get(1) == Some("t"))))
}

/// Sets what the startup packet could not. Returns how many transactions that took.
///
/// # Errors
/// If a setting that no session is without cannot be set.
pub(crate) async fn set_deferred(connection: &Connection) -> Result<u64, Error> {
    let settings = connection.deferred_settings().unwrap_or_default();
    let statements: Vec<String> = settings.iter().map(|own| set_statement("SET", own)).collect();
    let outcomes = join_all(statements.iter().map(|statement| connection.client().batch_execute(statement))).await;
    for (own, outcome) in settings.iter().zip(outcomes) {
        match outcome {
            Err(error) if !own.optional || error.as_db_error().is_none() => return Err(error),
            _ => {}
        }
    }
    Ok(settings.len() as u64)
}

/// A statement that sets one of the exporter's own settings: `SET` or `SET LOCAL`.
pub(crate) fn set_statement(set: &str, own: &OwnSetting) -> String {
    // The path is a list of names, which quotes would make one name.
    match own.name.as_str() {
        "search_path" => format!("{set} {} = {}", own.name, own.value),
        _ => format!("{set} {} = '{}'", own.name, own.value.replace('\'', "''")),
    }
}
