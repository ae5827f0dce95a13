//! What a server says of itself when a service has led to it.

use std::sync::LazyLock;

use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::health::LAG;

/// One statement by the simple protocol, so that it also runs in a pool of statements. It reads no table.
pub(super) static SQL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(),\n\
         (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c),\n\
         pg_catalog.host(pg_catalog.inet_server_addr()) || ':' || pg_catalog.inet_server_port(),\n\
         extract(epoch FROM pg_catalog.pg_postmaster_start_time()),\n\
         pg_catalog.pg_backend_pid(),\n({LAG})"
    )
});

/// The answer of a server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub in_recovery: bool,
    pub system_identifier: String,
    /// Address and port at which the server was connected to; `None` on a Unix socket, as behind a pooler on its host.
    pub member: Option<String>,
    /// When it started, in Unix seconds: tells servers apart, whatever their addresses are.
    pub started: f64,
    pub process: i32,
    /// Of a standby, if it is known.
    pub lag_seconds: Option<f64>,
}

impl Answer {
    /// Reads the row of [`SQL`]; `None` if it is not one.
    pub(super) fn read(messages: &[SimpleQueryMessage]) -> Option<Self> {
        let row: &SimpleQueryRow = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })?;
        let text = |at: usize| row.try_get(at).ok().flatten();
        let in_recovery = text(0)? == "t";
        Some(Self {
            in_recovery,
            system_identifier: text(1)?.to_owned(),
            member: text(2).map(str::to_owned),
            started: text(3)?.parse().ok()?,
            process: text(4)?.parse().ok()?,
            lag_seconds: text(5).and_then(|lag| lag.parse().ok()).filter(|_| in_recovery),
        })
    }

    /// The role of the server.
    pub(super) fn role(&self) -> &'static str {
        if self.in_recovery { "standby" } else { "primary" }
    }

    /// The server in a few words.
    pub(super) fn whom(&self) -> String {
        match &self.member {
            Some(member) => format!("{} at {member}", self.role()),
            None => format!("{} on a Unix socket", self.role()),
        }
    }
}
