//! HAProxy before any server: one service.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use crate::account::bare_environment;
use crate::architecture::{Component, START_LIMIT};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::pgbouncer::loader;
use crate::port::on_free_port;
use crate::process::Process;

const COMMON: &str = "\
global
  maxconn 100
defaults
  mode tcp
  timeout connect 1s
  timeout client 10m
  timeout server 10m
  timeout check 1s
listen service
";

/// A running HAProxy. Dropping it ends it.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    process: Process,
    _folder: Folder,
}

impl Balancer {
    /// Starts it before servers on 127.0.0.1, which get connections in turn: their ports, and the options of each, such as
    /// `disabled` for one that is not healthy.
    pub fn start(servers: &[(u16, &str)]) -> Result<Balancer, LabError> {
        let server =
            |(at, (port, options)): (usize, &(u16, &str))| format!("  server member{at} 127.0.0.1:{port} {options}\n");
        let servers: String = servers.iter().enumerate().map(server).collect();
        on_free_port(|port| Balancer::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &servers))
    }

    /// Starts it at an address; `lines` of its section name the servers, and how they are checked.
    pub fn start_at(bind: SocketAddr, lines: &str) -> Result<Balancer, LabError> {
        let package = Cache::open()?.component(Component::HaProxy)?;
        let folder = Folder::new()?;
        let file = folder.path().join("haproxy.cfg");
        let service = format!("{COMMON}  bind {bind}\n{lines}");
        fs::write(&file, service).map_err(LabError::io(format!("writing {}", file.display())))?;
        let mut command = Process::command(loader(&package));
        bare_environment(&mut command);
        command.arg("--library-path").arg(package.join("usr/lib/x86_64-linux-gnu"));
        command.arg(package.join("usr/sbin/haproxy")).args(["-db", "-f"]).arg(&file).current_dir(folder.path());
        let process = Process::start("haproxy", command, &folder.path().join("haproxy.log"))?;
        process.wait_until("listening", START_LIMIT, || process.listens_on(bind.port()))?;
        Ok(Balancer { port: bind.port(), process, _folder: folder })
    }

    /// The port of the service.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process. Its folder stays until the next sweep: on drop it would end the process.
    pub fn into_process(self) -> Process {
        std::mem::forget(self._folder);
        self.process
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
