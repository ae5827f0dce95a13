//! Connects sockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Config;
use tracing::debug;

use super::permit_stream::{PermitStream, TcpHandle};
use super::reachability::UNREACHABLE_AFTER;
use super::stream::SocketStream;
use crate::permit::SocketPermit;
use crate::server::Peer;

/// Connects sockets to a peer, with the TCP settings of the conninfo.
#[derive(Debug, Clone)]
pub(crate) struct SocketConnector {
    pub peer: Peer,
    pub keepalive: Option<TcpKeepalive>,
    /// The user's `tcp_user_timeout`.
    pub user_timeout: Option<Duration>,
}

impl SocketConnector {
    /// A connector with the settings of the driver's configuration.
    pub(crate) fn new(peer: Peer, config: &Config) -> Self {
        let keepalive = config.get_keepalives().then(|| {
            let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
            if let Some(interval) = config.get_keepalives_interval() {
                keepalive = keepalive.with_interval(interval);
            }
            match config.get_keepalives_retries() {
                Some(retries) => keepalive.with_retries(retries),
                None => keepalive,
            }
        });
        Self { peer, keepalive, user_timeout: config.get_tcp_user_timeout().copied() }
    }

    pub(crate) async fn connect(&self, permit: Arc<SocketPermit>) -> io::Result<PermitStream> {
        let socket = match &self.peer {
            Peer::Unix(path) => SocketStream::Unix(UnixStream::connect(path).await?),
            Peer::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                self.set_options(&stream)?;
                SocketStream::Tcp(stream)
            }
        };
        Ok(PermitStream::new(socket, permit))
    }

    fn set_options(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        if let Some(keepalive) = &self.keepalive {
            socket.set_tcp_keepalive(keepalive)?;
        }
        // A login or a cancel request fits into the peer's receive buffer, so unacknowledged data means a lost peer.
        set_user_timeout(&socket, self.user_timeout.or(Some(UNREACHABLE_AFTER)))
    }

    /// Restores the user timeout after the login: from now on the peer's receive buffer may be full, see
    /// [`Reachability`](super::reachability::Reachability).
    pub(crate) fn restore_user_timeout(&self, socket: Option<TcpHandle>) {
        if let Some(Err(error)) = socket.map(|socket| set_user_timeout(&socket.0, self.user_timeout)) {
            debug!(%error, "cannot reset TCP_USER_TIMEOUT after the login");
        }
    }
}

#[cfg(target_os = "linux")]
fn set_user_timeout(socket: &socket2::Socket, timeout: Option<Duration>) -> io::Result<()> {
    socket.set_tcp_user_timeout(timeout)
}

/// Only Linux has `TCP_USER_TIMEOUT`.
#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &socket2::Socket, _: Option<Duration>) -> io::Result<()> {
    Ok(())
}
