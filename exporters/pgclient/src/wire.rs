//! The socket below a connection, and the way to open another one like it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Config;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

/// All that another connection to the same server takes.
#[derive(Clone)]
pub(crate) struct Way {
    pub route: Route,
    pub tls: MakeRustlsConnect,
    /// The name that the server's certificate is to be for.
    pub host_name: String,
}

impl Way {
    /// What makes TLS of a socket, if it comes to that.
    pub(crate) fn handshake(&self) -> <MakeRustlsConnect as MakeTlsConnect<Wire>>::TlsConnect {
        let Ok(handshake) = MakeTlsConnect::<Wire>::make_tls_connect(&mut self.tls.clone(), &self.host_name);
        handshake
    }
}

/// Where a socket goes, and the settings of a TCP one.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub to: Peer,
    pub keepalive: Option<TcpKeepalive>,
    pub user_timeout: Option<Duration>,
}

/// The other end of a socket.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Route {
    /// A route with the settings that a driver's configuration holds.
    pub(crate) fn new(to: Peer, config: &Config) -> Route {
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
        Route { to, keepalive, user_timeout: config.get_tcp_user_timeout().copied() }
    }

    pub(crate) async fn open(&self) -> io::Result<Wire> {
        let path = match &self.to {
            Peer::Unix(path) => path,
            Peer::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let socket = SockRef::from(&stream);
                if let Some(keepalive) = &self.keepalive {
                    socket.set_tcp_keepalive(keepalive)?;
                }
                #[cfg(target_os = "linux")]
                socket.set_tcp_user_timeout(self.user_timeout)?;
                return Ok(Wire::Tcp(stream));
            }
        };
        UnixStream::connect(path).await.map(Wire::Unix)
    }
}

/// An open socket. Its shutdown waits for the other end to close too: a PostgreSQL backend does so when it has left
/// the server's list, so whoever waits for the shutdown knows that its place is free.
#[derive(Debug)]
pub(crate) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Does the same for either kind of socket.
macro_rules! either {
    ($wire:expr, $stream:ident => $call:expr) => {
        match $wire.get_mut() {
            Wire::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Wire::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = either!(self.as_mut(), stream => stream.poll_shutdown(context));
        // A socket that the other end has closed already cannot be shut down, and need not be.
        if ready!(sent).is_err() {
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut space = [0; 1024];
            let mut rest = ReadBuf::new(&mut space);
            match ready!(self.as_mut().poll_read(context, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => {}
                // Its end, or a reset, which ends it too.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
