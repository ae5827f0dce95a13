//! Whether what the rules name is on the pages of a running architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lab::{Architecture, Plan, Ports};
use serde_json::Value;
use support::rules::rules;
use support::{one_at_a_time, programs, promql_names};

/// Metrics that the architecture does not have, and why.
const ABSENT: &[(&str, &str)] = &[
    ("node_systemd_unit_state", "systemd does not run"),
    ("probe_ssl_", "the probe is without TLS"),
    ("prometheus_", "Prometheus does not scrape itself"),
    ("vector_", "no Vector runs"),
    ("pg:threshold:", "no site records thresholds of its own"),
    ("pg_archive_status_oldest_ready_age_seconds", "no WAL file waits to be archived"),
    ("pg_archiver_failed_time", "archiving never failed"),
    ("pg_bgwriter_buffers_backend_fsync", "a column of PostgreSQL 14 to 16"),
    ("pg_copying_processes", "nothing is copied"),
    ("pg_db_cks_fail_time", "no checksum was wrong"),
    ("pg_defpart_tuples", "no table has a default partition"),
    ("pg_exporter_certificate_expiry_", "TLS is off"),
    ("pg_exporter_dropped_samples_", "no sample is dropped"),
    ("pg_index_bloat_", "off unless asked for"),
    ("pg_indexing_phase", "no index is built"),
    ("pg_lock_wait_max_seconds", "nobody waits for a lock"),
    ("pg_log_auth_failure_", "no login fails"),
    ("pg_log_crash_", "nothing crashes"),
    ("pg_log_killed_", "nothing is killed"),
    ("pg_log_out_of_memory_", "there is enough memory"),
    ("pg_plan_", "auto_explain is not loaded"),
    ("pg_table_bloat_", "off unless asked for"),
    ("pg_prepared_max_age_seconds", "no transaction is prepared"),
    ("pg_seq_used_max_ratio", "there is no sequence"),
    ("pg_shared_cks_fail_time", "no checksum was wrong"),
    ("pg_service_", "there is no services file"),
    ("pg_slot_conflicting", "there is no logical slot"),
    ("pg_slot_safe_wal_size", "slots may keep all WAL"),
    ("pg_sub_", "there is no subscription"),
    ("pg_vacuuming_phase", "nothing is vacuumed for long"),
    ("pgbackrest_drill_", "no drill runs"),
    ("pgbackrest_verify_", "no verification runs"),
    ("pgbackrest_exporter_certificate_expiry_", "TLS is off"),
    ("pgbackrest_exporter_dropped_samples_", "no sample is dropped"),
    ("pgbackrest_exporter_web_config_", "it has no web configuration"),
    ("pgbouncer_exporter_certificate_expiry_", "TLS is off"),
    ("pgbouncer_exporter_dropped_samples_", "no sample is dropped"),
    ("pgbouncer_user_pool_size", "no user has a pool size of its own"),
];

/// How long a busy machine of two cores may take until every page was scraped.
const LIMIT: Duration = Duration::from_secs(90);

#[test]
fn every_metric_and_label_is_on_the_pages_of_a_running_architecture() {
    let _turn = one_at_a_time();
    let plan = Plan { programs: programs().to_owned(), ports: Ports::Free, ..Plan::default() };
    let architecture = Architecture::start(&plan).unwrap();
    let primary = architecture.wait_for_cluster(LIMIT).unwrap();
    let member = &architecture.nodes[primary].member;
    member.psql("postgres", "create table thing (id int primary key)").unwrap();
    member.psql("postgres", "alter system set log_min_duration_statement = 0").unwrap();
    member.psql("postgres", "select pg_reload_conf()").unwrap();
    // Someone has a snapshot.
    let _session = member.start_client("psql", &["-X", "-q", "-d", "postgres", "-c", "select pg_sleep(600)"]).unwrap();

    let used = used();
    let deadline = Instant::now() + LIMIT;
    loop {
        // For the log, which is read from the time on that it was found.
        member.psql("postgres", "select 1 / 0").unwrap_err();
        let faults = faults(&used, architecture.prometheus.address());
        if faults.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{faults:#?}");
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The metrics of all rules, with the labels that they are matched by.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let rules = rules();
    let mut used = BTreeMap::<String, BTreeSet<String>>::new();
    for (metric, labels) in rules.iter().flat_map(|rule| promql_names::used(&rule.expression).metrics) {
        used.entry(metric).or_default().extend(labels);
    }
    // A label of Kubernetes' targets.
    used.values_mut().for_each(|labels| labels.retain(|label| label != "pod"));
    used.retain(|metric, _| rules.iter().all(|rule| rule.record.as_ref() != Some(metric)));
    assert!(used.len() > 100, "the metrics of the rules are not read: {}", used.len());
    used
}

/// What a Prometheus lacks, or has although it is said to be absent.
fn faults(used: &BTreeMap<String, BTreeSet<String>>, prometheus: SocketAddr) -> Vec<String> {
    let labels_of = |metric: &str| -> BTreeSet<String> {
        let path = format!("/api/v1/labels?match%5B%5D={metric}");
        let answer = lab::request(prometheus, "GET", &path, &[]).unwrap().text();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["data"].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned()).collect()
    };
    let fault = |(metric, wanted): (&String, &BTreeSet<String>)| {
        let excuse = ABSENT.iter().find(|(start, _)| metric.starts_with(start));
        let found = labels_of(metric);
        match (found.is_empty(), excuse) {
            (true, None) => Some(format!("{metric} is on no page")),
            (false, Some((_, reason))) => Some(format!("{metric} is there, although {reason}")),
            (false, None) if !wanted.is_subset(&found) => Some(format!("{metric} has {found:?}, not {wanted:?}")),
            _ => None,
        }
    };
    used.iter().filter_map(fault).collect()
}
