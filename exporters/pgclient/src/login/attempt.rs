//! The steps of a login.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reason::Reason;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::config::{Config, SslMode};
use tracing::debug;

use super::opened::Opened;
use super::phase::LoginPhase;
use crate::backend_key;
use crate::connection::Connection;
use crate::deadline::share;
use crate::error::ConnectError;
use crate::login_steps::{LoginStep, StepClock};
use crate::permit::ServerPermit;
use crate::server::ServerAddress;
use crate::session_kind::SessionKind;
use crate::socket::connector::SocketConnector;
use crate::socket::endpoint::ServerEndpoint;
use crate::socket::permit_stream::PermitStream;
use crate::target::Target;
use crate::tls::{CertificateExpiry, TlsMode, TlsSettings};

/// A login in progress.
pub(super) struct Attempt {
    target: Target,
    server: ServerAddress,
    label: String,
    permit: Arc<ServerPermit>,
    clocks: AttemptClocks,
}

/// What a login reports while it runs, and its limit.
pub(super) struct AttemptClocks {
    /// Limits what comes before the server accepts the socket; from then on there is no limit.
    pub open_timeout: Duration,
    pub phase: watch::Sender<LoginPhase>,
    pub steps: StepClock,
}

impl Attempt {
    pub(super) fn new(target: Target, server: ServerAddress, permit: Arc<ServerPermit>, clocks: AttemptClocks) -> Self {
        let label = server.to_string();
        Self { target, server, label, permit, clocks }
    }

    /// Logs in, and tries again without each optional setting that the server refuses, and without any where none is
    /// tolerated.
    pub(super) async fn run(&self) -> Result<Opened, ConnectError> {
        loop {
            match self.try_addresses().await {
                Err(error) if self.target.leave_out_refused(&self.label, &error) => {}
                Err(error) if self.target.defer_settings(&self.label, &error) => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_addresses(&self) -> Result<Opened, ConnectError> {
        let open_timeout = self.clocks.open_timeout;
        self.clocks.steps.begin();
        let addresses = timeout(open_timeout, self.server.addresses()).await;
        let addresses = addresses
            .map_err(|_| LoginPhase::Connecting.timed_out(&self.label, open_timeout))?
            .map_err(|error| ConnectError::unresolved(&self.label, &error))?;
        if self.server.has_name() {
            self.clocks.steps.completed(LoginStep::Resolve);
        }
        let config = self.target.driver_config(&self.server);
        let deadline = Instant::now() + open_timeout;
        let mut failure = None;
        for (index, address) in addresses.iter().enumerate() {
            let wait = share(deadline, addresses.len() - index).saturating_duration_since(Instant::now());
            match self.try_tls_modes(&config, *address, wait).await {
                Ok(opened) => return Ok(opened),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failure = Some(error.or_more_specific(failure)),
            }
        }
        Err(failure
            .unwrap_or_else(|| ConnectError::new(&self.label, Reason::Dns, "the host name resolves to no address")))
    }

    async fn try_tls_modes(
        &self,
        config: &Config,
        address: Option<IpAddr>,
        wait: Duration,
    ) -> Result<Opened, ConnectError> {
        let (first, second) = match self.target.tls_mode(&self.server) {
            TlsMode::Disable => (SslMode::Disable, None),
            TlsMode::Allow => (SslMode::Disable, Some(SslMode::Require)),
            TlsMode::Prefer => (SslMode::Prefer, Some(SslMode::Disable)),
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => (SslMode::Require, None),
        };
        match (self.try_once(config, address, first, wait).await, second) {
            // With a server that has no TLS, the other attempt would be the same.
            (Err(error), Some(SslMode::Disable)) if error.is_of_plain_connection() => Err(error),
            (Err(error), Some(second)) if error.is_about_encryption() => {
                debug!(%error, "retrying with the other TLS mode");
                let other = self.try_once(config, address, second, self.clocks.open_timeout).await;
                // If both fail because of TLS, the first error is more useful.
                other.map_err(|other| if other.is_about_encryption() { error } else { other })
            }
            (result, _) => result,
        }
    }

    async fn try_once(
        &self,
        config: &Config,
        address: Option<IpAddr>,
        mode: SslMode,
        wait: Duration,
    ) -> Result<Opened, ConnectError> {
        let label = &self.label;
        let expiry = CertificateExpiry::default();
        let tls = if mode == SslMode::Disable { TlsSettings::plain() } else { self.target.tls.connector(&expiry) };
        let tls = tls.map_err(|error| ConnectError::new(label, Reason::Tls, format!("TLS: {error}")))?;
        let mut config = config.clone();
        config.ssl_mode(mode).ssl_negotiation(self.target.tls.negotiation);
        let connector = SocketConnector::new(self.server.peer(address), &config);
        self.clocks.steps.connecting(address, &expiry);
        let stream = self.open(&connector, wait).await?;
        let socket = stream.handle();
        let host_name = self.server.host_name();
        let steps = self.clocks.steps.clone();
        let endpoint = ServerEndpoint { connector, tls, host_name, permit: stream.permit(), steps };
        let (client, driver) = config.connect_raw(stream, endpoint.handshake()).await.map_err(|error| {
            let error = ConnectError::from_driver(label, &error);
            let error = error.at_database(self.target.database_name());
            error.or_ignored_password_file(|| self.target.ignored_password_file())
        })?;
        self.clocks.steps.completed(LoginStep::Login);
        endpoint.connector.restore_user_timeout(socket);
        let process = backend_key::process(&client).await;
        let connection = Connection::start(label.clone(), client, driver, endpoint, process);
        let connection = connection.with_certificate_expiry(expiry.seconds());
        let connection = connection.with_deferred(self.target.deferred_settings(label));
        self.target.settings_accepted(label, connection.parameter("server_version"));
        let in_recovery = match self.target.session {
            SessionKind::Any => None,
            _ => Some(is_in_recovery(&connection, label).await?),
        };
        Ok(Opened { connection, in_recovery })
    }

    /// Waits for the permit and for the server to accept the socket.
    async fn open(&self, connector: &SocketConnector, wait: Duration) -> Result<PermitStream, ConnectError> {
        let deadline = Instant::now() + wait;
        self.clocks.phase.send_replace(LoginPhase::Queued);
        let permit = timeout_at(deadline, self.permit.acquire()).await;
        let permit = permit.map_err(|_| LoginPhase::Queued.timed_out(&self.label, wait))?;
        self.clocks.phase.send_replace(LoginPhase::Connecting);
        let stream = timeout_at(deadline, connector.connect(permit)).await;
        let stream = stream.map_err(|_| LoginPhase::Connecting.timed_out(&self.label, wait))?;
        let stream = stream.map_err(|error| ConnectError::from_io(&self.label, &error))?;
        self.clocks.steps.connected(stream.ends());
        self.clocks.phase.send_replace(LoginPhase::Accepted);
        Ok(stream)
    }
}

/// Whether the server is in recovery; by a query if it does not report it, as before PostgreSQL 14 or behind a pooler.
async fn is_in_recovery(connection: &Connection, label: &str) -> Result<bool, ConnectError> {
    if let Some(reported) = connection.parameter("in_hot_standby") {
        return Ok(reported == "on");
    }
    if connection.is_console() {
        return Err(ConnectError::new(
            label,
            Reason::Console,
            "target_session_attrs has no meaning on a PgBouncer console",
        ));
    }
    let answer = connection.client().simple_query("SELECT pg_catalog.pg_is_in_recovery()").await;
    let messages = answer.map_err(|error| ConnectError::from_driver(label, &error))?;
    Ok(messages.iter().any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
}
