//! What the store decides: freshness, in flight, pauses.

use futures_util::future::{join_all, poll_immediate};

use super::*;

const LONG: Duration = Duration::from_secs(3600);

fn key() -> CollectorKey {
    CollectorKey { collector: 0, database: "app".into() }
}

/// A result that comes after others had their turn.
async fn result() -> Result<Arc<EncodedResult>, SourceError> {
    tokio::task::yield_now().await;
    Ok(Arc::default())
}

#[test]
fn pauses_grow_up_to_the_ttl_and_a_minute() {
    let seconds = |in_a_row, ttl| pause(in_a_row, Duration::from_secs(ttl)).as_secs();
    assert_eq!([1, 2, 3, 4, 5, 6, 40].map(|n| seconds(n, 300)), [0, 5, 10, 20, 40, 60, 60]);
    assert_eq!([1, 2, 3].map(|n| seconds(n, 8)), [0, 5, 8]);
    assert_eq!(seconds(9, 0), 0);
}

#[tokio::test]
async fn a_collector_is_in_flight_until_its_result_is_there_or_the_fetch_is_dropped() {
    let (store, key) = (Store::new(), key());
    let in_flight = || store.standing(&key, 1).is_in_flight;
    let mut abandoned = Box::pin(store.fetch(&key, 1, LONG, std::future::pending()));
    assert!(poll_immediate(&mut abandoned).await.is_none() && in_flight());
    drop(abandoned);
    assert!(!in_flight());
    store.fetch(&key, 1, LONG, result()).await.unwrap();
    assert!(!in_flight());
}

#[tokio::test]
async fn results_are_fresh_for_their_own_plan_only() {
    let (store, key) = (Store::new(), key());
    store.fetch(&key, 1, LONG, result()).await.unwrap();
    assert!(store.standing(&key, 1).is_fresh && !store.standing(&key, 2).is_fresh);
}

#[tokio::test]
async fn concurrent_fetches_are_coalesced() {
    let (store, key) = (Store::new(), key());
    let runs = std::cell::Cell::new(0);
    let run = async || {
        runs.set(runs.get() + 1);
        result().await
    };
    let all = join_all((0..20).map(|_| store.fetch(&key, 1, Duration::ZERO, run()))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(runs.get(), 1);
}

#[tokio::test]
async fn a_database_that_is_gone_takes_its_results_along() {
    let (store, key) = (Store::new(), key());
    store.fetch(&key, 1, LONG, result()).await.unwrap();
    store.succeeded(&key, Arc::default(), 1, LONG, None);
    store.retain(|name| name != "app");
    assert!(!store.standing(&key, 1).is_fresh && store.state(&key).last_success.is_none());
}
