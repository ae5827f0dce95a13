//! A TCP or Unix socket.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::reachability::Reachability;

/// Time between two probes of a connection whose end is awaited.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// An open TCP or Unix socket.
#[derive(Debug)]
pub(super) enum SocketStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Calls the method on either kind of socket.
macro_rules! either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket.get_mut() {
            SocketStream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            SocketStream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for SocketStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for SocketStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}

impl SocketStream {
    /// Shuts down this side and reads until the peer has closed too: a PostgreSQL backend does so when it has left
    /// pg_stat_activity. Received data is discarded, not left unread: closing a socket with unread bytes sends a reset,
    /// which is not retransmitted if the network loses it.
    pub(super) async fn wait_for_end(mut self) {
        // Shutting down fails if the peer has closed already.
        self.shutdown().await.ok();
        let mut reachability = self.reachability();
        let mut space = [0; 8192];
        loop {
            match timeout(PROBE_INTERVAL, self.read(&mut space)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return,
                Err(_) if reachability.as_mut().is_some_and(Reachability::is_lost) => return,
                Err(_) => {}
            }
        }
    }

    /// `None` for a Unix socket, whose peer cannot be lost.
    fn reachability(&self) -> Option<Reachability> {
        self.ends().map(|(local, peer)| Reachability::new(local, peer))
    }

    /// The addresses of both ends of a TCP socket.
    pub(super) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let SocketStream::Tcp(stream) = self else { return None };
        Some((stream.local_addr().ok()?, stream.peer_addr().ok()?))
    }
}
