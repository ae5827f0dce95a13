//! etcd, where Patroni keeps who leads.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::architecture::{Component, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::http::post;
use crate::port::free_port;
use crate::process::Process;

/// A running member of etcd. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Etcd {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl Etcd {
    /// Starts one alone at an address, and waits until it is healthy.
    pub(crate) fn start_at(address: SocketAddr, arguments: &[&str]) -> Result<Etcd, LabError> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let etcd = Etcd::launch("etcd-1", address, peer, &[("etcd-1".to_owned(), peer)], arguments)?;
        etcd.wait_until_healthy()?;
        Ok(etcd)
    }

    /// Starts a member; `peers` has the name of each and where others reach it, `peer` is where this one listens for them.
    pub(super) fn launch(
        name: &str,
        address: SocketAddr,
        peer: SocketAddr,
        peers: &[(String, SocketAddr)],
        arguments: &[&str],
    ) -> Result<Etcd, LabError> {
        let package = Cache::open()?.component(Component::Etcd)?;
        let folder = Folder::new()?;
        let data = folder.path().join("data");
        let make = || {
            fs::create_dir(&data)?;
            fs::set_permissions(&data, PermissionsExt::from_mode(0o700))
        };
        make().map_err(LabError::io(format!("creating {}", data.display())))?;
        let client = format!("http://{address}");
        let known: Vec<String> = peers.iter().map(|(name, address)| format!("{name}=http://{address}")).collect();
        let reached = peers.iter().find(|(other, _)| other == name).map_or(peer, |(_, reached)| *reached);
        let mut command = Process::command(package.join("usr/bin/etcd"));
        command.args(["--unsafe-no-fsync", "--log-level=warn"]).arg(format!("--name={name}")).args(arguments);
        command.arg(format!("--data-dir={}", data.display()));
        command.arg(format!("--listen-client-urls={client}")).arg(format!("--advertise-client-urls={client}"));
        command.arg(format!("--listen-peer-urls=http://{peer}"));
        command.arg(format!("--initial-advertise-peer-urls=http://{reached}"));
        command.arg(format!("--initial-cluster={}", known.join(","))).current_dir(folder.path());
        let process = Process::start(name, command, &folder.path().join("etcd.log"))?;
        Ok(Etcd { address, process, _folder: folder })
    }

    /// Waits until it knows a leader.
    pub(super) fn wait_until_healthy(&self) -> Result<(), LabError> {
        self.process.wait_until("healthy", START_LIMIT, || answers(self.address, "/health"))
    }

    /// Where clients ask, and where its metrics are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls its gateway, as `/v3/kv/put` with a request in JSON, and returns the answer.
    pub fn call(&self, path: &str, request: &Value) -> Result<Value, LabError> {
        let answer = post(self.address, path, &request.to_string())?;
        let read = || serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200);
        read().ok_or_else(|| LabError::Unexpected(format!("etcd {path}: {} {}", answer.status, answer.text())))
    }

    /// Its process: `STOP` and `CONT` freeze and thaw it.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
