//! Collectors whose rows are summed up over time.

use super::script::after;
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
