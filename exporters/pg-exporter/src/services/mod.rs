//! Services: the way in, as clients take it.
//!
//! ```text
//! file ─► Service ─► watched ─► probe ─► judge, Verdict ─► canary ─► Report ─► rows, page
//! ```
//!
//! Each service is probed at its own pace over one connection, apart from those that collectors use. A scrape reads the
//! last report and waits for nothing.

mod answer;
mod canaries;
mod canary;
mod canary_row;
mod failure;
mod file;
mod hop;
mod judge;
mod judge_canary;
mod own_cluster;
mod primaries;
mod probe;
mod problems;
mod report;
mod rows;
mod service;
mod settings;
mod table_name;
mod verdict;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{Detail, RowSink};
use futures_util::future::join_all;
use parking_lot::RwLock;
use pgclient::{Environment, Target};
use tokio::time::timeout;

use self::file::ServicesError;
use self::own_cluster::OwnCluster;
use self::watched::{Common, Watched};

/// How long `explain` and `doctor` wait for the first probes.
const FIRST_PROBES_LIMIT: Duration = Duration::from_secs(6);

/// The services of a file; none without one.
pub(crate) struct Services {
    file: Option<PathBuf>,
    environment: Environment,
    common: Common,
    watched: RwLock<Vec<Arc<Watched>>>,
}

impl Services {
    /// Reads the file and begins to probe its services. `own` is the exporter's own server, whose cluster they should lead to.
    ///
    /// # Errors
    /// If the file cannot be read, or has errors.
    pub(crate) fn start(file: Option<PathBuf>, environment: Environment, own: Target) -> Result<Self, ServicesError> {
        let common = Common { own_cluster: Arc::new(OwnCluster::new(own)), canaries: Arc::default() };
        let services = Self { file, environment, common, watched: RwLock::default() };
        services.reload()?;
        Ok(services)
    }

    /// Reads the file again. A service whose settings are the same goes on undisturbed.
    ///
    /// # Errors
    /// As [`Services::start`]; then the previous services stay.
    pub(crate) fn reload(&self) -> Result<(), ServicesError> {
        let Some(file) = &self.file else { return Ok(()) };
        let services = file::read(file, &self.environment)?;
        let mut watched = self.watched.write();
        let next = services.into_iter().map(|service| {
            let before = watched.iter().find(|before| before.service.name == service.name);
            match before.filter(|before| before.service.fingerprint == service.fingerprint) {
                Some(same) => same.clone(),
                None => {
                    let before = before.map(|before| &**before);
                    Arc::new(Watched::start(service, self.common.clone(), before))
                }
            }
        });
        let next: Vec<Arc<Watched>> = next.collect();
        *watched = next;
        Ok(())
    }

    /// Waits until each service was probed once, but not for long.
    pub(crate) async fn first_probes(&self) {
        let watched = self.watched.read().clone();
        timeout(FIRST_PROBES_LIMIT, join_all(watched.iter().map(|watched| watched.first()))).await.ok();
    }

    /// Writes the rows of one table.
    pub(crate) fn rows(&self, table: &str, sink: &mut dyn RowSink) {
        let watched = self.watched.read().clone();
        let reports: Vec<_> = watched.iter().filter_map(|one| Some((&*one.service, one.report()?))).collect();
        let reports: Vec<_> = reports.iter().map(|(service, report)| (*service, &**report)).collect();
        if !reports.is_empty() {
            rows::write(table, &reports, sink);
        }
    }

    /// Each service as a row of hops.
    pub(crate) fn details(&self) -> Vec<Detail> {
        let detail = |one: &Arc<Watched>| match one.report() {
            Some(report) => report.detail(&one.service),
            None => Detail {
                name: format!("service {}", one.service.name),
                state: "not probed yet".into(),
                well: true,
                since: None,
            },
        };
        self.watched.read().iter().map(detail).collect()
    }

    /// Ends all probes.
    pub(crate) fn close(&self) {
        self.watched.write().clear();
    }
}
