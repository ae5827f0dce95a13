//! An open connection and the task that drives it.
use reason::Reason;

use crate::console::CONSOLE_MARK;
use crate::error::ConnectError;
use crate::wire::{Way, Wire};
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio_postgres::{AsyncMessage, Client};
use tracing::debug;

/// What a server reports of itself when a connection opens.
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

/// How long the server has to end a session that nobody wants.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open connection.
///
/// Dropping it ends this side at once, and requests that wait on it fail; its [`crate::Place`] stays taken until the server
/// has ended its side too. [`Connection::close`] takes leave of the server first.
pub struct Connection {
    client: Client,
    server: String,
    reported: BTreeMap<&'static str, String>,
    /// For cancelling.
    way: Way,
    /// One task, which is aborted when the set is dropped.
    driver: JoinSet<()>,
    aborts: AbortHandle,
}

impl Connection {
    /// Sets the driver off.
    pub(crate) fn start<T>(
        server: String,
        client: Client,
        connection: tokio_postgres::Connection<Wire, T>,
        way: Way,
    ) -> Connection
    where
        T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
    {
        let reported =
            REPORTED.into_iter().filter_map(|name| Some((name, connection.parameter(name)?.to_owned()))).collect();
        let mut driver = JoinSet::new();
        let aborts = driver.spawn(drive(server.clone(), connection));
        Connection { client, server, reported, way, driver, aborts }
    }

    /// The driver's client, for queries.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the connection has ended, by the server's doing or the network's.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The server connected to, as `host:port` or `/socket/folder:port`; for logs.
    pub fn label(&self) -> &str {
        &self.server
    }

    /// A server parameter as reported **when the connection opened**: `server_version`, `server_encoding`,
    /// `in_hot_standby` (PostgreSQL 14 and later), `is_superuser` and a few more.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.reported.get(name).map(String::as_str)
    }

    /// Asks the server to cancel what runs now on this connection, over a connection of its own. The server does not
    /// say whether it did.
    ///
    /// # Errors
    /// When the request could not be delivered within `timeout`; and always, without sending it, on the console of a
    /// PgBouncer, which would take it as RESUME.
    pub async fn cancel(&self, timeout: Duration) -> Result<(), ConnectError> {
        if self.parameter("server_version").is_some_and(|version| version.ends_with(CONSOLE_MARK)) {
            return Err(ConnectError::new(
                &self.server,
                Reason::Other,
                "a console would take a cancel request as RESUME",
            ));
        }
        let request = async {
            let place = self.way.place.clone();
            let wire = self.way.route.open(place).await.map_err(|error| ConnectError::from_io(&self.server, &error))?;
            let sent = self.client.cancel_token().cancel_query_raw(wire, self.way.handshake()).await;
            sent.map_err(|error| ConnectError::from_driver(&self.server, &error))
        };
        match tokio::time::timeout(timeout, request).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConnectError::new(
                &self.server,
                Reason::Timeout,
                format!("cancel request not taken within {} ms", timeout.as_millis()),
            )),
        }
    }

    /// Ends this side at once, as dropping does; requests that wait on it fail.
    pub(crate) fn abandon(&self) {
        self.aborts.abort();
    }

    /// Ends the session in the protocol's way, so that the server logs no lost client, and waits until the server has
    /// ended it too; after `timeout` this side is ended all the same.
    pub async fn close(self, timeout: Duration) {
        let Connection { client, mut driver, server, .. } = self;
        drop(client);
        if tokio::time::timeout(timeout, driver.join_next()).await.is_err() {
            debug!(server, "closed the connection without waiting any longer");
        }
    }

    /// As [`Connection::close`], without being waited for.
    pub(crate) fn close_soon(self) {
        // Without a runtime the program ends, and the socket with it.
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

async fn drive<T>(server: String, mut connection: tokio_postgres::Connection<Wire, T>)
where
    T: tokio_postgres::tls::TlsStream + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            // Its text may be that of any function, with what it was called with.
            Ok(AsyncMessage::Notice(notice)) => {
                debug!(server, severity = notice.severity(), code = notice.code().code(), "notice of the server");
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
