//! The exporter's own families: is the server up, what became of each collector, what did it cost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{CollectorView, DatabaseView, ScrapeSettings, Scraper, Snapshot};
use crate::exposition::SelfMetrics;
use crate::facts::Role;
use crate::source::Source;
use crate::status::{ProcessStatus, WebConfigState};

/// Names of the exporter's own families, after the namespace; a collector may not take them.
const OWN: &[&str] = &[
    "up",
    "up_reason",
    "version",
    "in_recovery",
    "exporter_build_info",
    "exporter_up",
    "exporter_uptime",
    "exporter_last_scrape_time",
    "exporter_scrape_duration",
    "exporter_scrape_duration_seconds",
    "exporter_scrape_total_count",
    "exporter_scrape_error_count",
    "exporter_server_scrape_duration",
    "exporter_server_scrape_total_seconds",
    "exporter_server_scrape_total_count",
    "exporter_server_scrape_error_count",
    "exporter_query_cache_ttl",
    "exporter_query_scrape_total_count",
    "exporter_query_scrape_hit_count",
    "exporter_query_scrape_error_count",
    "exporter_query_scrape_predicate_skip_count",
    "exporter_query_scrape_metric_count",
    "exporter_query_scrape_duration",
    "exporter_collector_success",
    "exporter_collector_duration_seconds",
    "exporter_collector_age_seconds",
    "exporter_collector_rows",
    "exporter_collector_series",
    "exporter_collector_other_rows",
    "exporter_collector_errors_total",
    "exporter_dropped_samples_total",
    "exporter_connections",
    "exporter_connections_budget",
    "exporter_connections_opened_total",
    "exporter_queries_total",
    "exporter_received_bytes_total",
    "exporter_query_seconds_total",
    "exporter_scrapes_total",
    "exporter_config_last_reload_successful",
    "exporter_config_last_reload_success_timestamp_seconds",
    "exporter_log_lines_dropped_total",
    "exporter_http_connections",
    "exporter_http_connections_limit",
    "exporter_http_connections_closed_total",
    "exporter_web_config_last_reload_successful",
];

/// The full names of the exporter's own families.
pub(crate) fn reserved_names(namespace: &str) -> Vec<String> {
    OWN.iter().map(|name| format!("{namespace}_{name}")).collect()
}

impl<S: Source> Scraper<S> {
    pub(super) fn report(&self, view: &Snapshot) -> SelfMetrics {
        let mut families = SelfMetrics::new(&self.settings.constant_labels);
        let mut own = Own { families: &mut families, namespace: &self.settings.namespace };
        own.gauge("up", "Whether a query was answered now", &[], f64::from(view.up.is_ok()));
        if self.settings.disable_intro {
            return families;
        }
        own.server(view);
        self.scrapes(&mut own);
        for database in &view.databases {
            own.database(database);
        }
        // Branches that share a name share the older metrics, which know collectors by that name only.
        let mut named = BTreeSet::new();
        for one in &view.shown {
            self.collector(&mut own, one, &view.databases[one.database].name, &mut named);
        }
        own.families.registry(&self.counters.registry);
        families
    }

    fn scrapes(&self, own: &mut Own<'_>) {
        let connections = self.source.connections();
        own.counter("exporter_scrape_total_count", "Scrapes answered", self.counters.scrapes.get());
        let failed = self.counters.failed_scrapes.load(Ordering::Relaxed);
        own.counter("exporter_scrape_error_count", "Scrapes during which the server was not up", failed);
        own.gauge("exporter_connections", "Connections to the server that are open", &[], connections.open as f64);
        own.gauge(
            "exporter_connections_budget",
            "Connections to the server that may be open",
            &[],
            connections.budget as f64,
        );
        own.counter("exporter_connections_opened_total", "Connections to the server opened", connections.opened);
    }

