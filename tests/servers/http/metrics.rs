//! The page of metrics: its formats, and what the exporter says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use lab::{Exporter, Major, Postgres, Response};
use support::certificates::written;
use support::{Page, binary, exporter, scrape};

use super::{COLLECTORS, DOWN};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What scrapers send, by name, with the formats they get: without and with `--web.openmetrics`.
const ACCEPTED: [(&str, &str, &str, &str); 9] = [
    (
        "Prometheus 2",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        TEXT,
        OPEN_METRICS,
    ),
    (
        "Prometheus 3",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        TEXT,
        OPEN_METRICS,
    ),
    (
        "Prometheus with native histograms",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        TEXT,
        OPEN_METRICS,
    ),
    ("VictoriaMetrics", "text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT, TEXT),
    ("a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT, TEXT),
    ("curl", "*/*", TEXT, TEXT),
    ("only OpenMetrics", "application/openmetrics-text", OPEN_METRICS, OPEN_METRICS),
    (
        "only OpenMetrics 1.0.0",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        OPEN_METRICS,
        OPEN_METRICS,
    ),
    ("what nobody has", "application/json", TEXT, TEXT),
];

/// Asks for a page once, and holds that a scrape is 200 whatever the state.
fn ask(exporter: &Exporter, headers: &[(&str, &str)]) -> Response {
    let response = exporter.get_with("/metrics", headers).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-length"), Some(response.body.len().to_string().as_str()));
    assert_eq!(response.header("vary"), Some("Accept, Accept-Encoding"));
    response
}

fn unzipped(response: &Response) -> String {
    let mut text = String::new();
    GzDecoder::new(&response.body[..]).read_to_string(&mut text).unwrap();
    text
}

/// Lines that are the same in two scrapes of the same results: all but the samples that are about the scrape.
fn lasting(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("pg_exporter_") && !line.starts_with("process_")).collect()
}

/// Each family has its head once, HELP and TYPE, and then its samples together; returns the names in order.
fn assert_in_order(text: &str) -> Vec<&str> {
    let mut families: Vec<&str> = Vec::new();
    let mut head = BTreeSet::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.split(' ');
        if let ("#", kind @ ("HELP" | "TYPE"), Some(name)) =
            (words.next().unwrap(), words.next().unwrap(), words.next())
        {
            if families.last() != Some(&name) {
                assert!(families.is_empty() || head.len() == 2, "{:?} has only {head:?}", families.last());
                families.push(name);
                head.clear();
            }
            assert!(head.insert(kind), "{kind} twice: {line}");
        } else {
            let (family, name) = (families.last().copied(), line.split(['{', ' ']).next().unwrap());
            assert!(
                head.len() == 2 && (Some(name) == family || name.strip_suffix("_total") == family),
                "{line} in {family:?}"
            );
        }
    }
    let once: BTreeSet<&str> = families.iter().copied().collect();
    assert_eq!(once.len(), families.len(), "a family is there twice: {families:?}");
    families
}

