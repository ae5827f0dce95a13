//! One login on one server: over its addresses, with or without TLS, with the settings that it takes.
//!
//! Once the server has accepted the socket a login is not given up: the server process behind it goes on, whatever the
//! client does, and a second one beside it would be one too many.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reason::Reason;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::config::{Config, SslMode};
use tracing::debug;

use crate::connect::{SessionKind, share};
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::place::ServerPlace;
use crate::server::Server;
use crate::target::Target;
use crate::tls::{Mode, TlsSettings};
use crate::wire::{Route, Way, Wire};

/// A login that runs in a task of its own.
pub(crate) struct Login {
    database: Option<String>,
    outcome: oneshot::Receiver<Result<Opened, ConnectError>>,
    phase: watch::Receiver<Phase>,
}

/// How far a login has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The connection before it has not ended on the server.
    Queued,
    /// Name resolution, and the socket.
    Opening,
    /// The server has accepted the socket.
    Accepted,
}

/// A connection, and whether its server is in recovery if the target asks for one of the two.
pub(crate) struct Opened {
    pub connection: Connection,
    pub in_recovery: Option<bool>,
}

/// Logs in to a server, or goes on with the login that is unfinished there; waits for it until `deadline`.
pub(crate) async fn log_in(
    target: &Target,
    server: &Server,
    place: &Arc<ServerPlace>,
    deadline: Instant,
) -> Result<Opened, ConnectError> {
    let began = Instant::now();
    let label = server.to_string();
    let mut unfinished = place.unfinished.lock().await;
    if let Some(login) = unfinished.as_mut() {
        if !login.is_for(target) {
            // To another database: it has to end first.
            let Ok(outcome) = timeout_at(deadline, login.ended()).await else {
                return Err(ConnectError::late(&label, Phase::Queued, began.elapsed()));
            };
            *unfinished = None;
            if let Ok(opened) = outcome {
                opened.connection.close_soon();
            }
        } else if let Some(outcome) = login.outcome() {
            *unfinished = None;
            // An error of then says nothing about now.
            if let Some(opened) = outcome.ok().filter(|opened| !opened.connection.is_closed()) {
                return Ok(opened);
            }
        }
    }
    let wait = deadline.saturating_duration_since(Instant::now());
    let login = unfinished.get_or_insert_with(|| Login::begin(target, server, place, wait));
    let Ok(outcome) = timeout_at(deadline, login.ended()).await else {
        return Err(ConnectError::late(&label, *login.phase.borrow(), began.elapsed()));
    };
    *unfinished = None;
    outcome
}

impl Login {
    fn begin(target: &Target, server: &Server, place: &Arc<ServerPlace>, open_timeout: Duration) -> Login {
        let (sender, outcome) = oneshot::channel();
        let (phase, shown_phase) = watch::channel(Phase::Opening);
        let attempt = Attempt {
            target: target.clone(),
            server: server.clone(),
            label: server.to_string(),
            place: place.clone(),
            open_timeout,
            phase,
        };
        tokio::spawn(async move {
            let outcome = attempt.run().await;
            if let Err(Ok(unclaimed)) = sender.send(outcome) {
                unclaimed.connection.close_soon();
            }
            attempt.place.changed.notify_waiters();
        });
        Login { database: target.database().map(str::to_owned), outcome, phase: shown_phase }
    }

    /// Whether its connection would be the target's.
    pub fn is_for(&self, target: &Target) -> bool {
        self.database.as_deref() == target.database()
    }

    /// How it has ended, if it has.
    pub fn outcome(&mut self) -> Option<Result<Opened, ConnectError>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(ConnectError::broken_off())),
        }
    }

    async fn ended(&mut self) -> Result<Opened, ConnectError> {
        (&mut self.outcome).await.unwrap_or_else(|_| Err(ConnectError::broken_off()))
    }
}

/// What a login is made of.
struct Attempt {
    target: Target,
    server: Server,
    label: String,
    place: Arc<ServerPlace>,
    /// For whatever comes before the server accepts the socket; from then on there is no limit.
    open_timeout: Duration,
    phase: watch::Sender<Phase>,
}

