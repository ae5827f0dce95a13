//! etcd, where Patroni keeps who leads.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;

use crate::architecture::{Component, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::port::free_port;
use crate::process::Process;

/// A running etcd of one member. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Etcd {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl Etcd {
    /// Starts it on a free port and waits until it is healthy.
    pub(crate) fn start() -> Result<Etcd, LabError> {
        Etcd::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)), &[])
    }

    /// The same at an address, with more arguments.
    pub(crate) fn start_at(address: SocketAddr, arguments: &[&str]) -> Result<Etcd, LabError> {
        let package = Cache::open()?.component(Component::Etcd)?;
        let folder = Folder::new()?;
        let data = folder.path().join("data");
        let make = || {
            fs::create_dir(&data)?;
            fs::set_permissions(&data, PermissionsExt::from_mode(0o700))
        };
        make().map_err(LabError::io(format!("creating {}", data.display())))?;
        let client = format!("http://{address}");
        let peer = format!("http://127.0.0.1:{}", free_port()?);
        let mut command = Process::command(package.join("usr/bin/etcd"));
        command.args(["--name=etcd-1", "--unsafe-no-fsync", "--log-level=warn"]).args(arguments);
        command.arg(format!("--data-dir={}", data.display()));
        command.arg(format!("--listen-client-urls={client}")).arg(format!("--advertise-client-urls={client}"));
        command.arg(format!("--listen-peer-urls={peer}")).arg(format!("--initial-advertise-peer-urls={peer}"));
        command.arg(format!("--initial-cluster=etcd-1={peer}")).current_dir(folder.path());
        let process = Process::start("etcd", command, &folder.path().join("etcd.log"))?;
        process.wait_until("healthy", START_LIMIT, || answers(address, "/health"))?;
        Ok(Etcd { address, process, _folder: folder })
    }

    /// Where clients ask, and where its metrics are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process: `STOP` and `CONT` freeze and thaw it.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
