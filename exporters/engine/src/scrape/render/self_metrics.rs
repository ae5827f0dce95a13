//! Metrics about one server as the exporter sees it: is it up, how did each collector fare, what did it cost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::snapshot::{CollectorView, DatabaseView, Snapshot};
use crate::exposition::SelfMetrics;
use crate::facts::Role;
use crate::scrape::shared::Shared;
use crate::self_metric::{self, SelfMetric, SelfMetricKind};
use crate::source::Connections;

/// The exporter's own metrics of a server.
pub(super) fn self_metrics(shared: &Shared, snapshot: &Snapshot, connections: Connections) -> SelfMetrics {
    let mut out = Writer::new(&shared.settings.namespace, SelfMetrics::new(&shared.settings.constant_labels));
    out.gauge(&self_metric::UP, &[], f64::from(snapshot.up.is_ok()));
    if shared.settings.disable_intro {
        return out.metrics;
    }
    let failed = snapshot.up.is_err() || snapshot.running().any(|one| !one.success);
    out.gauge(&self_metric::LAST_SCRAPE_ERROR, &[], f64::from(failed));
    server(&mut out, snapshot);
    scrapes(&mut out, shared, connections);
    logs(&mut out, shared);
    for view in &snapshot.databases {
        database(&mut out, view);
    }
    out.gauge(&self_metric::UNCHANGED_DATABASES, &[], snapshot.unchanged_databases() as f64);
    out.gauge(&self_metric::UNREAD_DATABASES, &[], snapshot.unread_databases() as f64);
    // Collectors that share a name share the older metrics, which know collectors by that name only.
    let mut named = BTreeSet::new();
    for one in &snapshot.shown {
        let datname = &snapshot.databases[one.database].name;
        collector(&mut out, shared, one, datname);
        let name = &shared.catalog.collectors[one.collector].name;
        if named.insert((datname.clone(), name)) {
            query(&mut out, shared, one, datname);
        }
    }
    for one in &snapshot.rest {
        collector(&mut out, shared, one, &"".into());
    }
    out.metrics.registry(&shared.counters.registry);
    out.metrics
}

/// Samples under a namespace.
pub(super) struct Writer<'a> {
    namespace: &'a str,
    pub metrics: SelfMetrics,
}

impl<'a> Writer<'a> {
    pub fn new(namespace: &'a str, metrics: SelfMetrics) -> Self {
        Self { namespace, metrics }
    }

    /// Adds a sample of a gauge.
    pub fn gauge(&mut self, metric: &SelfMetric, labels: &[(&str, &str)], value: f64) {
        debug_assert_eq!(metric.kind, SelfMetricKind::Gauge, "{}", metric.name);
        debug_assert!(
            labels.iter().map(|(name, _)| *name).eq(metric.labels.iter().copied()),
            "labels of {} are not as listed",
            metric.name
        );
        self.metrics.gauge(&metric.full_name(self.namespace), metric.help, labels, value);
    }

    /// Adds a sample of a counter without labels.
    pub fn counter(&mut self, metric: &SelfMetric, value: u64) {
        self.labelled_counter(metric, &[], value);
    }

    /// Adds a sample of a counter.
    pub fn labelled_counter(&mut self, metric: &SelfMetric, labels: &[(&str, &str)], value: u64) {
        debug_assert_eq!(metric.kind, SelfMetricKind::Counter, "{}", metric.name);
        self.metrics.counter(&metric.full_name(self.namespace), metric.help, labels, value);
    }
}

fn server(out: &mut Writer<'_>, snapshot: &Snapshot) {
    match &snapshot.up {
        Ok(probe) if probe.facts.role == Role::Neither => {}
        Ok(probe) => out.gauge(&self_metric::IN_RECOVERY, &[], f64::from(probe.facts.role == Role::Standby)),
        Err(error) => out.gauge(&self_metric::UP_REASON, &[("reason", error.reason.as_str())], 1.0),
    }
    if let Some(probe) = snapshot.databases.first().and_then(|main| main.probe.as_ref()) {
        out.gauge(&self_metric::VERSION, &[], f64::from(probe.facts.version.0));
        if let Some(privileged) = probe.notes.privileged {
            out.gauge(&self_metric::ROLE_PRIVILEGED, &[], f64::from(privileged));
        }
    }
}

