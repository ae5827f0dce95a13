//! The dashboards in a browser, drawn by the preview.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::error::LabError;
use crate::folder::Folder;
use crate::http::request;
use crate::port::on_free_port;
use crate::process::Process;
use crate::prometheus::Prometheus;

/// The last minutes, as densely as the lab scrapes.
const RANGE: &str = "from=now-15m&to=now&step=5";

/// The server of the preview. Dropping it ends it.
#[derive(Debug)]
pub struct Dashboards {
    address: SocketAddr,
    _process: Process,
    // Holds its log.
    _folder: Folder,
}

impl Dashboards {
    /// Serves the preview of that folder with data from a Prometheus; `None` where the preview is not built.
    pub fn start(preview: &Path, prometheus: &Prometheus) -> Result<Option<Dashboards>, LabError> {
        if !preview.join("dist/index.html").exists() {
            return Ok(None);
        }
        let folder = Folder::new()?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut command = Process::command("node");
            command.arg("server/serve.js").current_dir(preview);
            command.env("PROMETHEUS_URL", format!("http://{}", prometheus.address()));
            command.env("PREVIEW_PORT", port.to_string());
            let process = Process::start("preview", command, &folder.path().join("preview.log"))?;
            process.wait_until("listening", Duration::from_secs(30), || {
                process.listens_on(port) && request(address, "GET", "/", &[]).is_ok_and(|page| page.status == 200)
            })?;
            Ok((address, process))
        })?;
        Ok(Some(Dashboards { address, _process: process, _folder: folder }))
    }

    /// The address of a page, of the last 15 minutes.
    pub fn url(&self, uid: &str) -> String {
        format!("http://{}/d/{uid}?{RANGE}", self.address)
    }
}
