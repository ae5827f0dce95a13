//! HAProxy: the services that clients know, and its page of metrics.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;

use crate::account::bare_environment;
use crate::architecture::{Component, Node, Ports, SCOPE, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::pgbouncer::loader;
use crate::process::Process;

const DEFAULTS: &str = "\
defaults
  mode tcp
  timeout connect 3s
  timeout queue 10m
  timeout client 10m
  timeout server 10m
  timeout check 2s
  retries 2
";

/// Takes orders, in its folder.
const ADMIN_SOCKET: &str = "admin.sock";

/// How a service is balanced: by Patroni's word, once a second.
const CHECK: &str = "inter 1s fastinter 500ms downinter 500ms rise 1 fall 2 on-marked-down shutdown-sessions";

/// A service of the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Reads and writes, pooled.
    Primary,
    /// Reads, pooled, on the replicas.
    Replica,
    /// Reads and writes, on the server itself.
    Default,
    /// Slow reads, on the last member where it is a replica.
    Offline,
}

impl Service {
    /// All of them, by port.
    pub const ALL: [Service; 4] = [Self::Primary, Self::Replica, Self::Default, Self::Offline];

    /// Its name, after the cluster's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Default => "default",
            Self::Offline => "offline",
        }
    }

    /// Who may connect without more ado: the poolers ask for a password, which is the user's name.
    pub fn user(self) -> &'static str {
        if self.is_pooled() { "app" } else { "postgres" }
    }

    /// The port that the architecture has it on.
    fn port(self) -> u16 {
        match self {
            Self::Primary => 5433,
            Self::Replica => 5434,
            Self::Default => 5436,
            Self::Offline => 5438,
        }
    }

    /// Whom it goes to: a path of Patroni's that answers 200.
    fn check(self) -> &'static str {
        match self {
            Self::Primary | Self::Default => "/primary",
            Self::Replica | Self::Offline => "/replica",
        }
    }

    /// How many connections a server gets at a time; further clients queue.
    fn most_connections(self) -> u32 {
        if self == Self::Offline { 20 } else { 100 }
    }

    fn is_pooled(self) -> bool {
        matches!(self, Self::Primary | Self::Replica)
    }

    fn section(self, port: u16, nodes: &[Node]) -> String {
        let mut section = format!(
            "listen {SCOPE}-{}\n  bind 127.0.0.1:{port}\n  option httpchk\n  http-check send meth OPTIONS uri {}\n  \
             http-check expect status 200\n  default-server {CHECK}\n",
            self.name(),
            self.check()
        );
        for (at, node) in nodes.iter().enumerate() {
            let target = if self.is_pooled() { node.pooler.port() } else { node.member.port() };
            let backup = if self == Self::Offline && at + 1 < nodes.len() { " backup" } else { "" };
            let most = self.most_connections();
            let (name, rest) = (node.member.name(), node.member.rest().port());
            section.push_str(&format!("  server {name} 127.0.0.1:{target} check port {rest} maxconn {most}{backup}\n"));
        }
        section
    }
}

/// A running HAProxy. Dropping it ends it.
#[derive(Debug)]
pub struct HaProxy {
    page: SocketAddr,
    ports: [u16; 4],
    process: Process,
    folder: Folder,
}

impl HaProxy {
    /// Starts it before the nodes and waits until its page answers.
    pub(crate) fn start(nodes: &[Node], ports: Ports) -> Result<HaProxy, LabError> {
        let package = Cache::open()?.component(Component::HaProxy)?;
        let folder = Folder::new()?;
        let page = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.get(9101)?));
        let mut services = [0; 4];
        let socket = folder.path().join(ADMIN_SOCKET);
        let mut configuration = format!(
            "global\n  maxconn 100\n  stats socket {} level admin\n{DEFAULTS}listen stats\n  bind {page}\n  mode http\n  \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n  stats enable\n  stats uri /\n",
            socket.display()
        );
        for (service, port) in Service::ALL.into_iter().zip(&mut services) {
            *port = ports.get(service.port())?;
            configuration.push_str(&service.section(*port, nodes));
        }
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, configuration).map_err(LabError::io(format!("writing {}", file.display())))?;
        let mut command = Process::command(loader(&package));
        bare_environment(&mut command);
        command.arg("--library-path").arg(package.join("usr/lib/x86_64-linux-gnu"));
        command.arg(package.join("usr/sbin/haproxy")).args(["-db", "-f"]).arg(&file).current_dir(folder.path());
        let process = Process::start("haproxy", command, &folder.path().join("haproxy.log"))?;
        process.wait_until("answering", START_LIMIT, || answers(page, "/metrics"))?;
        Ok(HaProxy { page, ports: services, process, folder })
    }

    /// Where its page and its metrics are.
    pub fn address(&self) -> SocketAddr {
        self.page
    }

    /// The port of a service, on 127.0.0.1.
    pub fn port(&self, service: Service) -> u16 {
        self.ports[service as usize]
    }

    /// Opens or closes the port of a service.
    pub(crate) fn set_open(&self, service: Service, is_open: bool) -> Result<(), LabError> {
        let word = if is_open { "enable" } else { "disable" };
        let order = format!("{word} frontend {SCOPE}-{}\n", service.name());
        let socket = self.folder.path().join(ADMIN_SOCKET);
        let ask = || {
            let mut stream = UnixStream::connect(&socket)?;
            stream.write_all(order.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        let answer = ask().map_err(LabError::io(format!("asking HAProxy: {}", order.trim())))?;
        if answer.trim().is_empty() {
            return Ok(());
        }
        Err(LabError::Unexpected(format!("HAProxy on {}: {}", order.trim(), answer.trim())))
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
