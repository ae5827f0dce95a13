//! An open connection and the task that drives it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use reason::Reason;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio_postgres::{AsyncMessage, Client};
use tracing::debug;

use crate::error::ConnectError;
use crate::socket::endpoint::ServerEndpoint;
use crate::socket::permit_stream::PermitStream;
use crate::startup_options::OwnSetting;

/// The end of the version that PgBouncer's console reports. A pooled connection reports its server's version.
pub(crate) const CONSOLE_VERSION_SUFFIX: &str = "/bouncer";

/// Parameters that a server reports when a connection opens.
const REPORTED: [&str; 11] = [
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "application_name",
    "client_encoding",
    "default_transaction_read_only",
    "in_hot_standby",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
];

/// How long the server may take to end an unused session.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open connection.
///
/// Dropping it ends this side at once, and pending requests fail. Its [`crate::ConnectionSlot`] stays taken until the server
/// has ended its side too. [`Connection::close`] terminates the session properly.
pub struct Connection {
    client: Client,
    server: String,
    reported: BTreeMap<&'static str, String>,
    /// The server process for which the connection got a key for cancel requests.
    process: Option<i32>,
    /// The exporter's own settings that were not sent at connect.
    deferred: Option<Vec<OwnSetting>>,
    /// When the server's certificate expires; `None` without TLS.
    certificate_expiry: Option<f64>,
    /// For cancel requests.
    endpoint: ServerEndpoint,
    /// One task, aborted when the set is dropped.
    driver: JoinSet<()>,
    aborts: AbortHandle,
}

impl Connection {
    /// Starts the driver's task.
    pub(crate) fn start<T>(
        server: String,
        client: Client,
        connection: tokio_postgres::Connection<PermitStream, T>,
        endpoint: ServerEndpoint,
        process: Option<i32>,
    ) -> Self
    where
        T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
    {
        let reported =
            REPORTED.into_iter().filter_map(|name| Some((name, connection.parameter(name)?.to_owned()))).collect();
        let mut driver = JoinSet::new();
        let aborts = driver.spawn(drive(server.clone(), connection));
        let (deferred, certificate_expiry) = (None, None);
        Self { client, server, reported, process, deferred, certificate_expiry, endpoint, driver, aborts }
    }

    /// The same, opened without these settings.
    pub(crate) fn with_deferred(self, deferred: Option<Vec<OwnSetting>>) -> Self {
        Self { deferred, ..self }
    }

    /// The same, to a server whose certificate expires then.
    pub(crate) fn with_certificate_expiry(self, certificate_expiry: Option<f64>) -> Self {
        Self { certificate_expiry, ..self }
    }

    /// The driver's client, for queries.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The server, as `host:port` or `/socket/folder:port`; for logs.
    pub fn label(&self) -> &str {
        &self.server
    }

    /// A server parameter as reported **when the connection opened**: `server_version`, `server_encoding`,
    /// `in_hot_standby` (PostgreSQL 14 and later), `is_superuser` and a few more.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.reported.get(name).map(String::as_str)
    }

    /// When the certificate expires that the server presented, in Unix seconds; `None` without TLS.
    pub fn certificate_expiry(&self) -> Option<f64> {
        self.certificate_expiry
    }

    /// Whether it leads to PgBouncer's admin console and not to PostgreSQL.
    pub fn is_console(&self) -> bool {
        self.parameter("server_version").is_some_and(|version| version.ends_with(CONSOLE_VERSION_SUFFIX))
    }

    /// The id of the server process that the connection got at the start. If `pg_backend_pid()` is another one, there is a
    /// pooler in between.
    pub fn process(&self) -> Option<i32> {
        self.process
    }

    /// The target's own settings that the server, a pooler before it, or a login trigger does not tolerate at connect: they
    /// were not sent, and are to be set now.
    pub fn deferred_settings(&self) -> Option<&[OwnSetting]> {
        self.deferred.as_deref()
    }

    /// Asks the server to cancel the running query, over a separate connection. The server does not report whether it did.
    ///
    /// # Errors
    /// If the request cannot be delivered within `timeout`. Always on a PgBouncer console, which would treat it as RESUME:
    /// there the request is not sent.
    pub async fn cancel(&self, timeout: Duration) -> Result<(), ConnectError> {
        if self.is_console() {
            return Err(ConnectError::new(
                &self.server,
                Reason::Other,
                "cancel request not sent, since a PgBouncer console treats it as RESUME",
            ));
        }
        let request = async {
            let stream = self.endpoint.connector.connect(self.endpoint.permit.clone()).await;
            let stream = stream.map_err(|error| ConnectError::from_io(&self.server, &error))?;
            let sent = self.client.cancel_token().cancel_query_raw(stream, self.endpoint.handshake()).await;
            sent.map_err(|error| ConnectError::from_driver(&self.server, &error))
        };
        match tokio::time::timeout(timeout, request).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConnectError::new(
                &self.server,
                Reason::Timeout,
                format!("cancel request not delivered within {} ms", timeout.as_millis()),
            )),
        }
    }

    /// Ends this side at once, as dropping does; pending requests fail.
    pub(crate) fn abandon(&self) {
        self.aborts.abort();
    }

    /// Terminates the session by protocol, so that the server logs no lost client, and waits until the server has ended it.
    /// After `timeout` this side is closed in any case.
    pub async fn close(self, timeout: Duration) {
        let Self { client, mut driver, server, .. } = self;
        drop(client);
        if tokio::time::timeout(timeout, driver.join_next()).await.is_err() {
            debug!(server, "server did not end the session in time, closing the connection");
        }
    }

    /// As [`Connection::close`], in the background.
    pub(crate) fn close_soon(self) {
        // Without a runtime the process is exiting, which closes the socket.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.close(CLOSE_TIMEOUT));
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).finish_non_exhaustive()
    }
}

async fn drive<T>(server: String, mut connection: tokio_postgres::Connection<PermitStream, T>)
where
    T: tokio_postgres::tls::TlsStream + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            // The text is not logged: it may be from any function and contain its arguments.
            Ok(AsyncMessage::Notice(notice)) => {
                debug!(server, severity = notice.severity(), code = notice.code().code(), "notice from the server");
            }
            Ok(_) => {}
            Err(error) => {
                let error = ConnectError::from_driver(&server, &error);
                debug!(%error, "connection ended");
                return;
            }
        }
    }
}
