//! Everything that stands before the router: sockets, TLS, basic authentication, rate limit, response headers.
//!
//! [`bind`] opens the sockets and checks the web configuration; [`Listeners::serve`] then runs a router on them. The web
//! configuration file is exporter-toolkit's and is read again when it changes.

mod address;
mod auth;
mod cipher;
mod client_certificate;
mod connections;
mod current_config;
mod descriptors;
mod middleware;
mod rate_limit;
mod serve;
mod tls;
mod watched_files;
mod web_config;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use connections::Connections;
use current_config::WebConfigFile;
use middleware::Middleware;

use crate::status::ProcessStatus;

/// Where to listen, as the flags say it.
#[derive(Debug, Clone)]
pub(crate) struct ListenOptions {
    /// `HOST:PORT` each; `:PORT` is every interface.
    pub(crate) addresses: Vec<String>,
    /// Use the sockets systemd passed and ignore `addresses`.
    pub(crate) systemd_socket: bool,
    /// The web configuration file; without one everything is plain HTTP, open to all.
    pub(crate) web_config: Option<PathBuf>,
    /// The most connections at once.
    pub(crate) max_connections: usize,
    /// Where counts of connections and the state of the web configuration go.
    pub(crate) status: ProcessStatus,
}

/// Why nothing can be served. Every message names the address or the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Neither an address nor systemd was asked for.
    #[error("no address to listen on was given")]
    NoAddress,
    /// An address cannot be understood, looked up or bound.
    #[error("cannot listen on {address}: {reason}")]
    Address {
        /// As the flag says it.
        address: String,
        /// What the system or the parser said.
        reason: String,
    },
    /// systemd's sockets were asked for and cannot be used.
    #[error("cannot listen on the sockets of systemd: {reason}")]
    Systemd {
        /// What is missing or wrong.
        reason: String,
    },
    /// The web configuration, a certificate or a key cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The web configuration is not YAML, has an unknown key or a value that is not allowed there.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The web configuration file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// Settings of the web configuration do not work together, or not with the files they name.
    #[error("{}: {message}", path.display())]
    Setting {
        /// The web configuration file.
        path: PathBuf,
        /// The setting and what is wrong with it.
        message: String,
    },
    /// The limit of open files cannot be read.
    #[error("cannot read the limit of open files: {0}")]
    Descriptors(io::Error),
    /// The system gives no random numbers, which the cache of logins needs.
    #[error("cannot get random numbers from the system")]
    NoRandomness,
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
    /// The addresses bound, with the port the system chose where the flag said port 0.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(_, address)| *address).collect()
    }

    /// `http` or `https`; it does not change while the process runs.
    pub(crate) fn scheme(&self) -> &'static str {
        self.middleware.scheme()
    }

    /// Serves `app` until `shutdown` resolves, then stops accepting, lets running requests finish within `grace`, and
    /// returns. Connections still open then are cut.
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
