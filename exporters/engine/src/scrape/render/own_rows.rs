//! Results that need no query: rows that the source has by itself, and what was counted in a log. They are on the page
//! whether the server is up, down or was never reached.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::Catalog;
use crate::error::SourceError;
use crate::exposition::{EncodedResult, Encoder, Encoding};
use crate::facts::Version;
use crate::plan::Planned;
use crate::scrape::shared::Shared;
use crate::scrape::totals::ResultOf;
use crate::source::Source;
use crate::store::CollectorKey;

type Own = Vec<(usize, Arc<EncodedResult>)>;

/// The results of collectors with rows of the source, with their indexes in the catalog.
pub(in crate::scrape) fn own_results<S: Source>(shared: &Shared, source: &S) -> Own {
    let all = shared.catalog.collectors.iter().enumerate().filter(|(_, one)| !one.skip);
    let with_table = all.filter_map(|(at, one)| Some((at, one.access.as_ref()?)));
    let results = with_table.map(|(collector, table)| {
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
        (collector, encoder.finish(Duration::ZERO))
    });
    finished(&shared.catalog, results)
}

/// What was counted in logs that are read: a collection shows it with the rest, this is for a server that is down.
pub(in crate::scrape) fn log_results(shared: &Shared) -> Own {
    let Some(probe) = shared.server.probe_of(None) else { return Vec::new() };
    let planned = shared.plan(&probe.facts, true).planned;
    let logs = planned.iter().filter(|one| shared.catalog.collectors[one.collector].log.is_some());
    let results = logs.map(|&Planned { collector, version, .. }| {
        let key = CollectorKey { collector, database: probe.facts.database.as_str().into() };
        (collector, ResultOf { shared, facts: &probe.facts, key: &key, version, before: None }.totals())
    });
    finished(&shared.catalog, results)
}

fn finished(catalog: &Catalog, results: impl Iterator<Item = (usize, Result<EncodedResult, SourceError>)>) -> Own {
    let mut good = Vec::new();
    for (collector, result) in results {
        match result {
            Ok(result) => good.push((collector, Arc::new(result))),
            Err(error) => tracing::warn!(collector = &*catalog.collectors[collector].key, %error, "collector failed"),
        }
    }
    good
}
