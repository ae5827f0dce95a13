//! What all handlers share: the targets, and how their collectors are reloaded.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::RwLock;
use tokio::task::spawn_blocking;

use crate::build_info::BuildInfo;
use crate::catalog::{Catalog, LoadError};
use crate::options::Options;
use crate::scrape::Targets;
use crate::source::Source;
use crate::status::ProcessStatus;

/// What all handlers share.
pub(crate) struct Service<S: Source> {
    /// The name of the program.
    pub name: &'static str,
    pub build: BuildInfo,
    pub telemetry_path: String,
    /// How long a scrape may take if the scraper sends no timeout.
    pub scrape_timeout: Duration,
    /// How long a health endpoint waits for the server.
    pub probe_timeout: Duration,
    pub prefer_open_metrics: bool,
    pub status: ProcessStatus,
    targets: RwLock<Arc<Targets<S>>>,
    load: Arc<dyn Fn() -> Result<Catalog, LoadError> + Send + Sync>,
    /// One reload at a time, so that the last one requested is the one that stays.
    reloading: tokio::sync::Mutex<()>,
}

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    #[error("{0}")]
    Load(#[from] LoadError),
    #[error("{0}")]
    Source(String),
    #[error("a bug: see the log")]
    Panic,
}

impl<S: Source> Service<S> {
    /// A service around its first targets; `load` reads the collector files again.
    pub fn new(
        name: &'static str,
        build: BuildInfo,
        options: &Options,
        probe_timeout: Duration,
        targets: Targets<S>,
        status: ProcessStatus,
        load: impl Fn() -> Result<Catalog, LoadError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let service = Self {
            name,
            build,
            telemetry_path: options.telemetry_path.clone(),
            scrape_timeout: options.scrape_timeout,
            probe_timeout,
            prefer_open_metrics: options.openmetrics,
            status,
            targets: RwLock::new(Arc::new(targets)),
            load: Arc::new(load),
            reloading: tokio::sync::Mutex::default(),
        };
        service.note_load(true);
        Arc::new(service)
    }

    /// The current targets; a request keeps those it began with.
    pub fn targets(&self) -> Arc<Targets<S>> {
        self.targets.read().clone()
    }

    /// Reloads the collector files. If one has an error, the previous collectors stay in effect.
    pub async fn reload(&self) -> Result<usize, ReloadError> {
        let _turn = self.reloading.lock().await;
        let loaded = self.load_again().await.and_then(|catalog| self.reload_sources().map(|()| catalog));
        self.note_load(loaded.is_ok());
        match loaded {
            Ok(catalog) => {
                catalog.log_warnings();
                let count = catalog.collectors.len();
                tracing::info!(origin = catalog.origin, collectors = count, "collector files reloaded");
                let new = Arc::new(self.targets().with(catalog));
                new.begin_sampling();
                *self.targets.write() = new;
                Ok(count)
            }
            Err(error) => {
                let diagnostics = if let ReloadError::Load(error) = &error { error.diagnostics.len() } else { 0 };
                tracing::error!(diagnostics, %error, "collector files not reloaded, the previous ones stay in effect");
                Err(error)
            }
        }
    }

    /// Reads the files on a separate thread: there may be many, on a slow file system.
    async fn load_again(&self) -> Result<Catalog, ReloadError> {
        let load = Arc::clone(&self.load);
        let catalog = spawn_blocking(move || load()).await.map_err(|_| ReloadError::Panic)??;
        match catalog.emptied_since(&self.targets().catalog) {
            Some(emptied) => Err(emptied.into()),
            None => Ok(catalog),
        }
    }

    /// Has the sources read their own files again.
    fn reload_sources(&self) -> Result<(), ReloadError> {
        let targets = self.targets();
        targets.scrapers.iter().try_for_each(|scraper| scraper.source.reload()).map_err(ReloadError::Source)
    }

    fn note_load(&self, success: bool) {
        for scraper in &self.targets().scrapers {
            scraper.counters.reload_successful.set(i64::from(success));
            if success {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                scraper.counters.reload_success_seconds.set(now.as_secs_f64());
            }
        }
    }
}