    fn collector(
        &self,
        own: &mut Own<'_>,
        one: &CollectorView,
        database: &Arc<str>,
        named: &mut BTreeSet<(Arc<str>, String)>,
    ) {
        let collector = &self.catalog.collectors[one.collector];
        let labels: &[(&str, &str)] = &[("collector", &collector.key), ("datname", database)];
        let result = one.result.as_deref();
        let seconds = one.state.duration.as_secs_f64();
        own.gauge(
            "exporter_collector_success",
            "Whether the collector has a good result within its time to live",
            labels,
            f64::from(one.success),
        );
        own.gauge(
            "exporter_collector_duration_seconds",
            "Seconds that the server worked on the collector's last run",
            labels,
            seconds,
        );
        own.gauge(
            "exporter_collector_rows",
            "Rows of the result that is shown",
            labels,
            result.map_or(0, |result| result.rows) as f64,
        );
        own.gauge(
            "exporter_collector_series",
            "Series of the result that is shown",
            labels,
            result.map_or(0, |result| result.series) as f64,
        );
        if let Some(others) = result.and_then(|result| result.others) {
            own.gauge(
                "exporter_collector_other_rows",
                "Rows of the result that are not shown by themselves but summed into the one called other",
                labels,
                others as f64,
            );
        }
        if let Some(age) = one.age {
            own.gauge("exporter_collector_age_seconds", "Age of the result that is shown", labels, age.as_secs_f64());
        }
        if !named.insert((database.clone(), collector.name.clone())) {
            return;
        }
        let labels: &[(&str, &str)] = &[("datname", database), ("query", &collector.name)];
        let left = one.age.map_or(0.0, |age| self.ttl(one.collector).saturating_sub(age).as_secs_f64());
        let state = &one.state;
        own.gauge("exporter_query_cache_ttl", "Seconds until the result is fetched again", labels, left);
        own.gauge(
            "exporter_query_scrape_total_count",
            "How often a scrape wanted the query's result",
            labels,
            state.collections as f64,
        );
        own.gauge(
            "exporter_query_scrape_hit_count",
            "How often the result came from the cache",
            labels,
            state.hits as f64,
        );
        own.gauge("exporter_query_scrape_error_count", "How often the query failed", labels, state.errors as f64);
        own.gauge(
            "exporter_query_scrape_metric_count",
            "Series in the result",
            labels,
            result.map_or(0, |result| result.series) as f64,
        );
        own.gauge("exporter_query_scrape_duration", "Seconds that the query's last run took", labels, seconds);
        if !collector.predicates.is_empty() {
            own.gauge(
                "exporter_query_scrape_predicate_skip_count",
                "How often a predicate said no",
                labels,
                state.skips as f64,
            );
        }
    }
}

/// What the exporter says of itself as a program, whatever it reads.
pub(super) fn program(families: &mut SelfMetrics, settings: &ScrapeSettings, asked: Instant) {
    let seconds = asked.elapsed().as_secs_f64();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let uptime = settings.started.elapsed().as_secs_f64();
    let mut own = Own { families, namespace: &settings.namespace };
    own.gauge("exporter_up", "Always 1: the exporter answers", &[], 1.0);
    own.gauge("exporter_build_info", "What this program is", &settings.build.labels(), 1.0);
    own.gauge("exporter_uptime", "Seconds since the exporter started", &[], uptime);
    own.gauge("exporter_last_scrape_time", "When this scrape ended, in Unix seconds", &[], now);
    own.gauge("exporter_scrape_duration", "Seconds that this scrape took", &[], seconds);
    own.gauge("exporter_scrape_duration_seconds", "Seconds that this scrape took", &[], seconds);
    own.status(&settings.status);
    own.process();
}

/// Families under a namespace.
struct Own<'a> {
    families: &'a mut SelfMetrics,
    namespace: &'a str,
}

