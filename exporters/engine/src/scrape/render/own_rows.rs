//! Collectors whose rows the source has by itself: on the page whether the server is up, down or was never reached.

use std::sync::Arc;
use std::time::Duration;

use crate::exposition::{EncodedResult, Encoder, Encoding};
use crate::facts::Version;
use crate::scrape::shared::Shared;
use crate::source::Source;

/// The results of such collectors, with their indexes in the catalog.
pub(in crate::scrape) fn own_results<S: Source>(shared: &Shared, source: &S) -> Vec<(usize, Arc<EncodedResult>)> {
    let mut results = Vec::new();
    for (collector, one) in shared.catalog.collectors.iter().enumerate().filter(|(_, one)| !one.skip) {
        let Some(table) = &one.access else { continue };
        let mut encoder = Encoder::new(Encoding {
            catalog: &shared.catalog,
            collector,
            version: Version::default(),
            database: "",
            constant_labels: &shared.settings.constant_labels,
            most_bytes: shared.settings.most_result_bytes,
            before: None,
        });
        source.own_rows(table, &mut encoder);
        match encoder.finish(Duration::ZERO) {
            Ok(result) => results.push((collector, Arc::new(result))),
            Err(error) => tracing::warn!(collector = &*one.key, %error, "collector failed"),
        }
    }
    results
}
