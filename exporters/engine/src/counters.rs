//! Counters that live as long as the exporter, across reloads.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};
use reason::Reason;

use crate::catalog::Catalog;
use crate::exposition::DropReason;
use crate::self_metric::{self, SelfMetric};

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

/// Labels of what is counted by collector.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct CollectorLabels {
    pub collector: String,
}

/// Labels of samples that were not taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SkipLabels {
    pub reason: String,
}

/// Why a sample was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleSkip {
    /// A scrape used the connection until the next sample was due.
    Busy,
    /// The server was down.
    Down,
    /// There was no session, or the query failed.
    Error,
}

/// What samples were taken and what they cost.
#[derive(Debug, Default)]
pub(crate) struct SampleCounters {
    taken: Family<CollectorLabels, Counter>,
    skipped: Family<SkipLabels, Counter>,
    uncounted_seconds: Family<CollectorLabels, Counter<f64, AtomicU64>>,
    interval_seconds: Family<CollectorLabels, Gauge<f64, AtomicU64>>,
    /// The time that the server worked on them.
    pub seconds: Counter<f64, AtomicU64>,
}

impl SampleCounters {
    /// Counts a sample, and the time before it that none stands for.
    pub fn sampled(&self, collector: &str, uncounted: Duration) {
        let labels = CollectorLabels { collector: collector.to_owned() };
        self.taken.get_or_create(&labels).inc();
        self.uncounted_seconds.get_or_create(&labels).inc_by(uncounted.as_secs_f64());
    }

    /// Counts a sample that was not taken.
    pub fn skipped(&self, why: SampleSkip) {
        let reason = match why {
            SampleSkip::Busy => "busy",
            SampleSkip::Down => "down",
            SampleSkip::Error => "error",
        };
        self.skipped.get_or_create(&SkipLabels { reason: reason.to_owned() }).inc();
    }

    /// Notes the time between the samples of a collector.
    pub fn note_interval(&self, catalog: &Catalog, collector: usize, interval: Duration) {
        let collector = catalog.collectors[collector].key.to_string();
        self.interval_seconds.get_or_create(&CollectorLabels { collector }).set(interval.as_secs_f64());
    }
}

/// The exporter's own counters, and the registry that encodes them.
pub(crate) struct Counters {
    pub registry: Registry,
    pub errors: Family<ErrorLabels, Counter>,
    /// The label sets of `errors`, which does not list them.
    failed: Mutex<HashSet<ErrorLabels>>,
    pub drops: Family<DropLabels, Counter>,
    pub queries: Counter,
    pub received_bytes: Counter,
    pub query_seconds: Counter<f64, AtomicU64>,
    pub sampling: SampleCounters,
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
            registry: Registry::with_prefix(namespace),
            errors: Family::default(),
            failed: Mutex::default(),
            drops: Family::default(),
            queries: Counter::default(),
            received_bytes: Counter::default(),
            query_seconds: Counter::default(),
            sampling: SampleCounters::default(),
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
        register(registry, &self_metric::COLLECTOR_ERRORS_TOTAL, &counters.errors);
        let registry = counters.registry.sub_registry_with_labels(beside(&["collector", "reason"]));
        register(registry, &self_metric::DROPPED_SAMPLES_TOTAL, &counters.drops);
        let sampling = &counters.sampling;
        let registry = counters.registry.sub_registry_with_labels(beside(&["collector"]));
        register(registry, &self_metric::SAMPLES_TOTAL, &sampling.taken);
        register(registry, &self_metric::SAMPLE_UNCOUNTED_SECONDS_TOTAL, &sampling.uncounted_seconds);
        register(registry, &self_metric::SAMPLE_INTERVAL_SECONDS, &sampling.interval_seconds);
        let registry = counters.registry.sub_registry_with_labels(beside(&["reason"]));
        register(registry, &self_metric::SAMPLES_SKIPPED_TOTAL, &sampling.skipped);
        let registry = counters.registry.sub_registry_with_labels(beside(&[]));
        register(registry, &self_metric::SAMPLE_SECONDS_TOTAL, &sampling.seconds);
        register(registry, &self_metric::QUERIES_TOTAL, &counters.queries);
        register(registry, &self_metric::RECEIVED_BYTES_TOTAL, &counters.received_bytes);
        register(registry, &self_metric::QUERY_SECONDS_TOTAL, &counters.query_seconds);
        register(registry, &self_metric::SCRAPES_TOTAL, &counters.scrapes);
        register(registry, &self_metric::CONFIG_LAST_RELOAD_SUCCESSFUL, &counters.reload_successful);
        let seconds = &counters.reload_success_seconds;
        register(registry, &self_metric::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS, seconds);
        counters
    }

    /// Counts a failed run.
    pub fn failed(&self, collector: &str, database: &str, reason: Reason) {
        let labels =
            ErrorLabels { collector: collector.into(), datname: database.into(), reason: reason.as_str().into() };
        self.errors.get_or_create(&labels).inc();
        self.failed.lock().insert(labels);
    }

    /// Forgets the failures in databases that are gone.
    pub fn retain_databases(&self, is_there: impl Fn(&str) -> bool) {
        self.failed.lock().retain(|labels| {
            let stays = is_there(&labels.datname);
            if !stays {
                self.errors.remove(labels);
            }
            stays
        });
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

/// Registers a metric of the table. The registry's encoder writes OpenMetrics, and adds `_total` and the full stop itself.
fn register(registry: &mut Registry, of: &SelfMetric, metric: &(impl Metric + Clone)) {
    registry.register(of.name.strip_suffix("_total").unwrap_or(of.name), of.help, metric.clone());
}
