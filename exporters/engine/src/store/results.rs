//! Values with a time to live, and request coalescing: a request for a value that is being fetched waits for that fetch.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::error::SourceError;

/// The part of its time to live after which a result counts as old, so that a scraper whose interval equals the time to
/// live is not served every result twice because it came a few milliseconds early.
const FRESH_PART: f64 = 0.95;

/// Values by key, each with its own time to live.
pub(crate) struct Results<K, V> {
    cache: Cache<K, Kept<V>>,
}

#[derive(Clone)]
struct Kept<V> {
    value: V,
    ttl: Duration,
}

/// For how long a value of this time to live is fresh.
pub(super) fn fresh_for(ttl: Duration) -> Duration {
    ttl.mul_f64(FRESH_PART)
}

struct ByTtl;

impl<K, V> Expiry<K, Kept<V>> for ByTtl {
    fn expire_after_create(&self, _: &K, kept: &Kept<V>, _: Instant) -> Option<Duration> {
        Some(kept.ttl)
    }

    fn expire_after_update(&self, _: &K, kept: &Kept<V>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(kept.ttl)
    }
}

impl<K, V> Results<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new() -> Self {
        Self { cache: Cache::builder().expire_after(ByTtl).support_invalidation_closures().build() }
    }

    /// Whether there is a value within its time to live.
    pub fn has(&self, key: &K) -> bool {
        self.cache.contains_key(key)
    }

    /// The fresh value, or that of the fetch that runs, or that of a new one. An error goes to everyone who waited for
    /// it and is not kept.
    pub async fn get_or_fetch<F>(&self, key: K, ttl: Duration, fetch: F) -> Result<V, SourceError>
    where
        F: Future<Output = Result<V, SourceError>>,
    {
        let ttl = fresh_for(ttl);
        let fetch = async { fetch.await.map(|value| Kept { value, ttl }) };
        match self.cache.try_get_with(key, fetch).await {
            Ok(kept) => Ok(kept.value),
            Err(error) => Err(Arc::unwrap_or_clone(error)),
        }
    }

    pub async fn keep(&self, key: K, value: V, ttl: Duration) {
        self.cache.insert(key, Kept { value, ttl: fresh_for(ttl) }).await;
    }

    /// Forgets every value that is there now and whose key is meant.
    pub fn forget_all(&self, meant: impl Fn(&K) -> bool + Send + Sync + 'static) {
        let forgotten = self.cache.invalidate_entries_if(move |key, _| meant(key));
        debug_assert!(forgotten.is_ok(), "the cache was built to take such closures");
    }

    pub async fn forget(&self, key: &K) {
        self.cache.invalidate(key).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use reason::Reason;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    async fn ask(
        results: &Results<u8, u32>,
        fetches: &AtomicU32,
        ttl: Duration,
        fail: bool,
    ) -> Result<u32, SourceError> {
        let fetch = async {
            tokio::task::yield_now().await;
            let count = fetches.fetch_add(1, Ordering::SeqCst) + 1;
            if fail { Err(SourceError::new(Reason::Sql, "no")) } else { Ok(count) }
        };
        results.get_or_fetch(7, ttl, fetch).await
    }

    #[tokio::test]
    async fn a_hundred_requests_share_one_fetch_also_without_a_time_to_live() {
        for ttl in [LONG, Duration::ZERO] {
            let (results, fetches) = (Results::new(), AtomicU32::new(0));
            let all = futures_util::future::join_all((0..100).map(|_| ask(&results, &fetches, ttl, false))).await;
            assert!(all.iter().all(|value| matches!(value, Ok(1))));
            assert_eq!(fetches.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn an_error_is_shared_by_all_that_waited_and_not_kept() {
        let (results, fetches) = (Results::new(), AtomicU32::new(0));
        let all = futures_util::future::join_all((0..50).map(|_| ask(&results, &fetches, LONG, true))).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert!(!results.has(&7));
        assert_eq!(ask(&results, &fetches, LONG, false).await.ok(), Some(2));
        assert!(results.has(&7));
    }

    #[tokio::test]
    async fn without_a_time_to_live_the_next_request_fetches_again() {
        let (results, fetches) = (Results::new(), AtomicU32::new(0));
        for expected in 1..=3 {
            assert_eq!(ask(&results, &fetches, Duration::ZERO, false).await.ok(), Some(expected));
        }
    }
}
