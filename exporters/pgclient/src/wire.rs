//! The socket below a connection, and the way to open another one like it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::config::Config;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::debug;

use crate::place::Occupancy;
use crate::reachability::{Reachability, UNREACHABLE_AFTER};

/// Between two looks at a connection whose end is waited for.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// All that another connection to the same server takes.
#[derive(Clone)]
pub(crate) struct Way {
    pub route: Route,
    pub tls: MakeRustlsConnect,
    /// The name that the server's certificate is to be for.
    pub host_name: String,
    /// What the connection occupies.
    pub place: Arc<Occupancy>,
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
    /// The user's `tcp_user_timeout`.
    pub user_timeout: Option<Duration>,
}

/// Another handle of a TCP socket.
pub(crate) struct TcpHandle(socket2::Socket);

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

    pub(crate) async fn open(&self, place: Arc<Occupancy>) -> io::Result<Wire> {
        let socket = match &self.to {
            Peer::Unix(path) => Socket::Unix(UnixStream::connect(path).await?),
            Peer::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                self.set_options(&stream)?;
                Socket::Tcp(stream)
            }
        };
        Ok(Wire { socket: Some(socket), ended: false, place })
    }

    fn set_options(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        if let Some(keepalive) = &self.keepalive {
            socket.set_tcp_keepalive(keepalive)?;
        }
        // A login and a cancel request send less than fits into the other end's buffer: what is not acknowledged is lost.
        set_user_timeout(&socket, self.user_timeout.or(Some(UNREACHABLE_AFTER)))
    }

    /// From now on more may be sent than the other end has room for, see [`Reachability`].
    pub(crate) fn logged_in(&self, socket: Option<TcpHandle>) {
        if let Some(Err(error)) = socket.map(|socket| set_user_timeout(&socket.0, self.user_timeout)) {
            debug!(%error, "the user timeout of the login stays");
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

/// An open socket of one kind or the other.
#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Does the same for either kind of socket.
macro_rules! either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket.get_mut() {
            Socket::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Socket::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
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

impl Socket {
    /// Ends this side, and reads until the other one has ended too: a PostgreSQL backend does so when it has left the
    /// server's list. What it still sends is thrown away, since closing a socket with unread bytes sends a reset, which
    /// nobody sends again when a network swallows it.
    async fn wait_for_end(mut self) {
        // A socket that the other end has closed already cannot be shut down, and need not be.
        self.shutdown().await.ok();
        let mut reachability = self.reachability();
        let mut space = [0; 8192];
        loop {
            match timeout(LOOK_INTERVAL, self.read(&mut space)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return,
                Err(_) if reachability.as_mut().is_some_and(Reachability::is_lost) => return,
                Err(_) => {}
            }
        }
    }

    /// `None` for a Unix socket, whose other end cannot get lost.
    fn reachability(&self) -> Option<Reachability> {
        let Socket::Tcp(stream) = self else { return None };
        Some(Reachability::new(stream.local_addr().ok()?, stream.peer_addr().ok()?))
    }
}

/// An open socket in its place. Its shutdown waits for the other end to close too, so whoever waits for the shutdown knows
/// that the place is free. Dropped before that it leaves a task behind, which keeps the place until then.
pub(crate) struct Wire {
    /// There until it is dropped.
    socket: Option<Socket>,
    /// Whether the other end has closed, or is dead.
    ended: bool,
    place: Arc<Occupancy>,
}

impl Wire {
    /// Another handle of its socket, if it is a TCP one.
    pub(crate) fn handle(&self) -> Option<TcpHandle> {
        match &self.socket {
            Some(Socket::Tcp(stream)) => SockRef::from(stream).try_clone().ok().map(TcpHandle),
            _ => None,
        }
    }

    /// What it occupies.
    pub(crate) fn place(&self) -> Arc<Occupancy> {
        self.place.clone()
    }

    fn socket(&mut self) -> io::Result<Pin<&mut Socket>> {
        self.socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.remaining();
        let read = ready!(self.socket()?.poll_read(context, buffer));
        self.ended |= read.is_err() || (before > 0 && buffer.remaining() == before);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket that the other end has closed already cannot be shut down, and need not be.
        if ready!(self.socket()?.poll_shutdown(context)).is_err() {
            return Poll::Ready(Ok(()));
        }
        while !self.ended {
            let mut space = [0; 1024];
            // A reset ends it as well.
            ready!(self.as_mut().poll_read(context, &mut ReadBuf::new(&mut space))).ok();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take().filter(|_| !self.ended) else { return };
        let place = self.place.clone();
        // Without a runtime the program ends, and the socket with it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                socket.wait_for_end().await;
                drop(place);
            });
        }
    }
}
