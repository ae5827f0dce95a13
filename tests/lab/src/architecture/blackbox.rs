//! blackbox_exporter, which connects to the VIP of the primary: here to HAProxy's port.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use crate::architecture::{Component, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::port::on_free_port;
use crate::process::Process;
use crate::prometheus::Target;

const MODULE: &str = "tcp_connect";

/// A running blackbox_exporter. Dropping it ends it.
#[derive(Debug)]
pub struct Blackbox {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Blackbox {
    /// Starts it and waits until it is ready.
    pub(crate) fn start() -> Result<Blackbox, LabError> {
        let package = Cache::open()?.component(Component::Blackbox)?;
        let folder = Folder::new()?;
        let config = folder.path().join("blackbox.yml");
        let settings = json!({ "modules": { MODULE: { "prober": "tcp", "timeout": "2s" } } });
        fs::write(&config, settings.to_string()).map_err(LabError::io(format!("writing {}", config.display())))?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = Process::command(package.join("usr/bin/prometheus-blackbox-exporter"));
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--web.listen-address={address}")).current_dir(folder.path());
            let process = Process::start("blackbox_exporter", command, &folder.path().join("blackbox.log"))?;
            process.wait_until("ready", START_LIMIT, || process.listens_on(port) && answers(address, "/-/healthy"))?;
            Ok((address, process))
        })?;
        Ok(Blackbox { address, _process: process, _folder: folder })
    }

    /// What Prometheus scrapes to have an address probed.
    pub(super) fn probe(&self, vip: SocketAddr) -> Target {
        let vip = vip.to_string();
        let target = Target::new("vip", self.address).label("__metrics_path__", "/probe");
        target.label("__param_module", MODULE).label("__param_target", &vip).label("vip", &vip)
    }
}
