//! Collectors with the key `rest`: their queries run on what the source has read of a program's REST interface, without a
//! session. Their results are on the page whether the server is up, down or was never reached.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reason::Reason;
use tokio::time::{Instant, timeout_at};

use super::shared::Shared;
use crate::error::SourceError;
use crate::exposition::{EncodedResult, Encoder, Encoding};
use crate::facts::Version;
use crate::source::{Query, Source};
use crate::store::CollectorKey;

/// The number that stands for the plan of these collectors: it depends on no fact of the server.
pub(super) const FINGERPRINT: u64 = 0;

/// The collectors of the REST interface that this source reads, as keys of the store. They belong to no database.
pub(super) fn rest_keys<S: Source>(shared: &Shared, source: &S) -> Vec<CollectorKey> {
    if !source.has_rest() {
        return Vec::new();
    }
    let all = shared.catalog.collectors.iter().enumerate().filter(|(_, one)| one.rest.is_some() && !one.skip);
    all.map(|(collector, _)| CollectorKey { collector, database: "".into() }).collect()
}

/// Runs all of them, until the deadline at most, and notes what became of each.
pub(super) async fn run_rest<S: Source>(shared: &Shared, source: &S, deadline: Instant) {
    join_all(rest_keys(shared, source).iter().map(|key| run(shared, source, key, deadline))).await;
}

async fn run<S: Source>(shared: &Shared, source: &S, key: &CollectorKey, deadline: Instant) {
    let begun = Instant::now();
    // Boxed, as each query of a batch is.
    let run = Box::pin(async {
        let fetched = fetch(shared, source, key).await;
        match &fetched {
            Ok(result) => shared.note_success(key, result.clone(), FINGERPRINT, None),
            Err(error) => shared.note_failure(key, error.clone(), begun.elapsed()),
        }
        fetched
    });
    let fetched = shared.store.fetch(key, FINGERPRINT, Duration::ZERO, run);
    if timeout_at(deadline, fetched).await.is_err() {
        let collector = &shared.catalog.collectors[key.collector].key;
        let message = format!("{collector}: its filter has not ended before the deadline of the scrape");
        shared.note_failure(key, SourceError::new(Reason::Timeout, message), begun.elapsed());
    }
}

async fn fetch<S: Source>(shared: &Shared, source: &S, key: &CollectorKey) -> Result<Arc<EncodedResult>, SourceError> {
    let (version, collector) = (Version::default(), &shared.catalog.collectors[key.collector]);
    let query = Query {
        collector: collector.key.clone(),
        text: shared.catalog.sql_texts(key.collector, version).query.clone(),
        values: None,
        search_path: Arc::from([]),
        timeout: collector.timeout,
    };
    let mut encoder = Encoder::new(Encoding {
        catalog: &shared.catalog,
        collector: key.collector,
        version,
        database: "",
        constant_labels: &shared.settings.constant_labels,
        most_bytes: shared.settings.most_result_bytes,
        before: None,
    });
    let endpoints = collector.rest.as_deref().unwrap_or_default();
    let fetched = source.rest_rows(&query, endpoints, &mut encoder).await?;
    let mut result = encoder.finish(fetched.took)?;
    result.read_at = Instant::now().checked_sub(fetched.age);
    Ok(Arc::new(result))
}
