//! node_exporter, which measures the machine.

use std::net::{Ipv4Addr, SocketAddr};

use crate::architecture::{Component, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::port::on_free_port;
use crate::process::Process;

/// One file system, whichever this machine has: neither its full CD-ROM nor a container's lack of disks is the lab's.
const FILE_SYSTEMS: [&str; 2] =
    ["--collector.filesystem.mount-points-include=^/$", "--collector.filesystem.fs-types-include=.+"];

/// A running node_exporter. Dropping it ends it.
#[derive(Debug)]
pub struct NodeExporter {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl NodeExporter {
    /// Starts it and waits until it answers.
    pub(crate) fn start() -> Result<NodeExporter, LabError> {
        let package = Cache::open()?.component(Component::NodeExporter)?;
        let folder = Folder::new()?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = Process::command(package.join("usr/bin/prometheus-node-exporter"));
            command.arg(format!("--web.listen-address={address}")).args(FILE_SYSTEMS).current_dir(folder.path());
            let process = Process::start("node_exporter", command, &folder.path().join("node_exporter.log"))?;
            process.wait_until("answering", START_LIMIT, || process.listens_on(port) && answers(address, "/"))?;
            Ok((address, process))
        })?;
        Ok(NodeExporter { address, _process: process, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
