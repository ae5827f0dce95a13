//! The way to a connection: over servers, addresses, and with or without TLS.

use crate::connection::Connection;
use crate::error::{ConnectError, Reason, TargetError};
use crate::parameters::{Parameters, word};
use crate::server::Server;
use crate::target::Target;
use crate::tls::{Mode, TlsSettings};
use crate::wire::{Route, Way};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::config::{Config, SslMode};
use tracing::debug;

/// Which of several servers to take: libpq's `target_session_attrs`.
///
/// `read-write` means a primary here and `read-only` a standby: whether transactions may write is set by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionKind {
    Any,
    Primary,
    Standby,
    PreferStandby,
}

impl SessionKind {
    pub(crate) fn from_parameters(parameters: &Parameters) -> Result<SessionKind, TargetError> {
        let words = [
            ("any", SessionKind::Any),
            ("read-write", SessionKind::Primary),
            ("primary", SessionKind::Primary),
            ("read-only", SessionKind::Standby),
            ("standby", SessionKind::Standby),
            ("prefer-standby", SessionKind::PreferStandby),
        ];
        Ok(word(parameters, "target_session_attrs", &words)?.unwrap_or(SessionKind::Any))
    }

    /// Whether a server in recovery is wanted, must not be, or may be, in each round over the servers.
    fn rounds(self) -> &'static [Option<bool>] {
        match self {
            SessionKind::Any => &[None],
            SessionKind::Primary => &[Some(false)],
            SessionKind::Standby => &[Some(true)],
            SessionKind::PreferStandby => &[Some(true), None],
        }
    }
}

/// Opens a connection to the first of the target's servers that will have it.
pub(crate) async fn connect(target: &Target, budget: Duration) -> Result<Connection, ConnectError> {
    let deadline = Instant::now() + budget;
    let mut servers = target.servers.list();
    if target.shuffle {
        let random = RandomState::new();
        servers.sort_by_cached_key(|server| random.hash_one(server.to_string()));
    }
    let rounds = target.session.rounds();
    let mut left = rounds.len() * servers.len();
    let mut failure = None;
    for in_recovery in rounds {
        for server in &servers {
            let attempt = Attempt { target, server, in_recovery: *in_recovery, deadline: share(deadline, left) };
            left -= 1;
            match attempt.over_addresses().await {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    debug!(%error, reason = %error.reason(), "no connection");
                    if error.is_final() {
                        return Err(error);
                    }
                    failure = Some(error.or_more_telling(failure));
                }
            }
        }
    }
    Err(failure.unwrap_or_else(|| ConnectError::new(&target.label(), Reason::Other, "no server to connect to")))
}

/// The end of one of `left` equal shares of the time to the deadline, so that a silent server leaves time for the others.
fn share(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

/// One server in one round.
struct Attempt<'a> {
    target: &'a Target,
    server: &'a Server,
    in_recovery: Option<bool>,
    deadline: Instant,
}

impl Attempt<'_> {
    async fn over_addresses(&self) -> Result<Connection, ConnectError> {
        let label = self.server.to_string();
        let addresses = within(&label, self.deadline, async {
            let found = self.server.addresses().await;
            found.map_err(|error| {
                ConnectError::new(&label, Reason::Dns, format!("cannot resolve the host name: {error}"))
            })
        })
        .await?;
        let config = self.target.driver_config(self.server);
        let mut failure = None;
        for (index, address) in addresses.iter().enumerate() {
            let deadline = share(self.deadline, addresses.len() - index);
            match self.with_or_without_tls(&label, config.clone(), *address, deadline).await {
                Ok(connection) => return Ok(connection),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failure = Some(error.or_more_telling(failure)),
            }
        }
        Err(failure.unwrap_or_else(|| ConnectError::new(&label, Reason::Dns, "the host name has no address")))
    }

    async fn with_or_without_tls(
        &self,
        label: &str,
        config: Config,
        address: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<Connection, ConnectError> {
        let (first, second) = match self.target.tls_mode(self.server) {
            Mode::Disable => (SslMode::Disable, None),
            Mode::Allow => (SslMode::Disable, Some(SslMode::Require)),
            Mode::Prefer => (SslMode::Prefer, Some(SslMode::Disable)),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => (SslMode::Require, None),
        };
        let attempt = |mode| within(label, deadline, self.once(label, &config, address, mode));
        match (attempt(first).await, second) {
            (Err(error), Some(second)) if error.is_about_encryption() => {
                debug!(%error, "trying the other way of encryption");
                // The first error tells more where the second way fails, too, for its own reasons.
                attempt(second).await.map_err(|other| if other.is_about_encryption() { error } else { other })
            }
            (result, _) => result,
        }
    }

    async fn once(
        &self,
        label: &str,
        config: &Config,
        address: Option<IpAddr>,
        mode: SslMode,
    ) -> Result<Connection, ConnectError> {
        let tls = if mode == SslMode::Disable { TlsSettings::plain() } else { self.target.tls.connector() };
        let tls = tls.map_err(|error| ConnectError::new(label, Reason::Tls, format!("TLS: {error}")))?;
        let mut config = config.clone();
        config.ssl_mode(mode).ssl_negotiation(self.target.tls.negotiation);
        let route = Route::new(self.server.peer(address), &config);
        let wire = route.open().await.map_err(|error| ConnectError::from_io(label, &error))?;
        let way = Way { route, tls, host_name: self.server.host_name() };
        let (client, driver) = config.connect_raw(wire, way.handshake()).await.map_err(|error| {
            let error = ConnectError::from_driver(label, &error);
            error.or_ignored_password_file(|| self.target.ignored_password_file())
        })?;
        let connection = Connection::start(label.to_owned(), client, driver, way);
        match self.in_recovery {
            Some(wanted) if is_in_recovery(&connection, label).await? != wanted => {
                let found = if wanted { "a primary" } else { "a standby" };
                Err(ConnectError::new(
                    label,
                    Reason::Other,
                    format!("is {found}, target_session_attrs asks for the other"),
                ))
            }
            _ => Ok(connection),
        }
    }
}

async fn within<T>(
    label: &str,
    deadline: Instant,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let started = Instant::now();
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(ConnectError::timeout(label, started.elapsed())))
}

/// Asks where the server does not report it by itself, as before PostgreSQL 14 or behind a pooler.
async fn is_in_recovery(connection: &Connection, label: &str) -> Result<bool, ConnectError> {
    if let Some(reported) = connection.parameter("in_hot_standby") {
        return Ok(reported == "on");
    }
    let answer = connection.client().simple_query("SELECT pg_catalog.pg_is_in_recovery()").await;
    let messages = answer.map_err(|error| ConnectError::from_driver(label, &error))?;
    Ok(messages.iter().any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shared() {
        let now = Instant::now();
        let share = share(now + Duration::from_secs(9), 3) - now;
        assert!((Duration::from_millis(2900)..Duration::from_millis(3100)).contains(&share), "{share:?}");
        assert!(super::share(now, 0) >= now);
    }
}
