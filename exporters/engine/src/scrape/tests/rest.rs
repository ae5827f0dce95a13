//! Collectors whose query runs on a REST interface, without a session.

use reason::Reason;

use super::script::{NOW, after, fail};
use super::*;

fn bench() -> Bench {
    let metrics = "metrics: [n: { usage: GAUGE }]";
    Bench::of_file(format!("rest: {{ rest: patroni, query: .x, {metrics} }}\nsql: {{ query: SELECT 1, {metrics} }}\n"))
}

#[tokio::test(start_paused = true)]
async fn rest_rows_are_on_the_page_whatever_the_server_does() {
    let bench = bench();
    bench.script.on("open main", [fail(Reason::Refused), NOW, fail(Reason::Refused)]);
    for up in [0.0, 1.0, 0.0] {
        let page = bench.scrape().await;
        assert_eq!(value(&page, "pg_up "), Some(up), "{page}");
        assert_eq!(value(&page, "rest_n "), Some(5.0), "{page}");
        assert_eq!(success_in(&page, "rest", ""), Some(1.0), "{page}");
        let age = "pg_exporter_collector_age_seconds{collector=\"rest\",datname=\"\"}";
        assert!((3.0..3.1).contains(&value(&page, age).unwrap()), "{page}");
    }
    let explained = crate::http::explain(&bench.targets);
    assert!(explained.contains("not planned: reads no database: the REST interface of Patroni"), "{explained}");
    assert!(explained.contains("## REST interface of Patroni"), "{explained}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_costs_the_samples_of_the_interface_only() {
    let bench = bench();
    bench.script.on("rest .x", [NOW, fail(Reason::Json), fail(Reason::Json), NOW]);
    for well in [true, false, false, true] {
        let page = bench.scrape().await;
        assert_eq!(success(&page, "sql"), Some(1.0), "{page}");
        assert_eq!(success_in(&page, "rest", ""), Some(f64::from(well)), "{page}");
        assert_eq!(value(&page, "rest_n "), well.then_some(5.0), "{page}");
        let explained = crate::http::explain(&bench.targets);
        assert_eq!(explained.contains("(json): rest .x: by script"), !well, "{explained}");
    }
    let page = bench.scrape().await;
    let errors = "pg_exporter_collector_errors_total{collector=\"rest\",datname=\"\",reason=\"json\"}";
    assert_eq!(value(&page, errors), Some(2.0), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_filter_without_end_costs_no_more_than_the_time_of_the_scrape() {
    let bench = bench();
    bench.script.on("rest .x", [after(60_000)]);
    let begun = Instant::now();
    let page = bench.scrape().await;
    assert!(begun.elapsed() < LIMIT + Duration::from_secs(1));
    assert_eq!((success(&page, "sql"), success_in(&page, "rest", "")), (Some(1.0), Some(0.0)), "{page}");
}
