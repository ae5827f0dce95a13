//! Collectors whose rows are summed up over time.

use reason::Reason;

use super::script::{after, fail};
use super::*;

const SAMPLED: &str = "pg_load: { from: sessions, sample: 1, tags: [cluster], metrics: [ n: { usage: COUNTER, rename: seconds_total } ] }\n";
const QUERY: &str = "SELECT \"n\"\nFROM sessions";

/// A server with one session.
fn bench(text: &str) -> Bench {
    let bench = Bench::of_file(text.to_owned());
    bench.script.change(|found| found.facts.role = Role::Standby);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_scrape_reads_what_was_summed_up_and_asks_nothing() {
    let bench = bench(SAMPLED);
    let page = bench.scrape().await;
    assert_eq!((value(&page, "pg_load_seconds_total"), success(&page, "pg_load")), (Some(0.0), Some(1.0)), "{page}");
    assert_eq!(bench.script.count(QUERY), 1, "the first one shows whether the query runs");
    bench.script.on(QUERY, [after(60_000)]);
    let page = bench.scrape().await;
    assert_eq!((value(&page, "pg_load_seconds_total"), success(&page, "pg_load")), (Some(0.0), Some(1.0)), "{page}");
    assert_eq!(bench.script.count(QUERY), 1);
    assert!(page.contains("# TYPE pg_load_seconds_total counter\n"), "{page}");
    assert_eq!(bench.explained("pg_load"), "ok, sampled every 1 s");
}

/// Samples are taken for so many seconds.
async fn sample_for(bench: &Bench, seconds: u64) {
    bench.targets.begin_sampling();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn seconds(page: &str) -> f64 {
    value(page, "pg_load_seconds_total").unwrap_or_else(|| panic!("{page}"))
}

fn skipped(page: &str, reason: &str) -> Option<f64> {
    value(page, &format!("pg_exporter_samples_skipped_total{{reason=\"{reason}\"}}"))
}

fn assert_about(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1.1, "{found} is not about {expected}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_there_counts_its_seconds_whoever_scrapes() {
    let bench = bench(SAMPLED);
    bench.scrape().await;
    sample_for(&bench, 30).await;
    let page = bench.scrape().await;
    assert_about(seconds(&page), 30.0);
    assert_eq!(value(&page, "pg_exporter_sample_interval_seconds{collector=\"pg_load\"}"), Some(1.0), "{page}");
    bench.script.change(|found| found.facts.role = Role::Primary);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_about(seconds(&bench.scrape().await), 30.0);
}

#[tokio::test(start_paused = true)]
async fn samples_need_no_scrape_before() {
    let bench = bench(SAMPLED);
    sample_for(&bench, 30).await;
    bench.scrape().await;
    assert_about(seconds(&bench.scrape().await), 29.0);
}

#[tokio::test(start_paused = true)]
async fn slow_samples_come_less_often_and_count_the_same_time() {
    let bench = bench(SAMPLED);
    bench.scrape().await;
    bench.script.on(QUERY, [after(300)]);
    sample_for(&bench, 60).await;
    let page = bench.scrape().await;
    let interval = "pg_exporter_sample_interval_seconds{collector=\"pg_load\"}";
    assert_eq!(value(&page, interval), Some(4.0), "{page}");
    assert!((seconds(&page) - 60.0).abs() < 4.1, "{page}");
    let count = bench.script.count(QUERY);
    assert!(count < 25, "{count}");
    bench.script.on(QUERY, [script::NOW]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(value(&bench.scrape().await, interval), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_that_uses_the_connection_costs_resolution_and_no_seconds() {
    let two = format!("{SAMPLED}slow: {{ query: slow, timeout: 9, metrics: [ n: {{ usage: GAUGE }} ] }}\n");
    let bench = bench(&two);
    bench.scrape().await;
    bench.script.limit_connections(1);
    bench.script.on("slow", [after(5000)]);
    sample_for(&bench, 10).await;
    bench.scrape().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let page = bench.scrape_within(Duration::from_millis(100)).await;
    assert_about(seconds(&page), 20.0);
    let busy = skipped(&page, "busy").unwrap_or_default();
    assert!((3.0..=6.0).contains(&busy), "{busy}");
}

#[tokio::test(start_paused = true)]
async fn what_no_sample_stands_for_is_counted_as_such() {
    let bench = bench(SAMPLED);
    bench.scrape().await;
    // Within a failure nobody knows what happened.
    bench.script.on(QUERY, [script::NOW, script::NOW, fail(Reason::Timeout), script::NOW]);
    sample_for(&bench, 20).await;
    let page = bench.scrape().await;
    let uncounted = "pg_exporter_sample_uncounted_seconds_total{collector=\"pg_load\"}";
    let uncounted = value(&page, uncounted).unwrap_or_default();
    assert!(uncounted >= 2.0, "{page}");
    assert_about(seconds(&page) + uncounted, 20.0);
    assert_eq!((skipped(&page, "error"), success(&page, "pg_load")), (Some(1.0), Some(1.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_sampled_query_that_goes_on_failing_fails_its_collector() {
    let bench = bench(SAMPLED);
    bench.scrape().await;
    bench.script.on(QUERY, [fail(Reason::Permission)]);
    sample_for(&bench, 60).await;
    let page = bench.scrape().await;
    assert_eq!((value(&page, "pg_load_seconds_total"), success(&page, "pg_load")), (None, Some(0.0)), "{page}");
    assert_eq!(errors(&page, "pg_load", "permission"), Some(1.0));
    let count = bench.script.count(QUERY);
    assert!(count < 12, "{count} samples in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_is_not_sampled() {
    let bench = bench(SAMPLED);
    bench.scrape().await;
    sample_for(&bench, 10).await;
    bench.script.on("open main", [fail(Reason::Refused)]);
    bench.scrape().await;
    bench.script.take_asked();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(bench.script.take_asked().len(), 0, "scrapes find out when it is up again");
    bench.script.on("open main", [script::NOW]);
    let before = seconds(&bench.scrape().await);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let page = bench.scrape().await;
    assert_about(seconds(&page) - before, 9.0);
    assert!(skipped(&page, "down") >= Some(10.0), "{page}");
}

#[tokio::test(start_paused = true)]
async fn collectors_that_share_a_query_are_sampled_by_one() {
    let columns = "metrics: [ n: { usage: COUNTER, rename: seconds_total } ]";
    let two = format!("{SAMPLED}pg_top: {{ query_of: pg_load, {columns} }}\n");
    let bench = bench(&two);
    bench.scrape().await;
    bench.script.take_asked();
    sample_for(&bench, 10).await;
    let count = bench.script.count(QUERY);
    assert!((9..=11).contains(&count), "{count}");
    let page = bench.scrape().await;
    assert_about(value(&page, "pg_top_seconds_total").unwrap(), 10.0);
    assert_eq!(value(&page, "pg_top_seconds_total"), value(&page, "pg_load_seconds_total"));
}

#[tokio::test(start_paused = true)]
async fn a_reload_loses_no_seconds() {
    let bench = bench(SAMPLED);
    bench.scrape().await;
    sample_for(&bench, 10).await;
    let folder = EmbeddedFolder { name: "test", files: vec![("test.yml".to_owned(), SAMPLED.to_owned())] };
    let catalog = Catalog::load(&Origin::Embedded(folder), &Tiers::default(), &[]).unwrap();
    let Bench { script, targets } = bench;
    let reloaded = Bench { script, targets: Arc::new(targets.with(catalog)) };
    drop(targets);
    sample_for(&reloaded, 10).await;
    assert_about(seconds(&reloaded.scrape().await), 20.0);
}
