//! Databases in which nothing has happened are not visited.

use std::time::Duration;

use reason::Reason;

use super::script::{NOW, fail};
use super::*;

/// The databases that were opened since the last call, without the main one.
fn opened(bench: &Bench) -> Vec<String> {
    let asked = bench.script.take_asked();
    let names = asked.iter().filter_map(|question| question.strip_prefix("open ")).filter(|name| *name != "main");
    names.map(str::to_owned).collect()
}

async fn later(bench: &Bench, seconds: u64) -> String {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    bench.scrape().await
}

#[tokio::test(start_paused = true)]
async fn a_database_is_visited_only_when_something_has_happened() {
    let bench = Bench::new(&[("each", "")]);
    bench.script.databases_with_changes(&[("idle", 1), ("busy", 1)]);
    bench.scrape().await;
    assert_eq!(opened(&bench), ["idle", "busy"]);
    for changes in 2..5 {
        bench.script.databases_with_changes(&[("idle", 1), ("busy", changes)]);
        let page = later(&bench, 15).await;
        assert_eq!(opened(&bench), ["busy"]);
        assert_eq!(["idle", "busy"].map(|name| success_in(&page, "each", name)), [Some(1.0); 2], "{page}");
        assert_eq!(value(&page, "pg_exporter_unchanged_databases"), Some(1.0), "{page}");
        let age = value(&page, "pg_exporter_collector_age_seconds{collector=\"each\",datname=\"idle\"}");
        assert_eq!(age.map(f64::floor), Some(15.0 * (changes - 1) as f64), "{page}");
    }
    assert!(bench.explained("each").contains("ok"));
    bench.script.databases_with_changes(&[("idle", 2), ("busy", 4)]);
    later(&bench, 15).await;
    assert_eq!(opened(&bench), ["idle"]);
}

#[tokio::test(start_paused = true)]
async fn unchanged_databases_are_visited_a_few_at_a_time_before_the_limit() {
    let bench = Bench::new(&[("each", "")]);
    bench.script.databases_with_changes(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    bench.scrape().await;
    opened(&bench);
    let mut visits = Vec::new();
    for collection in 1..=20 {
        later(&bench, 15).await;
        visits.extend(opened(&bench).into_iter().map(|name| (collection * 15, name)));
    }
    let at = |seconds, name: &str| (seconds, name.to_owned());
    assert_eq!(visits, [at(225, "a"), at(225, "b"), at(240, "c"), at(240, "d")]);
}

#[tokio::test(start_paused = true)]
async fn what_has_failed_or_is_not_known_to_be_unchanged_is_fetched() {
    let bench = Bench::new(&[("each", ""), ("fails", ""), ("clock", "depends_on: server,")]);
    bench.script.databases_with_changes(&[("a", 1)]);
    bench.script.on("fails @a", [fail(Reason::Sql), NOW]);
    for expected in [vec!["each", "fails", "clock"], vec!["fails", "clock"], vec!["clock"]] {
        later(&bench, 15).await;
        let mut asked = bench.script.take_asked();
        asked.retain(|question| question.ends_with(" @a"));
        assert_eq!(asked, expected.iter().map(|name| format!("{name} @a")).collect::<Vec<_>>());
    }
    bench.script.databases(&["a"]);
    later(&bench, 15).await;
    assert_eq!(bench.script.count("each @a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_may_read_other_servers_is_always_visited() {
    for extension in ["postgres_fdw", "dblink"] {
        let bench = Bench::new(&[("each", "")]);
        bench.script.databases_with_changes(&[("a", 1)]);
        bench.script.change(|found| drop(found.facts.extensions.insert(extension.to_owned(), Default::default())));
        bench.scrape().await;
        later(&bench, 15).await;
        assert_eq!(opened(&bench), ["a", "a"], "{extension}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_is_of_the_changes_before_its_fetch() {
    let bench = Bench::new(&[("each", "")]);
    bench.script.databases_with_changes(&[("a", 1)]);
    bench.script.on("each @a", [fail(Reason::Closed), fail(Reason::Closed), NOW]);
    bench.scrape().await;
    // The first result comes when the second change has been seen.
    bench.script.databases_with_changes(&[("a", 2)]);
    later(&bench, 15).await;
    opened(&bench);
    later(&bench, 15).await;
    assert_eq!(opened(&bench), Vec::<String>::new());
    bench.script.databases_with_changes(&[("a", 1)]);
    later(&bench, 15).await;
    assert_eq!(opened(&bench), ["a"], "another number is another state");
}
