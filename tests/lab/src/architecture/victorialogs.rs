//! VictoriaLogs, where the logs of all components are.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::account::bare_environment;
use crate::architecture::{START_LIMIT, answers};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::http::request;
use crate::percent::percent_encoded;
use crate::port::on_free_port;
use crate::process::Process;

/// A running VictoriaLogs. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct VictoriaLogs {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl VictoriaLogs {
    /// Starts it and waits until it answers.
    pub(crate) fn start() -> Result<VictoriaLogs, LabError> {
        let program = Cache::open()?.victorialogs()?;
        let folder = Folder::new()?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = Process::command(&program);
            bare_environment(&mut command);
            command.arg(format!("-httpListenAddr={address}")).arg("-retentionPeriod=1d");
            command.arg(format!("-storageDataPath={}", folder.path().join("data").display()));
            command.arg("-memory.allowedBytes=64MB").current_dir(folder.path());
            let process = Process::start("victoria-logs", command, &folder.path().join("victoria-logs.log"))?;
            process.wait_until("answering", START_LIMIT, || process.listens_on(port) && answers(address, "/health"))?;
            Ok((address, process))
        })?;
        Ok(VictoriaLogs { address, process, _folder: folder })
    }

    /// Where it listens; its own page is at `/select/vmui/`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// At most a thousand of the events that a LogsQL query finds; the message is `_msg`, the time `_time`.
    pub fn query(&self, query: &str) -> Result<Vec<Value>, LabError> {
        let target = format!("/select/logsql/query?limit=1000&query={}", percent_encoded(query));
        let response = request(self.address, "GET", &target, &[])?;
        let text = response.text();
        let unexpected = || LabError::Unexpected(format!("VictoriaLogs at {query}: {}, {text:?}", response.status));
        if response.status != 200 {
            return Err(unexpected());
        }
        text.lines().map(|line| serde_json::from_str(line).map_err(|_| unexpected())).collect()
    }

    /// Waits until a query finds an event, and returns it.
    pub fn wait_for(&self, query: &str, limit: Duration) -> Result<Value, LabError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(event) = self.query(query)?.into_iter().next() {
                return Ok(event);
            }
            if Instant::now() > deadline {
                let (name, awaited) = ("victoria-logs".to_owned(), format!("with an event at {query}"));
                return Err(LabError::Late { name, awaited, limit, log: self.process.log_tail() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
