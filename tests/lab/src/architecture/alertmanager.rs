//! Alertmanager, which hands every alert to the webhook.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use crate::architecture::{Component, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::port::on_free_port;
use crate::process::Process;
use crate::shared_files::with_shared_files;

/// A running Alertmanager. Dropping it ends it.
#[derive(Debug)]
pub struct Alertmanager {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl Alertmanager {
    /// Starts it and waits until it is ready. Alerts go to the URL one by one, with no wait.
    pub(crate) fn to_webhook(url: &str) -> Result<Alertmanager, LabError> {
        let settings = json!({
            "route": {
                "receiver": "webhook",
                "group_by": ["..."],
                "group_wait": "100ms",
                "group_interval": "1s",
                "repeat_interval": "4h",
            },
            "receivers": [{ "name": "webhook", "webhook_configs": [{ "url": url, "send_resolved": true }] }],
        });
        Alertmanager::start(&settings.to_string())
    }

    /// Starts it with such a configuration, in YAML, and waits until it is ready.
    pub fn start(settings: &str) -> Result<Alertmanager, LabError> {
        let package = Cache::open()?.component(Component::Alertmanager)?;
        let folder = Folder::new()?;
        let config = folder.path().join("alertmanager.yml");
        fs::write(&config, settings).map_err(LabError::io(format!("writing {}", config.display())))?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            // Its templates lie in /usr/share.
            let mut command = with_shared_files(&package, "prometheus-alertmanager")?;
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.path={}", folder.path().join("data").display()));
            // One alone: nobody to gossip with.
            command.arg(format!("--web.listen-address={address}")).arg("--cluster.listen-address=");
            command.current_dir(folder.path());
            let process = Process::start("alertmanager", command, &folder.path().join("alertmanager.log"))?;
            process.wait_until("ready", START_LIMIT, || process.listens_on(port) && answers(address, "/-/ready"))?;
            Ok((address, process))
        })?;
        Ok(Alertmanager { address, process, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