impl Attempt {
    /// Tries again without each of our settings that the server does not take.
    async fn run(&self) -> Result<Opened, ConnectError> {
        loop {
            match self.over_addresses().await {
                Err(error) if self.target.leave_out_refused(&self.label, &error) => {}
                outcome => return outcome,
            }
        }
    }

    async fn over_addresses(&self) -> Result<Opened, ConnectError> {
        let addresses = timeout(self.open_timeout, self.server.addresses()).await;
        let addresses = addresses
            .map_err(|_| ConnectError::late(&self.label, Phase::Opening, self.open_timeout))?
            .map_err(|error| ConnectError::unresolved(&self.label, &error))?;
        let config = self.target.driver_config(&self.server);
        let deadline = Instant::now() + self.open_timeout;
        let mut failure = None;
        for (index, address) in addresses.iter().enumerate() {
            let wait = share(deadline, addresses.len() - index).saturating_duration_since(Instant::now());
            match self.with_or_without_tls(&config, *address, wait).await {
                Ok(opened) => return Ok(opened),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failure = Some(error.or_more_telling(failure)),
            }
        }
        Err(failure.unwrap_or_else(|| ConnectError::new(&self.label, Reason::Dns, "the host name has no address")))
    }

    async fn with_or_without_tls(
        &self,
        config: &Config,
        address: Option<IpAddr>,
        wait: Duration,
    ) -> Result<Opened, ConnectError> {
        let (first, second) = match self.target.tls_mode(&self.server) {
            Mode::Disable => (SslMode::Disable, None),
            Mode::Allow => (SslMode::Disable, Some(SslMode::Require)),
            Mode::Prefer => (SslMode::Prefer, Some(SslMode::Disable)),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => (SslMode::Require, None),
        };
        match (self.once(config, address, first, wait).await, second) {
            (Err(error), Some(second)) if error.is_about_encryption() => {
                debug!(%error, "trying the other way of encryption");
                let other = self.once(config, address, second, self.open_timeout).await;
                // The first error tells more where the second way fails, too, for its own reasons.
                other.map_err(|other| if other.is_about_encryption() { error } else { other })
            }
            (result, _) => result,
        }
    }

    async fn once(
        &self,
        config: &Config,
        address: Option<IpAddr>,
        mode: SslMode,
        wait: Duration,
    ) -> Result<Opened, ConnectError> {
        let label = &self.label;
        let tls = if mode == SslMode::Disable { TlsSettings::plain() } else { self.target.tls.connector() };
        let tls = tls.map_err(|error| ConnectError::new(label, Reason::Tls, format!("TLS: {error}")))?;
        let mut config = config.clone();
        config.ssl_mode(mode).ssl_negotiation(self.target.tls.negotiation);
        let (route, wire) = self.open(Route::new(self.server.peer(address), &config), wait).await?;
        let (way, socket) =
            (Way { route, tls, host_name: self.server.host_name(), place: wire.place() }, wire.handle());
        let (client, driver) = config.connect_raw(wire, way.handshake()).await.map_err(|error| {
            let error = ConnectError::from_driver(label, &error);
            error.or_ignored_password_file(|| self.target.ignored_password_file())
        })?;
        way.route.logged_in(socket);
        let connection = Connection::start(label.clone(), client, driver, way);
        self.target.settings_taken(label, connection.parameter("server_version"));
        let in_recovery = match self.target.session {
            SessionKind::Any => None,
            _ => Some(is_in_recovery(&connection, label).await?),
        };
        Ok(Opened { connection, in_recovery })
    }

    /// Waits for the place and for the server to accept the socket.
    async fn open(&self, route: Route, wait: Duration) -> Result<(Route, Wire), ConnectError> {
        let deadline = Instant::now() + wait;
        let late = |phase| ConnectError::late(&self.label, phase, wait);
        self.phase.send_replace(Phase::Queued);
        let occupancy = timeout_at(deadline, self.place.occupy()).await.map_err(|_| late(Phase::Queued))?;
        self.phase.send_replace(Phase::Opening);
        let wire = timeout_at(deadline, route.open(occupancy)).await.map_err(|_| late(Phase::Opening))?;
        let wire = wire.map_err(|error| ConnectError::from_io(&self.label, &error))?;
        self.phase.send_replace(Phase::Accepted);
        Ok((route, wire))
    }
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
