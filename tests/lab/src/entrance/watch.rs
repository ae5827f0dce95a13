//! The exporter that uses the services, and what its pages say of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::folder::Folder;
use crate::{Exporter, LabError, Namespace};

/// An exporter in a network namespace, with a name server of its own.
#[derive(Debug)]
pub(super) struct Watch {
    // Before the folder, so that it is dropped first.
    exporter: Exporter,
    _folder: Folder,
}

/// One page of it.
#[derive(Debug)]
pub(super) struct WatchPage(String);

impl Watch {
    /// Starts it on the hub, which is its name server, too. It has no server of its own.
    pub(super) fn start(program: &Path, services: &str, hub: &Namespace) -> Result<Watch, LabError> {
        let folder = Folder::new()?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).map_err(LabError::io(format!("writing {}", path.display())))?;
            Ok::<_, LabError>(path)
        };
        let resolver = write("resolv.conf", &format!("nameserver {}\n", hub.address()))?;
        let services = format!("--services={}", write("services.yml", services)?.display());
        let url = [("PG_EXPORTER_URL", "postgres://monitor@127.0.0.1:1/postgres")];
        let exporter = hub.inside(|| Exporter::start_resolving(&resolver, program, &[&services], &url))?;
        Ok(Watch { exporter, _folder: folder })
    }

    /// The page that Prometheus scrapes.
    pub(super) fn page(&self, hub: &Namespace) -> Result<WatchPage, LabError> {
        Ok(WatchPage(hub.inside(|| self.exporter.get("/metrics"))?.text()))
    }

    /// The way through a service as the status page shows it.
    pub(super) fn row(&self, hub: &Namespace, service: &str) -> Result<String, LabError> {
        let page = hub.inside(|| self.exporter.get("/explain"))?.text();
        let begin = format!("# service {service}: ");
        let row = page.lines().find_map(|line| line.strip_prefix(&begin));
        // Without the time since when it is so.
        let row = row
            .map(|row| row.rsplit_once(", ").filter(|(_, since)| since.ends_with(" ago")).map_or(row, |(row, _)| row));
        row.map(str::to_owned).ok_or_else(|| LabError::Unexpected(format!("no line {begin:?} in\n{page}")))
    }

    /// The end of its log.
    pub(super) fn log(&self) -> String {
        self.exporter.process().log_tail()
    }
}

impl WatchPage {
    /// The hop at which a service fails; empty if it is as promised, `None` before the first probe.
    pub(super) fn failing(&self, service: &str) -> Option<String> {
        let hops = self.hops("pg_service_hop_failed", service);
        let failing = hops.iter().find(|(_, failed)| **failed > 0.0).map(|(hop, _)| hop.clone());
        (!hops.is_empty()).then(|| failing.unwrap_or_default())
    }

    /// How many probes failed at each hop since the start.
    pub(super) fn failures(&self, service: &str) -> BTreeMap<String, f64> {
        self.hops("pg_service_hop_failures_total", service)
    }

    /// How many probes there were since the start.
    pub(super) fn probes(&self, service: &str) -> f64 {
        self.samples("pg_service_probes_total", service).next().map_or(0.0, |(_, value)| value)
    }

    fn hops(&self, metric: &str, service: &str) -> BTreeMap<String, f64> {
        let hop = |labels: &str| Some(labels.split_once("hop=\"")?.1.split_once('"')?.0.to_owned());
        self.samples(metric, service).filter_map(|(labels, value)| Some((hop(labels)?, value))).collect()
    }

    /// Labels and values.
    fn samples<'a>(&'a self, metric: &str, service: &str) -> impl Iterator<Item = (&'a str, f64)> {
        let (begin, label) = (format!("{metric}{{"), format!("service=\"{service}\""));
        self.0.lines().filter_map(move |line| {
            let (labels, value) = line.strip_prefix(&begin)?.split_once("} ")?;
            labels.contains(&label).then_some((labels, value.parse().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_which_hop_fails() {
        let sample =
            |hop: &str, failed: u8| format!("pg_service_hop_failed{{service=\"orders\",hop=\"{hop}\"}} {failed}\n");
        let page = |failed| WatchPage(sample("dns", 0) + &sample("tls", failed));
        assert_eq!(page(1).failing("orders").as_deref(), Some("tls"));
        assert_eq!(page(0).failing("orders").as_deref(), Some(""));
        assert_eq!(page(0).failing("order"), None);
    }
}