fn scrapes(out: &mut Writer<'_>, shared: &Shared, connections: Connections) {
    out.counter(&self_metric::SCRAPE_TOTAL_COUNT, shared.counters.scrapes.get());
    out.counter(&self_metric::SCRAPE_ERROR_COUNT, shared.counters.failed_scrapes.load(Ordering::Relaxed));
    out.gauge(&self_metric::CONNECTIONS, &[], connections.open as f64);
    out.gauge(&self_metric::CONNECTIONS_BUDGET, &[], connections.budget as f64);
    out.counter(&self_metric::CONNECTIONS_OPENED_TOTAL, connections.opened);
    if let Some(expiry) = connections.certificate_expiry {
        out.gauge(&self_metric::CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS, &[("certificate", "server")], expiry);
    }
}

fn logs(out: &mut Writer<'_>, shared: &Shared) {
    for (program, status) in shared.logs.all() {
        let labels: &[(&str, &str)] = &[("program", program.word())];
        out.gauge(&self_metric::LOG_READ, labels, f64::from(status.obstacle.is_none()));
        let totals = status.totals;
        out.labelled_counter(&self_metric::LOG_EVENTS_TOTAL, labels, totals.events);
        out.labelled_counter(&self_metric::LOG_NOT_UNDERSTOOD_TOTAL, labels, totals.not_understood);
        out.labelled_counter(&self_metric::LOG_READ_BYTES_TOTAL, labels, totals.bytes);
        out.gauge(&self_metric::LOG_LAG_BYTES, labels, status.lag_bytes as f64);
        out.gauge(&self_metric::LOG_STATE_SAVED, labels, f64::from(status.is_saved));
    }
}

fn database(out: &mut Writer<'_>, database: &DatabaseView) {
    let state = &database.state;
    let labels: &[(&str, &str)] = &[("datname", &database.name)];
    out.gauge(&self_metric::SERVER_SCRAPE_DURATION, labels, state.last.as_secs_f64());
    out.gauge(&self_metric::SERVER_SCRAPE_TOTAL_SECONDS, labels, state.total.as_secs_f64());
    out.gauge(&self_metric::SERVER_SCRAPE_TOTAL_COUNT, labels, state.collections as f64);
    out.gauge(&self_metric::SERVER_SCRAPE_ERROR_COUNT, labels, state.errors as f64);
}

fn collector(out: &mut Writer<'_>, shared: &Shared, one: &CollectorView, datname: &Arc<str>) {
    let collector = &shared.catalog.collectors[one.collector];
    let labels: &[(&str, &str)] = &[("collector", &collector.key), ("datname", datname)];
    let result = one.result.as_deref();
    out.gauge(&self_metric::COLLECTOR_SUCCESS, labels, f64::from(one.success));
    out.gauge(&self_metric::COLLECTOR_DURATION_SECONDS, labels, one.state.duration.as_secs_f64());
    out.gauge(&self_metric::COLLECTOR_ROWS, labels, result.map_or(0, |result| result.rows) as f64);
    out.gauge(&self_metric::COLLECTOR_SERIES, labels, result.map_or(0, |result| result.series) as f64);
    if let Some(others) = result.and_then(|result| result.others) {
        out.gauge(&self_metric::COLLECTOR_OTHER_ROWS, labels, others as f64);
    }
    if let Some(overflowed) = result.and_then(|result| result.overflowed) {
        out.labelled_counter(&self_metric::COLLECTOR_OVERFLOWED_TOTAL, labels, overflowed);
    }
    if let Some(age) = one.age {
        out.gauge(&self_metric::COLLECTOR_AGE_SECONDS, labels, age.as_secs_f64());
    }
}

/// The metrics of pg_exporter, by its names and labels.
fn query(out: &mut Writer<'_>, shared: &Shared, one: &CollectorView, datname: &Arc<str>) {
    let collector = &shared.catalog.collectors[one.collector];
    let labels: &[(&str, &str)] = &[("datname", datname), ("query", &collector.name)];
    let (state, series) = (&one.state, one.result.as_deref().map_or(0, |result| result.series));
    out.gauge(&self_metric::QUERY_CACHE_TTL, labels, one.expires_in.unwrap_or_default().as_secs_f64());
    out.gauge(&self_metric::QUERY_SCRAPE_TOTAL_COUNT, labels, state.collections as f64);
    out.gauge(&self_metric::QUERY_SCRAPE_HIT_COUNT, labels, state.hits as f64);
    out.gauge(&self_metric::QUERY_SCRAPE_ERROR_COUNT, labels, state.errors as f64);
    out.gauge(&self_metric::QUERY_SCRAPE_METRIC_COUNT, labels, series as f64);
    out.gauge(&self_metric::QUERY_SCRAPE_DURATION, labels, state.duration.as_secs_f64());
    if !collector.predicates.is_empty() {
        out.gauge(&self_metric::QUERY_SCRAPE_PREDICATE_SKIP_COUNT, labels, state.skips as f64);
    }
}
