//! Failing collectors, connections that die, roles that change.

use std::time::Duration;

use reason::Reason;

use super::script::{NOW, after, fail};
use super::*;
use crate::facts::Role;

#[tokio::test(start_paused = true)]
async fn a_failing_collector_is_tried_at_growing_intervals_and_recovers() {
    let bench = Bench::new(&[("broken", "ttl: 300,"), ("sound", "")]);
    bench.script.on("broken", [fail(Reason::Sql)]);
    let mut tries = Vec::new();
    for second in 0..120 {
        bench.script.take_asked();
        let page = bench.scrape().await;
        assert_eq!((success(&page, "broken"), success(&page, "sound")), (Some(0.0), Some(1.0)), "{page}");
        if bench.script.count("broken") > 0 {
            tries.push(second);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(tries, [0, 1, 6, 16, 36, 76]);
    assert!(bench.explained("broken").starts_with("failed 6 times in a row (sql)"), "{}", bench.explained("broken"));
    bench.script.on("broken", [NOW]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let page = bench.scrape().await;
    assert_eq!((success(&page, "broken"), errors(&page, "broken", "sql")), (Some(1.0), Some(6.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn an_error_is_not_kept_for_the_ttl() {
    let bench = Bench::new(&[("once", "ttl: 3600,")]);
    bench.script.on("once", [fail(Reason::Lock), NOW]);
    assert_eq!(success(&bench.scrape().await, "once"), Some(0.0));
    assert_eq!(success(&bench.scrape().await, "once"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_role_plans_anew_in_the_same_scrape() {
    let bench = Bench::new(&[
        ("of_primary", "tags: [primary], ttl: 3600,"),
        ("of_standby", "tags: [standby], ttl: 3600,"),
        ("both", "ttl: 3600,"),
    ]);
    let page = bench.scrape().await;
    assert_eq!((success(&page, "of_primary"), success(&page, "of_standby")), (Some(1.0), None), "{page}");
    bench.script.change(|found| found.facts.role = Role::Standby);
    let page = bench.scrape().await;
    assert_eq!((success(&page, "of_primary"), success(&page, "of_standby")), (None, Some(1.0)), "{page}");
    assert_eq!((value(&page, "pg_in_recovery"), value(&page, "both_n")), (Some(1.0), Some(1.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_query_that_failed_since_the_role_has_changed_is_no_failure() {
    let bench = Bench::new(&[("of_primary", "tags: [primary],"), ("sound", "")]);
    bench.scrape().await;
    bench.script.change(|found| found.facts.role = Role::Standby);
    bench.script.on("of_primary", [script::Answer { after: Duration::from_secs(1), error: Some(Reason::Sql) }]);
    let page = bench.scrape().await;
    assert_eq!(bench.script.count("of_primary"), 2);
    assert_eq!((errors(&page, "of_primary", "sql"), success(&page, "sound")), (None, Some(1.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_made_anew_does_not_ask_twice_what_it_still_contains() {
    let bench = Bench::new(&[("each", ""), ("of_extension", "tags: [\"schema:s\"],")]);
    bench.scrape().await;
    bench.script.take_asked();
    bench.script.change(|found| found.facts.schemas = ["s".to_owned()].into());
    let page = bench.scrape().await;
    assert_eq!(bench.script.take_asked(), ["open main", "probe main", "each", "of_extension"]);
    assert_eq!((success(&page, "each"), success(&page, "of_extension")), (Some(1.0), Some(1.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_unnoticed_is_replaced_once() {
    let bench = Bench::new(&[("each", ""), ("other", "")]);
    bench.scrape().await;
    bench.script.take_asked();
    bench.script.on("probe main", [fail(Reason::Closed), NOW]);
    bench.script.on("each", [fail(Reason::Closed), NOW]);
    let page = bench.scrape().await;
    assert_eq!(value(&page, "pg_up"), Some(1.0), "{page}");
    assert_eq!((success(&page, "each"), errors(&page, "each", "closed")), (Some(1.0), None), "{page}");
    let asked = bench.script.take_asked();
    assert_eq!(asked, ["open main", "probe main", "each", "other", "open main", "probe main", "each"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_dies_twice_is_a_failure() {
    let bench = Bench::new(&[("each", "")]);
    bench.scrape().await;
    bench.script.on("probe main", [fail(Reason::Closed)]);
    bench.script.take_asked();
    let page = bench.scrape().await;
    assert_eq!(bench.script.count("open main"), 2);
    assert_eq!((value(&page, "pg_up"), up_reason(&page)), (Some(0.0), Some("closed")), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_serves_no_fresh_results_and_pauses_nothing() {
    let bench = Bench::new(&[("kept", "ttl: 3600,"), ("each", "ttl: 0,")]);
    bench.scrape().await;
    bench.script.on("open main", [fail(Reason::Refused)]);
    for failed in 1..=5 {
        let page = bench.scrape().await;
        assert_eq!((value(&page, "pg_up"), up_reason(&page)), (Some(0.0), Some("refused")), "{page}");
        assert_eq!((value(&page, "kept_n"), success(&page, "kept")), (None, Some(0.0)), "{page}");
        assert_eq!(
            (errors(&page, "kept", "refused"), errors(&page, "each", "refused")),
            (None, Some(f64::from(failed))),
            "{page}"
        );
    }
    bench.script.on("open main", [NOW]);
    let page = bench.scrape().await;
    assert_eq!((success(&page, "kept"), success(&page, "each")), (Some(1.0), Some(1.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_goes_on_with_what_it_knew_is_down_and_its_rows_are_exposed() {
    let bench = Bench::new(&[("kept", "ttl: 3600,")]);
    bench.scrape().await;
    bench.script.change(|found| found.fault = Some(crate::error::SourceError::new(Reason::Exit, "by script")));
    let page = bench.scrape().await;
    assert_eq!((value(&page, "pg_up"), up_reason(&page)), (Some(0.0), Some("exit")), "{page}");
    assert_eq!((value(&page, "kept_n"), success(&page, "kept")), (Some(0.0), Some(0.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_fatal_collector_withholds_its_database_when_it_fails() {
    let bench = Bench::new(&[("needed", "fatal: true,"), ("other", "")]);
    bench.script.on("needed", [fail(Reason::Permission)]);
    let page = bench.scrape().await;
    assert_eq!((value(&page, "pg_up"), up_reason(&page)), (Some(0.0), Some("fatal")), "{page}");
    assert_eq!(value(&page, "other_n"), None, "{page}");
    assert!(bench.explained("other").starts_with("not exported: a fatal collector"), "{}", bench.explained("other"));
    bench.script.on("needed", [after(1)]);
    let page = bench.scrape().await;
    assert_eq!((value(&page, "pg_up"), value(&page, "other_n")), (Some(1.0), Some(0.0)), "{page}");
}
