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

/// Five databases of which two are opened at once, in three seconds.
fn slow_logins() -> Bench {
    let bench = Bench::new(&[("each", "timeout: 60, ttl: 3600,")]);
    let names = ["a", "b", "c", "d", "e"];
    bench.script.databases(&names);
    for name in names {
        bench.script.on(&format!("open {name}"), [after(3_000)]);
    }
    bench
}

fn opened(bench: &Bench) -> Vec<String> {
    let mut asked = bench.script.take_asked();
    asked.retain(|question| question.starts_with("open ") && question != "open main");
    asked
}

#[tokio::test(start_paused = true)]
async fn what_a_deadline_cuts_off_is_read_before_the_next_scrape() {
    let bench = slow_logins();
    let page = bench.scrape_within(Duration::from_secs(2)).await;
    assert_eq!(value(&page, "pg_exporter_unread_databases"), Some(5.0), "{page}");
    assert_eq!(opened(&bench), ["open a", "open b"]);
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(opened(&bench), ["open c", "open d", "open e"]);
    let page = bench.scrape().await;
    assert_eq!(value(&page, "pg_exporter_unread_databases"), Some(0.0), "{page}");
    assert_eq!(success_in(&page, "each", "e"), Some(1.0), "{page}");
    assert_eq!(opened(&bench), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_later_collection_takes_over_with_what_was_not_read() {
    let bench = slow_logins();
    bench.scrape_within(Duration::from_secs(2)).await;
    // a and b are there after 3 s; then c and d are begun.
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.script.take_asked();
    bench.scrape_within(Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut begun = opened(&bench);
    begun.sort();
    begun.dedup();
    assert_eq!(begun, ["open c", "open d", "open e"], "none of the first is read again");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_was_not_reached_keeps_its_last_result() {
    let bench = Bench::new(&[("each", "timeout: 60,")]);
    bench.script.databases(&["a", "b", "c"]);
    bench.scrape().await;
    for name in ["a", "b", "c"] {
        bench.script.on(&format!("open {name}"), [after(3_000)]);
    }
    let page = bench.scrape_within(Duration::from_secs(2)).await;
    let rows = |page: &str| {
        ["a", "b", "c"]
            .map(|name| value(page, &format!("pg_exporter_collector_rows{{collector=\"each\",datname=\"{name}\"}}")))
    };
    assert_eq!((value(&page, "pg_up"), rows(&page)), (Some(1.0), [Some(1.0); 3]), "{page}");
    assert_eq!(["a", "b", "c"].map(|name| success_in(&page, "each", name)), [Some(0.0); 3], "{page}");
    let snapshot = bench.snapshot();
    assert!(snapshot.shown.iter().filter(|one| one.postponed).count() == 3);
    // One that was tried and failed does not keep it.
    tokio::time::sleep(Duration::from_secs(20)).await;
    bench.script.on("open a", [fail(Reason::Auth)]);
    let page = bench.scrape_within(Duration::from_secs(2)).await;
    assert_eq!(rows(&page), [Some(0.0), Some(1.0), Some(1.0)], "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_being_read_keeps_its_last_result() {
    let bench = Bench::new(&[("each", "timeout: 60,")]);
    bench.script.databases(&["a"]);
    bench.scrape().await;
    bench.script.on("each @a", [after(3_000)]);
    let page = bench.scrape_within(Duration::from_secs(2)).await;
    let rows = "pg_exporter_collector_rows{collector=\"each\",datname=\"a\"}";
    assert_eq!((value(&page, rows), success_in(&page, "each", "a")), (Some(1.0), Some(0.0)), "{page}");
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
