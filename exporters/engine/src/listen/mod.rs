//! Everything before the router: sockets, TLS, basic authentication, rate limit, response headers.
//!
//! [`bind`] opens the sockets and checks the web configuration; [`Listeners::serve`] then runs a router on them. The web
//! configuration file is exporter-toolkit's and is read again when it changes.

mod address;
mod auth;
mod blank;
mod cipher;
mod client_certificate;
mod connections;
mod current_config;
mod descriptors;
mod error;
mod middleware;
mod protection;
mod rate_limit;
mod serve;
mod tls;
mod watched_files;
mod web_config;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use web_config::parse_only;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use self::connections::Connections;
use self::current_config::WebConfigFile;
use self::error::ListenError;
use self::middleware::Middleware;
use crate::status::ProcessStatus;

/// Where to listen, from the flags.
#[derive(Debug, Clone)]
pub(crate) struct ListenOptions {
    /// `HOST:PORT` each; `:PORT` is every interface.
    pub(crate) addresses: Vec<String>,
    /// Use the sockets passed by systemd and ignore `addresses`.
    pub(crate) systemd_socket: bool,
    /// The web configuration file; without one everything is plain HTTP, open to all.
    pub(crate) web_config: Option<PathBuf>,
    /// The most connections at once.
    pub(crate) max_connections: usize,
    /// Where counts of connections and the state of the web configuration go.
    pub(crate) status: ProcessStatus,
}

/// Sockets that are bound, and how their connections are to be treated.
pub(crate) struct Listeners {
    sockets: Vec<(TcpListener, SocketAddr)>,
    middleware: Middleware,
    connections: Arc<Connections>,
}

/// Binds the sockets and checks the web configuration; nothing is served yet.
///
/// # Errors
/// The web configuration or a file it names is bad, or an address cannot be bound.
pub(crate) async fn bind(options: &ListenOptions) -> Result<Listeners, ListenError> {
    let descriptors = descriptors::raise_limit().map_err(ListenError::Descriptors)?;
    let limit = descriptors::connection_limit(options.max_connections, descriptors);
    let web_config = WebConfigFile::open(options.web_config.clone(), options.status.clone())?;
    let middleware = Middleware::new(web_config)?;
    let sockets = if options.systemd_socket {
        address::passed_by_systemd()?
    } else {
        address::bind_all(&options.addresses).await?
    };
    Ok(Listeners { sockets, middleware, connections: Connections::new(limit, options.status.clone()) })
}

impl Listeners {
    /// The bound addresses, with the port that the system chose for port 0.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(_, address)| *address).collect()
    }

    /// `http` or `https`; it does not change while the process runs.
    pub(crate) fn scheme(&self) -> &'static str {
        self.middleware.scheme()
    }

    /// Serves `app` until `shutdown` resolves, then stops accepting, lets running requests finish within `grace`, and
    /// returns. Connections that are still open are closed.
    pub(crate) async fn serve(
        self,
        app: axum::Router,
        shutdown: impl Future<Output = ()> + Send + 'static,
        grace: Duration,
    ) {
        let sockets = self.sockets.into_iter().map(|(socket, _)| socket).collect();
        serve::serve(sockets, self.middleware, self.connections, app, shutdown, grace).await;
    }
}