#[test]
fn negotiates_formats_with_the_same_numbers() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create table seen (n int primary key)").unwrap();
    let still = "--cache-ttls=600,600,600,600";
    let plain = exporter(&server, "postgres", &[still]);
    let open = exporter(&server, "postgres", &[still, "--web.openmetrics"]);
    let not_open = exporter(&server, "postgres", &[still, "--no-web.openmetrics"]);
    for exporter in [&plain, &open, &not_open] {
        ask(exporter, &[]);
    }
    for (who, accept, usual, preferred) in ACCEPTED {
        for (exporter, expected) in [(&plain, usual), (&open, preferred), (&not_open, usual)] {
            assert_eq!(ask(exporter, &[("Accept", accept)]).header("content-type"), Some(expected), "{who}");
        }
    }
    assert_eq!(ask(&plain, &[]).header("content-type"), Some(TEXT));
    assert_eq!(ask(&open, &[]).header("content-type"), Some(TEXT));
    // A list may come in pieces.
    let parted = [("Accept", "application/openmetrics-text"), ("Accept", "text/plain")];
    assert_eq!(ask(&plain, &parted).header("content-type"), Some(TEXT));

    let text = ask(&plain, &[]).text();
    assert!(assert_in_order(&text).is_sorted());
    Page::parse(text.clone()).assert_valid();
    let only_open = ("Accept", "application/openmetrics-text");
    let open_metrics = ask(&plain, &[only_open]).text();
    assert_in_order(&open_metrics);
    assert!(open_metrics.ends_with("\n# EOF\n") && open_metrics.matches("# EOF").count() == 1);
    if let Err(error) = openmetrics_parser::openmetrics::parse_openmetrics(&open_metrics) {
        panic!("{error}");
    }
    // Names and values are those of the text format.
    let samples = |text: &str| -> BTreeSet<String> {
        lasting(text).into_iter().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(samples(&text), samples(&open_metrics));

    for accept in [None, Some(only_open)] {
        let gzip = |offer| [&[("Accept-Encoding", offer)][..], accept.as_slice()].concat();
        let identity = ask(&plain, accept.as_slice());
        assert_eq!(identity.header("content-encoding"), None);
        for offer in ["gzip", "gzip, deflate, br, zstd", "zstd;q=1, gzip;q=0.5"] {
            let packed = ask(&plain, &gzip(offer));
            assert_eq!(packed.header("content-encoding"), Some("gzip"), "{offer}");
            assert_eq!(packed.header("content-type"), identity.header("content-type"));
            assert!(packed.body.len() * 5 < identity.body.len() * 2, "{} {}", packed.body.len(), identity.body.len());
            assert_eq!(lasting(&unzipped(&packed)), lasting(&identity.text()));
        }
        for refusal in ["gzip;q=0", "identity", "br"] {
            assert_eq!(ask(&plain, &gzip(refusal)).header("content-encoding"), None, "{refusal}");
        }
    }
    let head = plain.request("HEAD", "/metrics", &[]).unwrap();
    assert_eq!((head.status, head.body.len(), head.header("content-type")), (200, 0, Some(TEXT)));
}

/// The exporter's own families after the prefix, with type and labels.
const OWN: [(&str, &str, &[&str]); 39] = [
    ("up", "gauge", &[]),
    ("version", "gauge", &[]),
    ("in_recovery", "gauge", &[]),
    ("exporter_build_info", "gauge", &["goarch", "goos", "revision", "version"]),
    ("exporter_up", "gauge", &[]),
    ("exporter_uptime", "gauge", &[]),
    ("exporter_last_scrape_time", "gauge", &[]),
    ("exporter_scrape_duration", "gauge", &[]),
    ("exporter_scrape_duration_seconds", "gauge", &[]),
    ("exporter_scrape_total_count", "counter", &[]),
    ("exporter_last_scrape_error", "gauge", &[]),
    ("exporter_scrape_error_count", "counter", &[]),
    ("exporter_server_scrape_duration", "gauge", &["datname"]),
    ("exporter_server_scrape_total_seconds", "gauge", &["datname"]),
    ("exporter_server_scrape_total_count", "gauge", &["datname"]),
    ("exporter_server_scrape_error_count", "gauge", &["datname"]),
    ("exporter_query_cache_ttl", "gauge", &["datname", "query"]),
    ("exporter_query_scrape_total_count", "gauge", &["datname", "query"]),
    ("exporter_query_scrape_hit_count", "gauge", &["datname", "query"]),
    ("exporter_query_scrape_error_count", "gauge", &["datname", "query"]),
    ("exporter_query_scrape_predicate_skip_count", "gauge", &["datname", "query"]),
    ("exporter_query_scrape_metric_count", "gauge", &["datname", "query"]),
    ("exporter_query_scrape_duration", "gauge", &["datname", "query"]),
    ("exporter_collector_success", "gauge", &["collector", "datname"]),
    ("exporter_collector_duration_seconds", "gauge", &["collector", "datname"]),
    ("exporter_collector_age_seconds", "gauge", &["collector", "datname"]),
    ("exporter_collector_rows", "gauge", &["collector", "datname"]),
    ("exporter_collector_series", "gauge", &["collector", "datname"]),
    ("exporter_collector_errors_total", "counter", &["collector", "datname", "reason"]),
    ("exporter_dropped_samples_total", "counter", &["collector", "reason"]),
    ("exporter_connections", "gauge", &[]),
    ("exporter_connections_budget", "gauge", &[]),
    ("exporter_connections_opened_total", "counter", &[]),
    ("exporter_queries_total", "counter", &[]),
    ("exporter_received_bytes_total", "counter", &[]),
    ("exporter_query_seconds_total", "counter", &[]),
    ("exporter_scrapes_total", "counter", &[]),
    ("exporter_config_last_reload_successful", "gauge", &[]),
    ("exporter_config_last_reload_success_timestamp_seconds", "gauge", &[]),
];

