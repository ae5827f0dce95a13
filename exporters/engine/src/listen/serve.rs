//! Accepting connections and speaking HTTP on them.

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
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::gate::Gate;

/// For a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// For the head of a connection's first request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// For the head of each further request, so a connection idle for longer is closed. Scrapes are seconds to minutes apart.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// For a client to take what was sent.
#[cfg(target_os = "linux")]
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Before accepting again when the system refuses, as it does without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// What all connections share.
struct Server {
    gate: Gate,
    app: Router,
}

/// Serves `app` behind `gate` on `sockets` until `shutdown` resolves, then waits at most `grace` for running requests.
pub(super) async fn serve(
    sockets: Vec<TcpListener>,
    gate: Gate,
    app: Router,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) {
    let server = Arc::new(Server { gate, app });
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&sockets) => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(Arc::clone(&server).connection(stream, peer, graceful.watcher()));
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection has ended in a panic");
                }
            }
        }
    }
    drop(sockets);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(grace_seconds = grace.as_secs_f64(), "requests still run after the grace period and are cut");
    }
    connections.shutdown().await;
}

/// The next connection on any of `sockets`. One that its client gave up before it was accepted is passed over.
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
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        if let Err(error) = set_options(&stream) {
            tracing::debug!(%error, "cannot set the options of a connection");
        }
        let Some(config) = self.gate.tls().await else { return self.speak(stream, Protocol::Http1, watcher).await };
        match timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(stream)) => {
                let protocol = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Protocol::Http2,
                    _ => Protocol::Http1,
                };
                self.speak(stream, protocol, watcher).await;
            }
            Ok(Err(error)) => tracing::info!(%peer, %error, "a TLS handshake has failed"),
            Err(_) => tracing::info!(%peer, "a TLS handshake has taken too long"),
        }
    }

    async fn speak<S>(self: Arc<Self>, stream: S, protocol: Protocol, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let first_request = Arc::new(Notify::new());
        let seen = Arc::clone(&first_request);
        let service = service_fn(move |request: Request<Incoming>| {
            seen.notify_one();
            let server = Arc::clone(&self);
            async move {
                let app = server.app.clone();
                Ok::<_, Infallible>(server.gate.answer(request.map(Body::new), app).await)
            }
        });
        let builder = protocol.builder();
        let mut connection = pin!(watcher.watch(builder.serve_connection(TokioIo::new(stream), service)));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            first = timeout(FIRST_REQUEST_TIMEOUT, first_request.notified()) => match first {
                Ok(()) => connection.await,
                Err(_) => return,
            },
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection has ended early");
        }
    }
}

/// Settled by TLS: HTTP/2 needs it, and guessing from the first bytes would mean waiting for them without a limit.
enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    fn builder(self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE_TIMEOUT);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(IDLE_TIMEOUT);
        match self {
            Self::Http1 => builder.http1_only(),
            Self::Http2 => builder.http2_only(),
        }
    }
}

fn set_options(stream: &TcpStream) -> io::Result<()> {
    // The end of a response is not to wait until the client has acknowledged the part before it.
    stream.set_nodelay(true)?;
    // The system drops a connection whose client stops reading, and with it the response it holds in memory.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(WRITE_TIMEOUT))?;
    Ok(())
}
