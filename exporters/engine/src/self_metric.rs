//! Every metric that the exporter exposes about itself, each written once: name, type, labels, help.

use SelfMetricKind::{Counter, Gauge};

/// A metric that the exporter exposes about itself.
#[derive(Debug)]
pub(crate) struct SelfMetric {
    /// After the namespace.
    pub name: &'static str,
    pub kind: SelfMetricKind,
    /// The names of its labels, without those of the target.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SelfMetricKind {
    Counter,
    Gauge,
}

impl SelfMetricKind {
    /// The type as exposed.
    pub fn word(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
        }
    }
}

impl SelfMetric {
    /// Its name under `namespace`.
    pub fn full_name(&self, namespace: &str) -> String {
        format!("{namespace}_{}", self.name)
    }
}

/// The full names of all of them; a collector may not take one.
pub(crate) fn reserved_names(namespace: &str) -> Vec<String> {
    ALL.iter().map(|metric| metric.full_name(namespace)).collect()
}

macro_rules! self_metrics {
    ($($id:ident: $kind:ident $name:literal $labels:tt, $help:literal;)*) => {
        $(pub(crate) const $id: SelfMetric = SelfMetric { name: $name, kind: $kind, labels: &$labels, help: $help };)*
        /// All of them.
        pub(crate) const ALL: &[SelfMetric] = &[$($id),*];
    };
}

