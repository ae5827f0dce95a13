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

/// A running etcd of one member. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Etcd {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl Etcd {
    /// How large its database may be, in bytes.
    pub(crate) const QUOTA: u32 = 32 << 20;

    /// Starts it on a free port and waits until it is healthy.
    pub(crate) fn start() -> Result<Etcd, LabError> {
        // As an installation has it, with a quota that can be filled.
        let quota = format!("--quota-backend-bytes={}", Etcd::QUOTA);
        let arguments = ["--auto-compaction-retention=1h", quota.as_str()];
        Etcd::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)), &arguments)
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
