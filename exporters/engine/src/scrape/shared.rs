//! What the parts of a scrape share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::health::HealthCache;
use super::log_status::LogStatuses;
use super::schedule::{DatabaseSchedule, Schedules};
use super::scrapers::Scrapers;
use super::server::ServerState;
use super::settings::ScrapeSettings;
use crate::catalog::Catalog;
use crate::counters::Counters;
use crate::error::SourceError;
use crate::exposition::{Compressors, Demand, DropReason, EncodedResult};
use crate::facts::{ServerFacts, ServerProbe};
use crate::plan::{Plan, plan};
use crate::store::{CollectorKey, Store};

/// The collectors of a server and all that is known of it. A reload makes a new one.
pub(super) struct Shared {
    pub catalog: Arc<Catalog>,
    pub settings: ScrapeSettings,
    pub counters: Arc<Counters>,
    /// The server, for logs and errors.
    pub target: String,
    pub store: Store,
    pub server: ServerState,
    pub health: HealthCache,
    /// Held by the probe of the start, so that the first collection uses the connection that this one opens.
    pub first_probe: Arc<Mutex<()>>,
    /// How results are kept: compressed ones are compressed as they come, while the server works on the next.
    pub demand: Demand,
    pub compressors: Arc<Compressors>,
    /// Which logs are read, and how far.
    pub logs: Arc<LogStatuses>,
    pub scrapers: Arc<Scrapers>,
}

impl Shared {
    pub fn new(
        catalog: Arc<Catalog>,
        settings: ScrapeSettings,
        counters: Arc<Counters>,
        target: String,
        compressors: Arc<Compressors>,
    ) -> Self {
        Self {
            catalog,
            settings,
            counters,
            target,
            store: Store::new(),
            server: ServerState::default(),
            health: HealthCache::new(),
            first_probe: Arc::default(),
            demand: Demand::default(),
            compressors,
            logs: Arc::default(),
            scrapers: Arc::default(),
        }
    }

    /// The time to live that holds for a collector.
    pub fn ttl(&self, collector: usize) -> Duration {
        let collector = &self.catalog.collectors[collector];
        // What is accumulated is there at once, and newer at each scrape.
        if self.settings.disable_cache || collector.is_accumulated() { Duration::ZERO } else { collector.ttl }
    }

    pub fn plan(&self, facts: &ServerFacts, main: bool) -> Plan {
        let plan = plan(&self.catalog, facts, &self.settings.selection, main);
        plan.without_logs(&self.catalog, |program| self.logs.obstacle(program))
    }

    /// Plans and schedules a database in a collection that began at `started`.
    pub fn schedule(&self, probe: Arc<ServerProbe>, main: bool, started: Instant) -> DatabaseSchedule {
        let plan = self.plan(&probe.facts, main);
        let database: Arc<str> = probe.facts.database.as_str().into();
        let key = |collector| CollectorKey { collector, database: database.clone() };
        let standing =
            |planned: &crate::plan::Planned| self.store.standing(&key(planned.collector), planned.fingerprint);
        DatabaseSchedule::new(probe, plan, standing, started, Instant::now())
    }

    /// Schedules every database that is known.
    pub fn schedule_all(&self, started: Instant) -> Schedules {
        let schedules = Schedules::new(started);
        for (at, (_, probe)) in self.server.databases().into_iter().enumerate() {
            if let Some(probe) = probe {
                schedules.set(self.schedule(probe, at == 0, started));
            }
        }
        schedules
    }

    /// Notes the result of a collector, and logs what is new about it.
    pub fn note_success(
        &self,
        key: &CollectorKey,
        result: Arc<EncodedResult>,
        plan_fingerprint: u64,
        changes: Option<u64>,
    ) {
        let (collector, datname) = (&*self.catalog.collectors[key.collector].key, &*key.database);
        for (why, (count, example)) in &result.drops {
            self.note_dropped(key.collector, datname, *why, *count, example);
        }
        if let Some(reason) = &result.skipped
            && self.store.state(key).last_success.is_none_or(|before| before.result.skipped.as_ref() != Some(reason))
        {
            tracing::info!(collector, datname, reason, "collector skipped");
        }
        let failed_before = self.store.succeeded(key, result, plan_fingerprint, self.ttl(key.collector), changes);
        if failed_before > 0 {
            tracing::info!(collector, datname, failed_before, "collector recovered");
        }
    }

    /// Notes the failure of a collector; the first of its kind is a warning in the log.
    pub fn note_failure(&self, key: &CollectorKey, error: SourceError, duration: Duration) {
        let (collector, datname) = (&*self.catalog.collectors[key.collector].key, &*key.database);
        let (reason, message) = (error.reason, error.message.clone());
        self.counters.failed(collector, datname, reason);
        if self.store.failed(key, error, self.ttl(key.collector), duration) {
            tracing::warn!(collector, datname, %reason, error = message, "collector failed");
        } else {
            tracing::debug!(collector, datname, %reason, error = message, "collector failed again");
        }
    }

    /// Counts samples that were left out, and logs the first of their kind.
    pub fn note_dropped(&self, collector: usize, datname: &str, why: DropReason, count: u64, example: &str) {
        let key = &*self.catalog.collectors[collector].key;
        self.counters.dropped(key, why, count);
        if self.store.is_first_drop(collector, why) {
            tracing::warn!(collector = key, datname, reason = why.word(), count, example, "samples dropped");
        }
    }
}
