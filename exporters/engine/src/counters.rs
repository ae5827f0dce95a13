//! Counters that live as long as the exporter, across reloads.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use reason::Reason;

use crate::exposition::DropReason;

/// Labels of a failed run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ErrorLabels {
    pub collector: String,
    pub datname: String,
    pub reason: String,
}

/// Labels of dropped samples.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DropLabels {
    pub collector: String,
    pub reason: String,
}

/// The exporter's own counters, and the registry that encodes them.
pub(crate) struct Counters {
    pub registry: Registry,
    pub errors: Family<ErrorLabels, Counter>,
    pub drops: Family<DropLabels, Counter>,
    pub queries: Counter,
    pub received_bytes: Counter,
    pub query_seconds: Counter<f64, AtomicU64>,
    pub scrapes: Counter,
    /// Scrapes during which the server was not up.
    pub failed_scrapes: AtomicU64,
    pub reload_successful: Gauge,
    pub reload_success_seconds: Gauge<f64, AtomicU64>,
}

impl Counters {
    /// All at zero; `namespace` begins their names.
    pub fn new(namespace: &str, constant_labels: &[(String, String)]) -> Self {
        let mut counters = Self {
            registry: Registry::with_prefix(format!("{namespace}_exporter")),
            errors: Family::default(),
            drops: Family::default(),
            queries: Counter::default(),
            received_bytes: Counter::default(),
            query_seconds: Counter::default(),
            scrapes: Counter::default(),
            failed_scrapes: AtomicU64::new(0),
            reload_successful: Gauge::default(),
            reload_success_seconds: Gauge::default(),
        };
        // A metric's own label wins over a constant one of that name.
        let beside = |own: &'static [&'static str]| {
            let others = constant_labels.iter().filter(|(name, _)| !own.contains(&name.as_str()));
            others.map(|(name, value)| (name.clone().into(), value.clone().into()))
        };
        let registry = counters.registry.sub_registry_with_labels(beside(&["collector", "datname", "reason"]));
        registry.register("collector_errors", "Collector runs that failed, by reason", counters.errors.clone());
        let registry = counters.registry.sub_registry_with_labels(beside(&["collector", "reason"]));
        registry.register("dropped_samples", "Samples dropped from responses, by reason", counters.drops.clone());
        let registry = counters.registry.sub_registry_with_labels(beside(&[]));
        registry.register("queries", "Queries sent to the server", counters.queries.clone());
        registry.register("received_bytes", "Bytes of rows received from the server", counters.received_bytes.clone());
        registry.register(
            "query_seconds",
            "Time that the server spent on queries, in seconds",
            counters.query_seconds.clone(),
        );
        registry.register("scrapes", "Scrapes served", counters.scrapes.clone());
        registry.register(
            "config_last_reload_successful",
            "Whether the last load of the collector files succeeded",
            counters.reload_successful.clone(),
        );
        registry.register(
            "config_last_reload_success_timestamp_seconds",
            "Unix time of the last successful load of the collector files",
            counters.reload_success_seconds.clone(),
        );
        counters
    }

    /// Counts a failed run.
    pub fn failed(&self, collector: &str, database: &str, reason: Reason) {
        let labels =
            ErrorLabels { collector: collector.into(), datname: database.into(), reason: reason.as_str().into() };
        self.errors.get_or_create(&labels).inc();
    }

    /// Counts samples that were dropped.
    pub fn dropped(&self, collector: &str, why: DropReason, samples: u64) {
        let labels = DropLabels { collector: collector.into(), reason: why.word().into() };
        self.drops.get_or_create(&labels).inc_by(samples);
    }

    /// Counts a scrape and whether the server was up during it.
    pub fn scraped(&self, up: bool) {
        self.scrapes.inc();
        if !up {
            self.failed_scrapes.fetch_add(1, Ordering::Relaxed);
        }
    }
}