#[test]
fn exposes_self_metrics_with_constant_labels_and_prefix() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", COLLECTORS);
    let config = ["--config", config.to_str().unwrap()];
    let constant =
        BTreeMap::from([("cluster".to_owned(), r#"a"b\c"#.to_owned()), ("ins".to_owned(), "é 1".to_owned())]);
    for prefix in ["pg", "mine"] {
        let labels = ["--label", r#"cluster=a"b\c,ins=é 1"#, "--namespace", prefix];
        let exporter = exporter(&server, "postgres", &[&config[..], &labels[..]].concat());
        let page = scrape(&exporter);
        assert!(assert_in_order(&page.text).is_sorted());
        page.assert_valid();
        for (name, kind, labels) in OWN {
            let name = format!("{prefix}_{name}");
            assert_eq!(page.kind(&name), Some(kind), "{name}\n{}", page.text);
            let samples = page.samples(&name, &[]);
            assert!(!samples.is_empty(), "{name} has no sample");
            for sample in samples {
                let own: Vec<&str> =
                    sample.labels.keys().map(String::as_str).filter(|label| !constant.contains_key(*label)).collect();
                assert_eq!(own, labels, "{name}");
            }
        }
        for name in page.families() {
            for sample in page.samples(name, &[]) {
                assert!(
                    constant.iter().all(|(label, value)| sample.labels.get(label) == Some(value)),
                    "{name} {sample:?}"
                );
            }
            let known = name.starts_with(&format!("{prefix}_")) || name.starts_with("process_");
            assert!(known || ["good_a"].contains(&name), "{name}");
        }
        let of = |name: &str, labels: &[(&str, &str)]| page.value(&format!("{prefix}_{name}"), labels);
        assert_eq!(of("up", &[]), Some(1.0));
        assert_eq!(
            of("version", &[]).map(|version| (version / 10_000.0).floor()),
            Some(f64::from(Major::NEWEST.number()))
        );
        assert_eq!(of("exporter_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), Some(1.0));
        for (collector, success) in [("good", 1.0), ("bad", 0.0), ("odd", 1.0), ("off", 1.0)] {
            let labels = &[("collector", collector), ("datname", "postgres")];
            assert_eq!(of("exporter_collector_success", labels), Some(success), "{collector}");
        }
        assert_eq!(of("exporter_collector_errors_total", &[("collector", "bad"), ("reason", "sql")]), Some(1.0));
        assert_eq!(of("exporter_dropped_samples_total", &[("collector", "odd"), ("reason", "unreadable")]), Some(1.0));
        assert_eq!(of("exporter_query_scrape_predicate_skip_count", &[("query", "off")]), Some(1.0));
        assert_eq!(of("exporter_up_reason", &[]), None);
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_open_fds",
        ] {
            assert!(page.value(name, &[]).is_some_and(|value| value > 0.0) || name.contains("cpu"), "{name}");
        }
        // A scrape later the counters have moved.
        let later = scrape(&exporter);
        assert_eq!(later.value(&format!("{prefix}_exporter_scrapes_total"), &[]), Some(2.0));
        assert_eq!(later.value(&format!("{prefix}_exporter_scrape_total_count"), &[]), Some(2.0));
        assert_eq!(
            later.value(&format!("{prefix}_exporter_query_scrape_total_count"), &[("query", "good")]),
            Some(2.0)
        );
    }
    let bare = scrape(&exporter(&server, "postgres", &[&config[..], &["--disable-intro", "-l", "a=b"]].concat()));
    assert_eq!(bare.families().into_iter().collect::<Vec<_>>(), ["good_a", "pg_up"]);
    assert_eq!(bare.samples("pg_up", &[("a", "b")]).len(), 1);
}

#[test]
fn shows_the_reason_of_a_server_that_is_down() {
    let down = Exporter::start(binary(), &["-l", "a=b"], &[DOWN]).unwrap();
    for _ in 0..2 {
        let page = scrape(&down);
        assert!(assert_in_order(&page.text).is_sorted());
        page.assert_valid();
        assert_eq!(page.value("pg_up", &[("a", "b")]), Some(0.0));
        assert_eq!(page.value("pg_up_reason", &[("reason", "refused"), ("a", "b")]), Some(1.0));
        assert_eq!(page.value("pg_exporter_up", &[]), Some(1.0));
        // What is not known is not there.
        assert_eq!((page.value("pg_in_recovery", &[]), page.value("pg_version", &[])), (None, None));
    }
    assert_eq!(scrape(&down).value("pg_exporter_scrape_error_count", &[]), Some(3.0));
}
