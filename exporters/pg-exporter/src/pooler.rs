//! Sessions behind a pooler, such as PgBouncer.
//!
//! A pooler that pools transactions gives each of them to another server process, which other clients use as well. There a
//! prepared statement may be missing or be another's, and what is set for the session reaches other clients. So each query
//! runs unprepared in a transaction of its own, with the settings of a session set for that transaction. Whether the pooler
//! pools sessions instead cannot be told from outside; this works with both.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;
use pgclient::{Connection, OwnSetting};

use crate::facts::version_of;
use crate::session_settings::statement_timeout;
use crate::session_start::{is_raw, set_statement};

/// Settings that every supported server has, or has from a version on, and that mean something in one transaction.
const LOCAL: [(&str, u32); 10] = [
    ("statement_timeout", 0),
    ("lock_timeout", 0),
    ("search_path", 0),
    ("DateStyle", 0),
    ("IntervalStyle", 0),
    ("extra_float_digits", 0),
    ("quote_all_identifiers", 0),
    ("standard_conforming_strings", 0),
    ("transform_null_equals", 0),
    ("jit", 110_000),
];

/// What a person should do about it.
pub(crate) const ADVICE: &str = "\
connected through a connection pooler: its clients, and not the server's, are what this connection sees of limits and \
sessions, each query costs a transaction of its own, and databases that the pooler does not know are missing. Set --url to \
the server's own address";

/// What to do if the pooler allows no transaction.
pub(crate) const STATEMENT_POOLING_HINT: &str = "\
(the pooler pools statements, so that no time limit can be set: connect to the server directly, or to a pool with \
pool_mode=session or transaction)";

/// Whether an error is the one of a pool without transactions.
pub(crate) fn is_statement_pooling(message: &str) -> bool {
    message.contains("statement pooling mode")
}

/// The servers that have a pooler before them, by their labels.
#[derive(Debug, Default)]
pub(crate) struct Poolers(Mutex<BTreeSet<String>>);

impl Poolers {
    /// Records whether there is one before the server of a connection.
    pub(crate) fn note(&self, connection: &Connection, is_pooled: bool) {
        let mut labels = self.0.lock();
        if is_pooled {
            labels.insert(connection.label().to_owned());
        } else {
            labels.remove(connection.label());
        }
    }

    /// Whether one was found before the server of a connection.
    pub(crate) fn is_before(&self, connection: &Connection) -> bool {
        self.0.lock().contains(connection.label())
    }
}

/// The transaction that each query behind a pooler runs in.
#[derive(Debug)]
pub(crate) struct PooledTransaction {
    begin: String,
    has_statement_timeout: bool,
    has_search_path: bool,
}

impl PooledTransaction {
    /// With these settings, on the server of that connection.
    pub(crate) fn new(connection: &Connection, own: &[OwnSetting]) -> Self {
        let version = version_of(connection.parameter("server_version").unwrap_or_default()).0;
        let has = |wanted: &str| own.iter().any(|own| own.name == wanted);
        let is_local = |own: &&OwnSetting| {
            LOCAL.iter().any(|(name, from)| *name == own.name && (version == 0 || version >= *from))
        };
        let read_only = if has("default_transaction_read_only") { " READ ONLY" } else { "" };
        let mut begin = format!("BEGIN ISOLATION LEVEL READ COMMITTED{read_only} NOT DEFERRABLE");
        for own in own.iter().filter(is_local) {
            begin.push_str("; ");
            begin.push_str(&set_statement("SET LOCAL", own));
        }
        if is_raw(connection) {
            begin.push_str("; SET LOCAL client_encoding = 'SQL_ASCII'");
        }
        Self { begin, has_statement_timeout: has("statement_timeout"), has_search_path: has("search_path") }
    }

    /// What begins it: for a query that may run so long and needs these schemas, written as a list.
    pub(crate) fn begin(&self, timeout: Option<Duration>, schemas: Option<&str>) -> String {
        let mut begin = self.begin.clone();
        if let Some(timeout) = timeout.filter(|_| self.has_statement_timeout) {
            begin.push_str(&format!("; SET LOCAL statement_timeout = {}", statement_timeout(timeout).as_millis()));
        }
        if let Some(schemas) = schemas.filter(|_| self.has_search_path) {
            begin.push_str(&format!("; SET LOCAL search_path = {schemas}"));
        }
        begin
    }
}
