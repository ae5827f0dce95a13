//! One open console: pipelined commands, each with its own time limit.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Fetched, Query, Reason, Role, RowSink, ServerFacts, ServerProbe, Session, SourceError, Version};
use parking_lot::Mutex;
use pgclient::{Console, ConsoleError, ConsoleResult, TextCell};
use tokio::time::timeout_at;

use crate::command::Command;
use crate::console_slots::ConsolePermit;
use crate::shape::shape;

/// What to do if the target is not PgBouncer.
pub(crate) const POSTGRES_HINT: &str = "(the target is PostgreSQL: read it with pg-exporter, --url and port 9630; \
                                        pgbouncer-exporter needs the port of PgBouncer, by default 6432)";

/// How long PgBouncer may take to end a closed session.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open console. Closed on drop, since an open one blocks PgBouncer's graceful shutdown.
///
/// It cannot send a CancelRequest, see [`Console`]. After a timeout the socket is closed.
pub(crate) struct ConsoleSession {
    console: Option<Console>,
    /// The console, for messages.
    label: Arc<str>,
    user: String,
    probe_timeout: Duration,
    /// When the last result arrived. The time of the next command starts then, since the console runs one after another.
    last_result: Mutex<Instant>,
    /// Released when the console is closed.
    permit: Option<ConsolePermit>,
}

impl ConsoleSession {
    pub(crate) fn new(
        console: Console,
        label: Arc<str>,
        user: &str,
        probe_timeout: Duration,
        permit: ConsolePermit,
    ) -> Self {
        let last_result = Mutex::new(Instant::now());
        Self { console: Some(console), label, user: user.to_owned(), probe_timeout, last_result, permit: Some(permit) }
    }

    fn console(&self) -> Result<&Console, SourceError> {
        self.console.as_ref().ok_or_else(|| SourceError::new(Reason::Closed, format!("{}: console closed", self.label)))
    }

    /// Runs a command within `timeout`, counted from the end of the previous one. After a timeout the socket is closed, which
    /// fails all pending commands. Returns the result and how long the console worked on it.
    async fn query(&self, command: &str, timeout: Duration) -> Result<(ConsoleResult, Duration), SourceError> {
        let console = self.console()?;
        let started = Instant::now();
        let result = self.in_turn(console.query(command), started, timeout).await;
        let Some(result) = result else {
            console.abandon();
            let waited = timeout.as_millis();
            return Err(SourceError::new(
                Reason::Timeout,
                format!("{}: {command}: no response within {waited} ms", self.label),
            ));
        };
        let result = result.map_err(|error| self.error(command, &error))?;
        let before = std::mem::replace(&mut *self.last_result.lock(), Instant::now());
        Ok((result, before.max(started).elapsed()))
    }

    /// The setting `logfile`; empty if there is none.
    pub(crate) async fn logfile(&self) -> Result<String, SourceError> {
        let (config, _) = self.query("SHOW CONFIG", self.probe_timeout).await?;
        let cell = |row: &[TextCell], at: usize| row.get(at).and_then(|cell| cell.clone().ok()).flatten();
        let value = config.rows.iter().find(|row| cell(row, 0).as_deref() == Some("logfile"));
        Ok(value.and_then(|row| cell(row, 1)).unwrap_or_default())
    }

    /// `None` if no result at all has arrived within `timeout`.
    async fn in_turn<T>(&self, result: impl Future<Output = T>, started: Instant, timeout: Duration) -> Option<T> {
        let mut result = pin!(result);
        loop {
            let began = started.max(*self.last_result.lock());
            match timeout_at((began + timeout).into(), &mut result).await {
                Ok(result) => return Some(result),
                // The previous result arrived meanwhile: now it is this command's turn.
                Err(_) if *self.last_result.lock() > began => {}
                Err(_) => return None,
            }
        }
    }

    fn error(&self, command: &str, error: &ConsoleError) -> SourceError {
        let reason = match error {
            ConsoleError::Refused(_) => Reason::Command,
            ConsoleError::Closed(_) => Reason::Closed,
            ConsoleError::Protocol(_) => Reason::Protocol,
        };
        SourceError::new(reason, format!("{}: {command}: {error}", self.label))
    }
}

impl Session for ConsoleSession {
    async fn probe(&self, _: Option<&ServerProbe>) -> Result<ServerProbe, SourceError> {
        let console = self.console()?;
        let Some(version) = console.version() else {
            let found = console.reported_version();
            let label = &self.label;
            let message =
                format!("{label}: not a PgBouncer console: the server reports version \"{found}\" {POSTGRES_HINT}");
            return Err(SourceError::new(Reason::NoConsole, message));
        };
        // This checks that the console responds. Before 1.12 the version is in a notice, so the one reported at connect is used.
        self.query("SHOW VERSION", self.probe_timeout).await?;
        let facts = ServerFacts {
            version: parse_version(version),
            role: Role::Primary,
            database: "pgbouncer".to_owned(),
            user: self.user.clone(),
            ..ServerFacts::default()
        };
        Ok(ServerProbe { facts, ..ServerProbe::default() })
    }

    async fn fetch(&self, query: &Query, sink: &mut dyn RowSink) -> Result<Fetched, SourceError> {
        let command = Command::parse(&query.text)
            .map_err(|error| SourceError::new(Reason::Command, format!("{}: {error}", query.collector)))?;
        let (mut result, took) = self.query(&command.text, query.timeout).await?;
        let received_bytes = result.received_bytes;
        if result.columns.is_empty() && command.text.eq_ignore_ascii_case("SHOW VERSION") {
            result = reported_version(self.console()?);
        }
        let table = shape(result, &command.shape);
        sink.table(&table.columns, &table.cells);
        Ok(Fetched { received_bytes, took, ..Fetched::default() })
    }
}

/// The result of SHOW VERSION from 1.12 on. Older versions send a notice and no rows.
fn reported_version(console: &Console) -> ConsoleResult {
    let version = format!("PgBouncer {}", console.version().unwrap_or_default());
    ConsoleResult { columns: vec!["version".to_owned()], rows: vec![vec![Ok(Some(version))]], received_bytes: 0 }
}

/// Parses the leading numbers of a version, without a build's own suffix; unknown if there are none.
fn parse_version(text: &str) -> Version {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Version::parse(text[..end].trim_end_matches('.')).unwrap_or_default()
}

impl Drop for ConsoleSession {
    fn drop(&mut self) {
        let (Some(console), Some(permit)) = (self.console.take(), self.permit.take()) else { return };
        // Closing takes a moment. Without a runtime the process is exiting, which closes the socket.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                console.close(CLOSE_TIMEOUT).await;
                drop(permit);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_leading_numbers_of_version() {
        for (text, number) in
            [("1.24.1", 12_401), ("1.8", 10_800), ("1.18.0-vendor2", 11_800), ("1.25.dev", 12_500), ("odd", 0)]
        {
            assert_eq!(parse_version(text), Version(number), "{text}");
        }
    }
}
