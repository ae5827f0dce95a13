//! Concurrent scrapes, scrapers that hang up, health endpoints.

use std::time::Duration;

use futures_util::future::join_all;
use reason::Reason;

use super::script::{NOW, after, fail};
use super::*;
use crate::facts::Role;

#[tokio::test(start_paused = true)]
async fn concurrent_scrapes_share_one_collection() {
    let bench = Bench::new(&[("each", ""), ("broken", "")]);
    bench.script.on("each", [after(500)]);
    bench.script.on("broken", [fail(Reason::Sql)]);
    let pages = join_all((0..20).map(|_| bench.scrape())).await;
    for page in &pages {
        assert_eq!((success(page, "each"), success(page, "broken")), (Some(1.0), Some(0.0)), "{page}");
    }
    assert_eq!(bench.script.take_asked(), ["open main", "probe main", "each", "broken"]);
    assert_eq!(errors(&bench.scrape().await, "broken", "sql"), Some(2.0), "one failure for each collection");
}

#[tokio::test(start_paused = true)]
async fn a_pair_of_scrapers_costs_one_collection() {
    let bench = Bench::new(&[("each", "")]);
    bench.script.on("each", [after(2_000)]);
    let first = bench.begin_scrape();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let second = bench.scrape().await;
    assert_eq!(begun.elapsed().as_secs(), 1, "it joined the one that runs");
    assert_eq!((success(&second, "each"), success(&first.await.unwrap(), "each")), (Some(1.0), Some(1.0)));
    assert_eq!(bench.script.count("each"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_collection_of_a_scraper_that_hangs_up_lands() {
    let bench = Bench::new(&[("slow", "ttl: 3600,")]);
    bench.script.on("slow", [after(3_000)]);
    let scrape = bench.begin_scrape();
    tokio::time::sleep(Duration::from_secs(1)).await;
    scrape.abort();
    assert!(scrape.await.unwrap_err().is_cancelled());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(success(&bench.scrape().await, "slow"), Some(1.0));
    assert_eq!(bench.script.count("slow"), 1);
}

#[tokio::test(start_paused = true)]
async fn health_is_taken_from_a_scrape_until_that_is_too_old() {
    let bench = Bench::new(&[("each", "")]);
    let health = || bench.targets.health(Duration::from_secs(1), false);
    bench.scrape().await;
    bench.script.take_asked();
    assert_eq!(health().await.unwrap().role, Role::Primary);
    assert_eq!(bench.script.take_asked(), Vec::<String>::new());
    bench.targets.scrapers[0].shared.health.expire().await;
    bench.script.change(|found| found.facts.role = Role::Standby);
    let answers = join_all((0..10).map(|_| health())).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().role == Role::Standby));
    assert_eq!(bench.script.take_asked(), ["health"], "concurrent requests share one answer");
}

#[tokio::test(start_paused = true)]
async fn health_of_a_server_that_went_down_is_not_taken_from_before() {
    let bench = Bench::new(&[("each", "")]);
    bench.scrape().await;
    bench.script.on("open main", [fail(Reason::Refused)]);
    bench.script.on("health", [after(60_000), NOW]);
    bench.scrape().await;
    let begun = Instant::now();
    let health = bench.targets.health(Duration::from_secs(1), false).await;
    assert_eq!(health.unwrap_err().reason, Reason::Timeout);
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert!(bench.targets.health(Duration::from_secs(1), false).await.is_ok());
}