self_metrics! {
    UP: Gauge "up" [], "1 if a query was answered in this scrape, else 0";
    UP_REASON: Gauge "up_reason" ["reason"], "1 for the reason why the server is not up";
    VERSION: Gauge "version" [], "Version of the server as one number, from the last probe that succeeded";
    IN_RECOVERY: Gauge "in_recovery" [], "1 on a standby, 0 on a primary";

    BUILD_INFO: Gauge "exporter_build_info" ["version", "revision", "goos", "goarch"], "1, with the version, revision and platform of the exporter as labels";
    EXPORTER_UP: Gauge "exporter_up" [], "1 while the exporter runs";
    UPTIME: Gauge "exporter_uptime" [], "Seconds since the exporter started";
    LAST_SCRAPE_TIME: Gauge "exporter_last_scrape_time" [], "Unix time of this scrape in seconds";
    SCRAPE_DURATION: Gauge "exporter_scrape_duration" [], "Duration of this scrape in seconds";
    SCRAPE_DURATION_SECONDS: Gauge "exporter_scrape_duration_seconds" [], "Duration of this scrape in seconds";
    SCRAPE_TOTAL_COUNT: Counter "exporter_scrape_total_count" [], "Scrapes served";
    LAST_SCRAPE_ERROR: Gauge "exporter_last_scrape_error" [], "1 if in this scrape the server was not up or a collector failed, else 0";
    SCRAPE_ERROR_COUNT: Counter "exporter_scrape_error_count" [], "Scrapes served while the server was not up";
    SCRAPES_TOTAL: Counter "exporter_scrapes_total" [], "Scrapes served";

    SERVER_SCRAPE_DURATION: Gauge "exporter_server_scrape_duration" ["datname"], "Duration of the last collection of the database in seconds";
    SERVER_SCRAPE_TOTAL_SECONDS: Gauge "exporter_server_scrape_total_seconds" ["datname"], "Duration of all collections of the database in seconds";
    SERVER_SCRAPE_TOTAL_COUNT: Gauge "exporter_server_scrape_total_count" ["datname"], "Collections of the database";
    SERVER_SCRAPE_ERROR_COUNT: Gauge "exporter_server_scrape_error_count" ["datname"], "Collections of the database that failed";

    QUERY_CACHE_TTL: Gauge "exporter_query_cache_ttl" ["datname", "query"], "Seconds until the cached result expires";
    QUERY_SCRAPE_TOTAL_COUNT: Gauge "exporter_query_scrape_total_count" ["datname", "query"], "Scrapes that included the query";
    QUERY_SCRAPE_HIT_COUNT: Gauge "exporter_query_scrape_hit_count" ["datname", "query"], "Scrapes in which the result was served from the cache";
    QUERY_SCRAPE_ERROR_COUNT: Gauge "exporter_query_scrape_error_count" ["datname", "query"], "Runs of the query that failed";
    QUERY_SCRAPE_PREDICATE_SKIP_COUNT: Gauge "exporter_query_scrape_predicate_skip_count" ["datname", "query"], "Times a predicate skipped the query";
    QUERY_SCRAPE_METRIC_COUNT: Gauge "exporter_query_scrape_metric_count" ["datname", "query"], "Series in the result";
    QUERY_SCRAPE_DURATION: Gauge "exporter_query_scrape_duration" ["datname", "query"], "Duration of the last run of the query in seconds";

    COLLECTOR_SUCCESS: Gauge "exporter_collector_success" ["collector", "datname"], "1 if the collector has a result within its time to live, else 0";
    COLLECTOR_DURATION_SECONDS: Gauge "exporter_collector_duration_seconds" ["collector", "datname"], "Duration of the collector's last run on the server in seconds";
    COLLECTOR_AGE_SECONDS: Gauge "exporter_collector_age_seconds" ["collector", "datname"], "Age of the exposed result in seconds";
    COLLECTOR_ROWS: Gauge "exporter_collector_rows" ["collector", "datname"], "Rows in the exposed result";
    COLLECTOR_SERIES: Gauge "exporter_collector_series" ["collector", "datname"], "Series in the exposed result";
    COLLECTOR_OTHER_ROWS: Gauge "exporter_collector_other_rows" ["collector", "datname"], "Rows of the result that are aggregated into the series with the label value other";
    COLLECTOR_OVERFLOWED_TOTAL: Counter "exporter_collector_overflowed_total" ["collector", "datname"], "Observations of an accumulated collector that were summed into the label value other, since their label set was above max_series";
    COLLECTOR_ERRORS_TOTAL: Counter "exporter_collector_errors_total" ["collector", "datname", "reason"], "Collector runs that failed, by reason";
    DROPPED_SAMPLES_TOTAL: Counter "exporter_dropped_samples_total" ["collector", "reason"], "Samples dropped from responses, by reason";

    ROLE_PRIVILEGED: Gauge "exporter_role_privileged" [], "1 if the exporter's role sees all sessions, settings and statements, as with pg_monitor, else 0; collectors that would then export false values are left out";
    LOG_READ: Gauge "exporter_log_read" ["program"], "1 if the log of the program is read, 0 if it cannot be read";
    LOG_EVENTS_TOTAL: Counter "exporter_log_events_total" ["program"], "Events read from the log of the program";
    LOG_NOT_UNDERSTOOD_TOTAL: Counter "exporter_log_not_understood_total" ["program"], "Lines of the log of the program that are not in its format";
    LOG_READ_BYTES_TOTAL: Counter "exporter_log_read_bytes_total" ["program"], "Bytes read from the log of the program";
    LOG_LAG_BYTES: Gauge "exporter_log_lag_bytes" ["program"], "Bytes written to the log of the program and not read yet";
    LOG_STATE_SAVED: Gauge "exporter_log_state_saved" ["program"], "1 if the position in the log of the program is saved for a restart, else 0";
    CONNECTIONS: Gauge "exporter_connections" [], "Open connections to the server";
    CONNECTIONS_BUDGET: Gauge "exporter_connections_budget" [], "Maximum number of open connections to the server";
    CONNECTIONS_OPENED_TOTAL: Counter "exporter_connections_opened_total" [], "Connections opened to the server";
    UNCHANGED_DATABASES: Gauge "exporter_unchanged_databases" [], "Databases that were not visited in this scrape, since nothing has happened in them";
    UNREAD_DATABASES: Gauge "exporter_unread_databases" [], "Databases that the exporter has not read yet since it started, for lack of time";
    QUERIES_TOTAL: Counter "exporter_queries_total" [], "Queries sent to the server";
    RECEIVED_BYTES_TOTAL: Counter "exporter_received_bytes_total" [], "Bytes of rows received from the server";
    QUERY_SECONDS_TOTAL: Counter "exporter_query_seconds_total" [], "Time that the server spent on queries, in seconds";

    SAMPLES_TOTAL: Counter "exporter_samples_total" ["collector"], "Samples taken of a sampled collector";
    SAMPLES_SKIPPED_TOTAL: Counter "exporter_samples_skipped_total" ["reason"], "Samples not taken: busy is that a scrape used the connection, down that the server was down, error that the query failed or there was no session";
    SAMPLE_INTERVAL_SECONDS: Gauge "exporter_sample_interval_seconds" ["collector"], "Time between samples now, in seconds; longer than the collector asks for while samples are slow or fail";
    SAMPLE_UNCOUNTED_SECONDS_TOTAL: Counter "exporter_sample_uncounted_seconds_total" ["collector"], "Time that no sample stands for since one failed or came too late, in seconds";
    SAMPLE_SECONDS_TOTAL: Counter "exporter_sample_seconds_total" [], "Time that the server spent on samples, in seconds";

    CONFIG_LAST_RELOAD_SUCCESSFUL: Gauge "exporter_config_last_reload_successful" [], "1 if the last reload of the collector files succeeded, else 0";
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS: Gauge "exporter_config_last_reload_success_timestamp_seconds" [], "Unix time of the last successful reload of the collector files in seconds";
    WEB_CONFIG_LAST_RELOAD_SUCCESSFUL: Gauge "exporter_web_config_last_reload_successful" [], "1 if the last reload of the web configuration file succeeded, else 0";
    CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS: Gauge "exporter_certificate_expiry_timestamp_seconds" ["certificate"], "Unix time at which a TLS certificate expires in seconds: server is the one that the server presented when the exporter last connected, web is the exporter's own; absent without TLS";
    LOG_LINES_DROPPED_TOTAL: Counter "exporter_log_lines_dropped_total" [], "Log lines dropped because standard error was not read";
    HTTP_CONNECTIONS: Gauge "exporter_http_connections" [], "Open HTTP connections";
    HTTP_CONNECTIONS_LIMIT: Gauge "exporter_http_connections_limit" [], "Maximum number of open HTTP connections";
    HTTP_CONNECTIONS_CLOSED_TOTAL: Counter "exporter_http_connections_closed_total" [], "HTTP connections closed to make room for others";
}
