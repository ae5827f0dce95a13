//! The exporter's own metrics on a page.

use super::*;
use crate::self_metric::{ALL, SelfMetricKind};

#[tokio::test(start_paused = true)]
async fn every_self_metric_is_exposed_with_the_type_and_help_of_the_table() {
    // The predicate of the second returns no boolean, so it fails.
    let bench = Bench::new(&[("good", ""), ("each", "predicate_queries: [ { name: p, predicate_query: p } ],")]);
    let page = bench.scrape().await;
    let family = |line: &str| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned()));
    let types = page.lines().filter_map(|line| family(line.strip_prefix("# TYPE pg_")?));
    let types: std::collections::BTreeMap<String, String> = types.collect();
    for (name, kind) in &types {
        let metric = ALL.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name}"));
        let is_counter = metric.kind == SelfMetricKind::Counter;
        assert_eq!(is_counter, kind == "counter", "{name}: {kind}");
        assert!(page.contains(&format!("# HELP pg_{name} {}", metric.help)), "{name}");
    }
    let absent: Vec<&str> = ALL.iter().map(|metric| metric.name).filter(|name| !types.contains_key(*name)).collect();
    // These need a server that is down, a `top`, an accumulated collector, a bad row, a log,
    // a server with privileges, samples, a web configuration, TLS.
    let expected = [
        "up_reason",
        "exporter_collector_other_rows",
        "exporter_collector_overflowed_total",
        "exporter_dropped_samples_total",
        "exporter_role_privileged",
        "exporter_log_read",
        "exporter_log_events_total",
        "exporter_log_not_understood_total",
        "exporter_log_read_bytes_total",
        "exporter_log_lag_bytes",
        "exporter_log_state_saved",
        "exporter_samples_total",
        "exporter_samples_skipped_total",
        "exporter_sample_interval_seconds",
        "exporter_sample_uncounted_seconds_total",
        "exporter_web_config_last_reload_successful",
        "exporter_certificate_expiry_timestamp_seconds",
    ];
    assert_eq!(absent, expected);
}
