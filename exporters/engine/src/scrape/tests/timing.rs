//! The deadline, what comes after it, and what expires before it.

use std::time::Duration;

use tokio::time::Instant;

use super::script::{NOW, after};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_page_is_answered_at_its_deadline_with_what_is_there() {
    let bench = Bench::new(&[("quick", ""), ("slow", "timeout: 60,")]);
    bench.script.on("slow", [after(20_000)]);
    let begun = Instant::now();
    let page = bench.scrape_within(Duration::from_secs(3)).await;
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert_eq!(value(&page, "pg_up"), Some(1.0), "{page}");
    assert_eq!((value(&page, "quick_n"), success(&page, "quick")), (Some(0.0), Some(1.0)), "{page}");
    assert_eq!((value(&page, "slow_n"), success(&page, "slow")), (None, Some(0.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_down_at_the_deadline() {
    let bench = Bench::new(&[("quick", "")]);
    bench.scrape().await;
    bench.script.on("open main", [after(60_000)]);
    let begun = Instant::now();
    let page = bench.scrape().await;
    assert_eq!(begun.elapsed().as_secs(), LIMIT.as_secs());
    assert_eq!((value(&page, "pg_up"), up_reason(&page)), (Some(0.0), Some("timeout")), "{page}");
    assert_eq!(success(&page, "quick"), Some(0.0), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_late_result_is_served_by_the_next_scrape_and_asked_once() {
    let bench = Bench::new(&[("quick", ""), ("slow", "ttl: 3600, timeout: 60,")]);
    bench.script.on("slow", [after(12_000)]);
    assert_eq!(success(&bench.scrape().await, "slow"), Some(0.0));
    // Still in flight: the page does not wait for it.
    let begun = Instant::now();
    let page = bench.scrape().await;
    assert_eq!((success(&page, "slow"), begun.elapsed().as_secs()), (Some(0.0), 0), "{page}");
    assert_eq!(bench.explained("slow"), "running");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let page = bench.scrape().await;
    assert_eq!((value(&page, "slow_n"), success(&page, "slow")), (Some(0.0), Some(1.0)), "{page}");
    assert_eq!((bench.script.count("slow"), bench.script.running()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_expires_while_the_page_is_made_is_served() {
    let bench = Bench::new(&[("fresh", "ttl: 3600,"), ("slow", "")]);
    bench.scrape().await;
    bench.script.on("slow", [after(2_000)]);
    let scrape = bench.begin_scrape();
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.expire();
    let page = scrape.await.unwrap();
    assert_eq!((value(&page, "fresh_n"), success(&page, "fresh")), (Some(0.0), Some(1.0)), "{page}");
    assert_eq!(bench.script.count("fresh"), 1);
    assert_eq!(bench.explained("fresh"), "ok", "explain shows what the page shows");
    bench.scrape().await;
    assert_eq!(bench.script.count("fresh"), 2, "the next scrape fetches it");
}

#[tokio::test(start_paused = true)]
async fn what_is_fresh_is_not_fetched_and_counts_as_a_hit() {
    let bench = Bench::new(&[("kept", "ttl: 3600,"), ("each", "")]);
    bench.scrape().await;
    bench.script.take_asked();
    let page = bench.scrape().await;
    assert_eq!(bench.script.take_asked(), ["open main", "probe main", "each"]);
    let hits = |query: &str| {
        value(&page, &format!("pg_exporter_query_scrape_hit_count{{datname=\"main\",query=\"{query}\"}}"))
    };
    assert_eq!((hits("kept"), hits("each")), (Some(1.0), Some(0.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn slow_queries_go_behind_the_others() {
    let bench = Bench::new(&[("slow", "timeout: 5,"), ("quick", "priority: 9,")]);
    bench.script.on("slow", [after(500), NOW]);
    bench.scrape().await;
    bench.script.take_asked();
    bench.scrape().await;
    assert_eq!(bench.script.take_asked(), ["open main", "probe main", "quick", "slow"]);
}

#[tokio::test(start_paused = true)]
async fn queries_that_were_never_tried_go_in_order_of_their_timeouts() {
    let bench = Bench::new(&[("slow", "timeout: 60,"), ("quick", ""), ("brief", "timeout: 0.05, priority: 9,")]);
    bench.scrape().await;
    assert_eq!(bench.script.take_asked(), ["open main", "probe main", "brief", "quick", "slow"]);
    bench.scrape().await;
    // By now all of them are known to be fast.
    assert_eq!(bench.script.take_asked(), ["open main", "probe main", "slow", "quick", "brief"]);
}

#[tokio::test(start_paused = true)]
async fn stale_results_are_served_for_so_long_after_a_failure() {
    let bench = Bench::new(&[("kept", "stale: 30,"), ("strict", "")]);
    bench.scrape().await;
    for name in ["kept", "strict"] {
        bench.script.on(name, [script::fail(reason::Reason::Sql)]);
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let page = bench.scrape().await;
    assert_eq!((value(&page, "kept_n"), success(&page, "kept")), (Some(0.0), Some(0.0)), "{page}");
    assert_eq!((value(&page, "strict_n"), success(&page, "strict")), (None, Some(0.0)), "{page}");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(value(&bench.scrape().await, "kept_n"), None);
}
