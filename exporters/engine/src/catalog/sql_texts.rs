//! The SQL of each collector for each version, made once: plans are made anew for every database in every scrape.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::collector::{Collector, expand_macros};
use crate::facts::Version;

/// Versions of one collector that are remembered: those of a rolling upgrade, and no more than that.
const MOST_VERSIONS: usize = 8;

/// What a collector asks of servers of one version, macros replaced.
#[derive(Debug)]
pub(crate) struct SqlTexts {
    pub query: Arc<str>,
    pub predicates: Vec<Arc<str>>,
    /// Of the query's text.
    pub hash: u64,
}

/// The texts of a catalog's collectors. They depend on nothing else, so that remembering them changes no plan.
#[derive(Debug, Default)]
pub(super) struct SqlTextCache(Mutex<HashMap<usize, ByVersion>>);

type ByVersion = Vec<(Version, Arc<SqlTexts>)>;

impl SqlTextCache {
    /// The texts of the collector at this index.
    pub fn of(&self, index: usize, collector: &Collector, version: Version) -> Arc<SqlTexts> {
        let mut texts = self.0.lock();
        let known = texts.entry(index).or_default();
        if let Some((_, texts)) = known.iter().find(|(of, _)| *of == version) {
            return texts.clone();
        }
        let made = Arc::new(SqlTexts::new(collector, version));
        if known.len() >= MOST_VERSIONS {
            known.remove(0);
        }
        known.push((version, made.clone()));
        made
    }
}

impl SqlTexts {
    fn new(collector: &Collector, version: Version) -> Self {
        let query: Arc<str> = expand_macros(&collector.text(version), version).into();
        let predicates = collector.predicates.iter();
        Self {
            hash: text_hash(&query),
            predicates: predicates.map(|predicate| expand_macros(&predicate.query, version).into()).collect(),
            query,
        }
    }
}

/// A text as one number.
pub(crate) fn text_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, EmbeddedFolder, Origin};
    use crate::tiers::Tiers;

    #[test]
    fn makes_texts_once_and_for_each_version() {
        let text = "pg_x: { from: '@since:18:new:old@', metrics: [ n: { usage: GAUGE } ] }";
        let files = vec![("test.yml".to_owned(), text.to_owned())];
        let origin = Origin::Embedded(EmbeddedFolder { name: "test", files });
        let catalog = Catalog::load(&origin, &Tiers::default(), &[]).unwrap();
        let query = |version| catalog.sql_texts(0, Version(version)).query.clone();
        assert!(query(170_000).ends_with("FROM old") && query(180_000).ends_with("FROM new"));
        assert!(Arc::ptr_eq(&query(170_000), &query(170_000)));
        for version in 0..20 {
            query(version);
        }
        assert!(query(180_000).ends_with("FROM new"));
    }
}
