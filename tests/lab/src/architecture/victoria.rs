//! VictoriaMetrics, which scrapes the same targets as Prometheus.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::account::bare_environment;
use crate::architecture::{Component, START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::port::on_free_port;
use crate::process::Process;
use crate::prometheus::{Target, scraping};

/// A running VictoriaMetrics of one node. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Victoria {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl Victoria {
    /// Starts it and waits until it answers. It scrapes the targets once per interval.
    pub(crate) fn start(targets: &[Target], interval: Duration) -> Result<Victoria, LabError> {
        let package = Cache::open()?.component(Component::Victoria)?;
        let folder = Folder::new()?;
        let config = folder.path().join("scrape.yml");
        let settings = scraping(targets, interval).to_string();
        fs::write(&config, settings).map_err(LabError::io(format!("writing {}", config.display())))?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = Process::command(package.join("usr/bin/victoria-metrics"));
            bare_environment(&mut command);
            command.arg(format!("-httpListenAddr={address}")).arg("-retentionPeriod=1d");
            command.arg(format!("-storageDataPath={}", folder.path().join("data").display()));
            command.arg(format!("-promscrape.config={}", config.display()));
            // By default the last 30 s are hidden.
            command.arg("-search.latencyOffset=1s").arg("-memory.allowedBytes=128MB").current_dir(folder.path());
            let process = Process::start("victoria-metrics", command, &folder.path().join("victoria.log"))?;
            process.wait_until("answering", START_LIMIT, || process.listens_on(port) && answers(address, "/health"))?;
            Ok((address, process))
        })?;
        Ok(Victoria { address, process, _folder: folder })
    }

    /// Where it listens; its own pages are at `/vmui/` and `/targets`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
