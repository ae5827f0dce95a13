//! The module as a whole, over real sockets.

mod connections;
mod middleware;
mod tls;
mod toolkit;
mod web_config;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{ListenError, ListenOptions, Listeners, bind};
use crate::status::{ProcessStatus, WebConfigState};

/// More than any test needs, so that a hang fails the test and does not hang it.
const GRACE: Duration = Duration::from_secs(20);

/// A server that runs.
struct Running {
    address: SocketAddr,
    scheme: &'static str,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The response to `GET /` on a connection of its own.
    async fn get(&self, headers: &str) -> String {
        exchange(self.connect().await, headers).await.unwrap()
    }
}

/// A folder with the web configuration and the files it names.
struct Folder(TempDir);

impl Folder {
    fn with(web_config: &str) -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.write("web.yml", web_config);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file in one step, so that a reader sees the old one or the new one.
    fn write(&self, name: &str, content: &str) {
        fs::write(self.path("new"), content).unwrap();
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    async fn bind(&self) -> Result<Listeners, ListenError> {
        bind(&options(Some(self.path("web.yml")))).await
    }

    async fn run(&self) -> Running {
        self.run_with_status().await.0
    }

    async fn run_with_status(&self) -> (Running, ProcessStatus) {
        let options = options(Some(self.path("web.yml")));
        let status = options.status.clone();
        (run(bind(&options).await.unwrap(), hello(), GRACE), status)
    }

    /// Writes a file as an editor does that empties it first.
    fn overwrite(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The message `bind` fails with, without the folder.
    async fn refusal(&self) -> String {
        let message = self.bind().await.err().unwrap().to_string();
        message.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn options(web_config: Option<PathBuf>) -> ListenOptions {
    listening_on(&["127.0.0.1:0"], web_config)
}

fn listening_on(addresses: &[&str], web_config: Option<PathBuf>) -> ListenOptions {
    let addresses = addresses.iter().map(ToString::to_string).collect();
    let status = ProcessStatus::default();
    ListenOptions { addresses, systemd_socket: false, web_config, max_connections: 100, status }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

fn run(listeners: Listeners, app: Router, grace: Duration) -> Running {
    let (address, scheme) = (listeners.addresses()[0], listeners.scheme());
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { stopped.await.unwrap_or_default() };
    Running { address, scheme, stop, ended: tokio::spawn(listeners.serve(app, shutdown, grace)) }
}

/// Sends `GET /` with further header lines, and reads until the server closes.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, headers: &str) -> io::Result<String> {
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response)
}

fn status(response: &str) -> u16 {
    response.split(' ').nth(1).unwrap().parse().unwrap()
}