impl Own<'_> {
    fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.families.gauge(&format!("{}_{name}", self.namespace), help, labels, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.families.counter(&format!("{}_{name}", self.namespace), help, &[], value);
    }

    /// The log, the connections of clients, the web configuration.
    fn status(&mut self, status: &ProcessStatus) {
        let connections = [&status.http_connections, &status.http_connections_limit].map(|gauge| gauge.get() as f64);
        self.counter(
            "exporter_log_lines_dropped_total",
            "Log lines dropped because standard error was not read",
            status.log_lines_dropped.get(),
        );
        self.gauge("exporter_http_connections", "HTTP connections that are open", &[], connections[0]);
        self.gauge("exporter_http_connections_limit", "HTTP connections that may be open", &[], connections[1]);
        self.counter(
            "exporter_http_connections_closed_total",
            "HTTP connections closed to make room for others",
            status.http_connections_closed.get(),
        );
        let in_force = match status.web_config() {
            WebConfigState::Absent => return,
            state => state == WebConfigState::InForce,
        };
        self.gauge(
            "exporter_web_config_last_reload_successful",
            "Whether the web configuration file is in force as it is",
            &[],
            f64::from(in_force),
        );
    }

    fn server(&mut self, view: &Snapshot) {
        match &view.up {
            Ok(facts) if facts.role == Role::Neither => {}
            Ok(facts) => {
                let standby = f64::from(facts.role == Role::Standby);
                self.gauge("in_recovery", "1 on a standby, 0 on a primary", &[], standby);
            }
            Err(error) => {
                self.gauge("up_reason", "Why the server is not up", &[("reason", error.reason.as_str())], 1.0)
            }
        }
        if let Some(facts) = view.databases.first().and_then(|main| main.facts.as_ref()) {
            self.gauge("version", "Version of the server as one number, as last seen", &[], f64::from(facts.version.0));
        }
    }

    fn database(&mut self, database: &DatabaseView) {
        let state = &database.state;
        let labels: &[(&str, &str)] = &[("datname", &database.name)];
        self.gauge(
            "exporter_server_scrape_duration",
            "Seconds that the last collection of the database took",
            labels,
            state.last.as_secs_f64(),
        );
        self.gauge(
            "exporter_server_scrape_total_seconds",
            "Seconds that all collections of the database took",
            labels,
            state.total.as_secs_f64(),
        );
        self.gauge("exporter_server_scrape_total_count", "Visits of the database", labels, state.collections as f64);
        self.gauge(
            "exporter_server_scrape_error_count",
            "Visits of the database that failed",
            labels,
            state.errors as f64,
        );
    }

    /// What the process itself costs, by the names that every client library uses; absent where /proc is.
    #[cfg(target_os = "linux")]
    fn process(&mut self) {
        let Ok(process) = procfs::process::Process::myself() else { return };
        if let Ok(stat) = process.stat() {
            let ticks = procfs::ticks_per_second() as f64;
            let cpu = (stat.utime + stat.stime) as f64 / ticks;
            let resident = stat.rss * procfs::page_size();
            self.families.float_counter("process_cpu_seconds_total", "User and system CPU time spent in seconds", cpu);
            self.families.gauge("process_resident_memory_bytes", "Resident memory size in bytes", &[], resident as f64);
            self.families.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes", &[], stat.vsize as f64);
            if let Ok(boot) = procfs::boot_time_secs() {
                let start = boot as f64 + stat.starttime as f64 / ticks;
                self.families.gauge(
                    "process_start_time_seconds",
                    "Start time of the process in Unix seconds",
                    &[],
                    start,
                );
            }
        }
        if let Ok(count) = process.fd_count() {
            self.families.gauge("process_open_fds", "Number of open file descriptors", &[], count as f64);
        }
        if let Ok(limits) = process.limits()
            && let procfs::process::LimitValue::Value(most) = limits.max_open_files.soft_limit
        {
            self.families.gauge("process_max_fds", "Maximum number of open file descriptors", &[], most as f64);
        }
    }

    /// Only Linux has /proc.
    #[cfg(not(target_os = "linux"))]
    fn process(&mut self) {}
}
