//! Several databases: what one of them does costs the others nothing.

use std::time::Duration;

use reason::Reason;
use tokio::time::Instant;

use super::script::{NOW, after, fail};
use super::*;

#[tokio::test(start_paused = true)]
async fn all_databases_are_read_in_the_first_scrape_on_one_connection() {
    let bench = Bench::new(&[("each", ""), ("once", "tags: [cluster],")]);
    let names = ["a", "b", "c", "d", "e"];
    bench.script.databases(&names);
    bench.script.limit_connections(1);
    bench.script.on("each", [after(300)]);
    let page = bench.scrape().await;
    for name in names {
        assert_eq!((success_in(&page, "each", name), success_in(&page, "once", name)), (Some(1.0), None), "{page}");
    }
    assert_eq!((success(&page, "each"), success(&page, "once")), (Some(1.0), Some(1.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_failing_database_costs_the_others_nothing() {
    let bench = Bench::new(&[("each", "")]);
    bench.script.databases(&["closed", "open"]);
    bench.scrape().await;
    bench.script.on("open closed", [fail(Reason::Auth)]);
    let page = bench.scrape().await;
    assert_eq!(value(&page, "pg_up"), Some(1.0), "{page}");
    assert_eq!(
        ["main", "closed", "open"].map(|name| success_in(&page, "each", name)),
        [Some(1.0), Some(0.0), Some(1.0)],
        "{page}"
    );
    let failed = "pg_exporter_server_scrape_error_count{datname=\"closed\"}";
    assert_eq!(value(&page, failed), Some(1.0), "{page}");
    let snapshot = bench.snapshot();
    assert_eq!(snapshot.databases[1].state.error.as_ref().map(|error| error.reason), Some(Reason::Auth));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_leaves_the_others_their_time() {
    let bench = Bench::new(&[("each", "")]);
    bench.script.databases(&["hung", "a", "b"]);
    bench.script.on("open hung", [after(60_000)]);
    let begun = Instant::now();
    let page = bench.scrape().await;
    assert_eq!(begun.elapsed().as_secs(), LIMIT.as_secs());
    assert_eq!(["a", "b"].map(|name| success_in(&page, "each", name)), [Some(1.0); 2], "{page}");
}

#[tokio::test(start_paused = true)]
async fn what_one_deadline_cuts_off_is_first_in_the_next_collection() {
    let bench = Bench::new(&[("each", "timeout: 60,")]);
    let names = ["a", "b", "c", "d", "e"];
    bench.script.databases(&names);
    for name in names {
        bench.script.on(&format!("open {name}"), [after(3_000)]);
    }
    for opened in [["open a", "open b"], ["open c", "open d"], ["open e", "open a"]] {
        bench.scrape_within(Duration::from_secs(2)).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let mut asked = bench.script.take_asked();
        asked.retain(|question| question.starts_with("open ") && question != "open main");
        assert_eq!(asked, opened);
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_where_everything_is_fresh_is_not_opened() {
    let bench = Bench::new(&[("kept", "ttl: 3600,")]);
    bench.script.databases(&["a"]);
    bench.scrape().await;
    bench.script.take_asked();
    let page = bench.scrape().await;
    assert_eq!(bench.script.take_asked(), ["open main", "probe main"]);
    assert_eq!(success_in(&page, "kept", "a"), Some(1.0), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_comes_again_is_another_one() {
    let bench = Bench::new(&[("kept", "ttl: 3600,")]);
    bench.script.databases(&["a"]);
    bench.script.on("kept @a", [NOW]);
    assert_eq!(success_in(&bench.scrape().await, "kept", "a"), Some(1.0));
    bench.script.databases(&[]);
    assert_eq!(success_in(&bench.scrape().await, "kept", "a"), None);
    bench.script.databases(&["a"]);
    let page = bench.scrape().await;
    assert_eq!((success_in(&page, "kept", "a"), bench.script.count("kept @a")), (Some(1.0), 2), "{page}");
}

#[tokio::test(start_paused = true)]
async fn slow_collectors_of_many_databases_cost_no_quick_ones() {
    let bench = Bench::new(&[("quick", ""), ("slow", "timeout: 5,")]);
    let names: Vec<String> = (0..20).map(|n| format!("d{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bench.script.databases(&names);
    for name in &names {
        bench.script.on(&format!("slow @{name}"), [after(3_000)]);
    }
    // From the second database on it is known that they are slow.
    for _ in 0..2 {
        let page = bench.scrape().await;
        let there = |collector| names.iter().filter(|name| success_in(&page, collector, name) == Some(1.0)).count();
        assert_eq!(there("quick"), 20, "{page}");
        assert!((4..20).contains(&there("slow")), "as many as there is time for: {page}");
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_failures_in_a_database_that_is_gone_are_forgotten() {
    let bench = Bench::new(&[("each", "")]);
    bench.script.databases(&["a"]);
    bench.script.on("each @a", [fail(Reason::Sql)]);
    let series = "pg_exporter_collector_errors_total{collector=\"each\",datname=\"a\",reason=\"sql\"}";
    assert_eq!(value(&bench.scrape().await, series), Some(1.0));
    bench.script.databases(&[]);
    assert_eq!(value(&bench.scrape().await, series), None);
}
