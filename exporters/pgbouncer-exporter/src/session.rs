//! One open console: questions that go out together, each with its own time limit.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Query, Reason, Role, Rows, ServerFacts, Session, SourceError, Version};
use pgclient::{Console, ConsoleError, ConsoleResult};
use tokio::time::timeout_at;

use crate::command::Command;
use crate::places::Held;
use crate::shape::shape;

/// How long the pooler has to end a session that is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A console from its opening until it is dropped; then it is closed, so that it holds up no graceful shutdown.
///
/// There is no way from here to a CancelRequest: see [`Console`]. When an answer is late, the socket is closed.
pub(crate) struct ConsoleSession {
    console: Option<Console>,
    /// Which console, for messages.
    label: Arc<str>,
    user: String,
    probe_timeout: Duration,
    /// When the last answer came: the time of the next one began then, since the console answers one after another.
    last_answer: Mutex<Instant>,
    /// Given back when the console is closed.
    place: Option<Held>,
}

impl ConsoleSession {
    pub(crate) fn new(console: Console, label: Arc<str>, user: &str, probe_timeout: Duration, place: Held) -> Self {
        let last_answer = Mutex::new(Instant::now());
        Self { console: Some(console), label, user: user.to_owned(), probe_timeout, last_answer, place: Some(place) }
    }

    fn console(&self) -> Result<&Console, SourceError> {
        self.console
            .as_ref()
            .ok_or_else(|| SourceError::new(Reason::Closed, format!("{}: the console is gone", self.label)))
    }

    /// Asks within `timeout`, counted from when the console's turn to answer this came. Then the socket is closed, which
    /// fails all that still waits. Gives the answer and how long the console worked on it.
    async fn ask(&self, command: &str, timeout: Duration) -> Result<(ConsoleResult, Duration), SourceError> {
        let console = self.console()?;
        let asked = Instant::now();
        let answer = self.patiently(console.query(command), asked, timeout).await;
        let Some(answer) = answer else {
            console.abandon();
            let waited = timeout.as_millis();
            return Err(SourceError::new(
                Reason::Timeout,
                format!("{}: {command}: no answer within {waited} ms", self.label),
            ));
        };
        let answer = answer.map_err(|error| self.error(command, &error))?;
        let before = std::mem::replace(&mut *self.lock_last_answer(), Instant::now());
        Ok((answer, before.max(asked).elapsed()))
    }

    /// `None` when nothing at all has come for so long.
    async fn patiently<T>(&self, answer: impl Future<Output = T>, asked: Instant, timeout: Duration) -> Option<T> {
        let mut answer = pin!(answer);
        loop {
            let began = asked.max(*self.lock_last_answer());
            match timeout_at((began + timeout).into(), &mut answer).await {
                Ok(answer) => return Some(answer),
                // The answer before came meanwhile, and with it this one's turn.
                Err(_) if *self.lock_last_answer() > began => {}
                Err(_) => return None,
            }
        }
    }

    fn lock_last_answer(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.last_answer.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn facts(&self, _: Option<&ServerFacts>) -> Result<ServerFacts, SourceError> {
        let console = self.console()?;
        let Some(version) = console.version() else {
            let found = console.reported_version();
            let message = format!("{}: no console of PgBouncer: the server calls its version {found:?}", self.label);
            return Err(SourceError::new(Reason::NoConsole, message));
        };
        // Before 1.12 this answers with a notice, so the version is the one told at the opening; here it is the answer
        // that counts.
        self.ask("SHOW VERSION", self.probe_timeout).await?;
        Ok(ServerFacts {
            version: parse_version(version),
            role: Role::Primary,
            database: "pgbouncer".to_owned(),
            user: self.user.clone(),
            ..ServerFacts::default()
        })
    }

    async fn fetch(&self, query: &Query) -> Result<Rows, SourceError> {
        let command = Command::parse(&query.text)
            .map_err(|error| SourceError::new(Reason::Command, format!("{}: {error}", query.collector)))?;
        let (mut answer, took) = self.ask(&command.text, query.timeout).await?;
        let received_bytes = answer.received_bytes;
        if answer.columns.is_empty() && command.text.eq_ignore_ascii_case("SHOW VERSION") {
            answer = told_version(self.console()?);
        }
        let table = shape(answer, &command.shape);
        Ok(Rows { columns: table.columns, cells: table.cells, received_bytes, took })
    }
}

/// What SHOW VERSION answers from 1.12 on; before, it has no rows but a notice.
fn told_version(console: &Console) -> ConsoleResult {
    let version = format!("PgBouncer {}", console.version().unwrap_or_default());
    ConsoleResult { columns: vec!["version".to_owned()], rows: vec![vec![Ok(Some(version))]], received_bytes: 0 }
}

/// The version by its leading numbers, so that a build's own ending does not hide it; unknown if it has none.
fn parse_version(text: &str) -> Version {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Version::parse(text[..end].trim_end_matches('.')).unwrap_or_default()
}

impl Drop for ConsoleSession {
    fn drop(&mut self) {
        let (Some(console), Some(place)) = (self.console.take(), self.place.take()) else { return };
        // Taking leave needs a moment. Without a runtime the program ends, and the socket with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                console.close(CLOSE_TIMEOUT).await;
                drop(place);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_its_leading_numbers() {
        for (text, number) in
            [("1.24.1", 12_401), ("1.8", 10_800), ("1.18.0-vendor2", 11_800), ("1.25.dev", 12_500), ("odd", 0)]
        {
            assert_eq!(parse_version(text), Version(number), "{text}");
        }
    }
}
