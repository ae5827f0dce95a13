//! Accepts connections and speaks HTTP on them.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::connections::{Connections, Place};
use super::middleware::Middleware;

/// For a client to acknowledge what was sent.
#[cfg(target_os = "linux")]
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Before accepting again when the system refuses, as it does without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The maximum size of the head of a request, and of the part of a response that is buffered for a slow client.
const BUFFER_BYTES: usize = 64 * 1024;
/// Requests at once on one connection of HTTP/2.
const MOST_STREAMS: u32 = 16;

/// What all connections share.
struct Server {
    middleware: Middleware,
    app: Router,
}

/// Serves `app` behind `middleware` on `sockets` until `shutdown` resolves, then waits at most `grace` for running requests.
pub(super) async fn serve(
    sockets: Vec<TcpListener>,
    middleware: Middleware,
    connections: Arc<Connections>,
    app: Router,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) {
    let server = Arc::new(Server { middleware, app });
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut refused = false;
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (accepted, place) = next(&sockets, &connections) => match accepted {
                Ok((stream, peer)) => {
                    refused = false;
                    // A panic is logged where it happens.
                    while tasks.try_join_next().is_some() {}
                    tasks.spawn(Arc::clone(&server).connection(stream, peer, place, graceful.watcher()));
                }
                Err(error) => {
                    if !std::mem::replace(&mut refused, true) {
                        tracing::error!(%error, "cannot accept connections, retrying");
                    }
                    // The descriptor of another connection may be what is missing.
                    connections.displace();
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(sockets);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(grace_seconds = grace.as_secs_f64(), "grace period expired: open requests are aborted");
    }
    tasks.shutdown().await;
}

/// The next connection, and the place that it takes.
async fn next(sockets: &[TcpListener], connections: &Arc<Connections>) -> (io::Result<(TcpStream, SocketAddr)>, Place) {
    let accepted = accept(sockets).await;
    (accepted, connections.place().await)
}

/// The next connection on any of `sockets`. One that its client closed before it was accepted is skipped.
async fn accept(sockets: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    loop {
        let accepted = poll_fn(|cx| {
            let ready = sockets.iter().map(|socket| socket.poll_accept(cx)).find(Poll::is_ready);
            ready.unwrap_or(Poll::Pending)
        });
        match accepted.await {
            Ok(accepted) => return Ok(accepted),
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionReset) => {}
            Err(error) => return Err(error),
        }
    }
}

impl Server {
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place, watcher: Watcher) {
        if let Err(error) = set_options(&stream) {
            tracing::debug!(%error, "cannot set the options of a socket");
        }
        tokio::select! {
            () = self.converse(stream, peer, &place, watcher) => {}
            () = place.lost() => tracing::debug!(%peer, "connection closed: idle timeout, or closed for a new connection"),
        }
    }

    async fn converse(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, place: &Place, watcher: Watcher) {
        let Some(config) = self.middleware.tls().await else {
            return self.speak(stream, peer, Protocol::Http1, place, watcher).await;
        };
        match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => {
                let protocol = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Protocol::Http2,
                    _ => Protocol::Http1,
                };
                self.speak(stream, peer, protocol, place, watcher).await;
            }
            Err(error) => tracing::info!(%peer, %error, "TLS handshake failed"),
        }
    }

    async fn speak<S>(
        self: &Arc<Self>,
        stream: S,
        peer: SocketAddr,
        protocol: Protocol,
        place: &Place,
        watcher: Watcher,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let (server, noted) = (Arc::clone(self), place.request());
            async move {
                let app = server.app.clone();
                let response = server.middleware.answer(request.map(Body::new), app).await;
                Ok::<_, Infallible>(noted.responds(response))
            }
        });
        let builder = protocol.builder();
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error, "connection ended early");
        }
    }
}

/// Negotiated by TLS: HTTP/2 needs it, and detection by the first bytes would wait for them without a limit.
enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    fn builder(self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // The time for a head is limited by the connection's place.
        builder.http1().header_read_timeout(None).max_buf_size(BUFFER_BYTES);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MOST_STREAMS);
        match self {
            Self::Http1 => builder.http1_only(),
            Self::Http2 => builder.http2_only(),
        }
    }
}

fn set_options(stream: &TcpStream) -> io::Result<()> {
    // The end of a response must not wait until the client has acknowledged the part before it.
    stream.set_nodelay(true)?;
    // The system drops a connection whose client stops reading, and with it the response in memory.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(WRITE_TIMEOUT))?;
    Ok(())
}
