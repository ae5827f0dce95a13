//! One scrape: probe at the server, fetch what is due, answer before the deadline with what is there.
//!
//! `collection` collects (scrapes that come while it runs share it), `batch` reads one database, `store` remembers what became
//! of each collector, `assemble` makes a server's part of the page, `report` adds what the exporter says of itself,
//! `targets` puts the page together from one server or several, `history` remembers the last scrapes.

mod assemble;
mod batch;
mod collection;
mod history;
mod report;
mod store;
mod targets;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use reason::Reason;

use crate::build_info::BuildInfo;
use crate::cache::Results;
use crate::catalog::Catalog;
use crate::counters::Counters;
use crate::error::SourceError;
use crate::exposition::EncodedResult;
use crate::facts::{Health, ServerFacts};
use crate::labels::Labels;
use crate::plan::{Plan, Planned, Selection, plan};
use crate::source::Source;
use crate::status::ProcessStatus;

pub(crate) use assemble::{CollectorView, Snapshot};
use collection::Collection;
pub(crate) use history::{Outcome, REMEMBERED, Scrape};
pub(crate) use report::reserved_names;
use store::{CollectorKey, CollectorStore};
pub(crate) use store::{CollectorState, DatabaseState};
pub(crate) use targets::Targets;

/// How old an answer of the server may be for a health endpoint.
const HEALTH_AGE: Duration = Duration::from_secs(1);

/// What does not change while the exporter runs.
#[derive(Debug, Clone)]
pub(crate) struct ScrapeSettings {
    /// Prefix of the exporter's own metrics.
    pub namespace: String,
    pub build: BuildInfo,
    pub selection: Selection,
    pub constant_labels: Labels,
    pub disable_cache: bool,
    pub disable_intro: bool,
    pub started: Instant,
    /// What the process knows of itself.
    pub status: ProcessStatus,
}

/// A catalog, a source, and what is known of both. A reload makes a new one around the same source.
pub(crate) struct Scraper<S: Source> {
    pub catalog: Arc<Catalog>,
    pub source: Arc<S>,
    pub settings: ScrapeSettings,
    pub counters: Arc<Counters>,
    results: Results<ResultKey, Arc<EncodedResult>>,
    /// By whether the lag is in it.
    health: Results<bool, Health>,
    store: Arc<CollectorStore>,
    collection: Mutex<Option<Collection>>,
    known: RwLock<Known>,
    /// Whether some scraper takes gzip: then results are compressed as they come, while the server works on the next.
    compress: AtomicBool,
}

/// A key and what it was asked of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ResultKey {
    key: CollectorKey,
    plan_fingerprint: u64,
}

/// The last probe at the server, and the facts of each database from its last collection.
#[derive(Default)]
struct Known {
    probe: Option<(Result<Arc<ServerFacts>, SourceError>, Instant)>,
    main: Option<Arc<ServerFacts>>,
    databases: HashMap<Arc<str>, Arc<ServerFacts>>,
    collections: u64,
}

/// One database as a page sees it.
pub(crate) struct DatabaseView {
    pub name: Arc<str>,
    pub main: bool,
    /// `None` until the first collection.
    pub facts: Option<Arc<ServerFacts>>,
    pub plan: Plan,
    pub state: DatabaseState,
}

impl<S: Source> Scraper<S> {
    pub fn new(catalog: Arc<Catalog>, source: Arc<S>, settings: ScrapeSettings, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            catalog,
            source,
            settings,
            counters,
            results: Results::new(),
            health: Results::new(),
            store: Arc::default(),
            collection: Mutex::default(),
            known: RwLock::default(),
            compress: AtomicBool::new(false),
        })
    }

    /// Collects by `deadline`, whatever the server does.
    async fn collect(self: &Arc<Self>, deadline: Instant, gzip: bool) -> Collection {
        self.compress.fetch_or(gzip, Ordering::Relaxed);
        let collection = self.join_collection(deadline);
        collection.wait(deadline).await;
        collection
    }

    /// The collection that runs, if it may still take its time, or a new one.
    fn join_collection(self: &Arc<Self>, deadline: Instant) -> Collection {
        let mut current = self.collection.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(collection) if collection.is_running() => collection.clone(),
            _ => current.insert(Collection::start(self.clone(), deadline)).clone(),
        }
    }

    /// The server's health now or at most a second ago; fails when it is not known within `timeout`.
    pub async fn health(&self, timeout: Duration, with_lag: bool) -> Result<Health, SourceError> {
        let health = self.health.get_or_fetch(with_lag, HEALTH_AGE, self.source.health(with_lag));
        tokio::time::timeout(timeout, health).await.unwrap_or_else(|_| {
            let message = format!("no answer from {} within {timeout:?}", self.source.target());
            Err(SourceError::new(Reason::Timeout, message))
        })
    }

    /// The outcome of the last probe of any kind, without asking the server.
    pub fn last_probe(&self) -> Option<(Result<Arc<ServerFacts>, SourceError>, Instant)> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).probe.clone()
    }

    /// Every database as it is known now, the main one first.
    pub fn databases(&self) -> Vec<DatabaseView> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(main) = &known.main else { return Vec::new() };
        let others = main.databases.iter().filter(|name| **name != main.database);
        let names = std::iter::once(&main.database).chain(others);
        names
            .enumerate()
            .map(|(at, name)| {
                let facts = if at == 0 { Some(main.clone()) } else { known.databases.get(name.as_str()).cloned() };
                let plan = facts.as_ref().map(|facts| self.plan(facts, at == 0)).unwrap_or_default();
                DatabaseView {
                    name: name.as_str().into(),
                    main: at == 0,
                    facts,
                    plan,
                    state: self.store.database(name),
                }
            })
            .collect()
    }

    /// Takes over what the scraper before a reload remembers of collectors with a `top` that has not changed: else the
    /// counters of their rest would begin anew.
    fn inherit(&self, before: &Self) {
        self.store.inherit(&before.store, |index| {
            let old = &before.catalog.collectors[index];
            self.catalog.index_of(&old.key).filter(|new| self.catalog.collectors[*new].top == old.top)
        });
    }

    /// What is remembered of a collector in a database.
    pub fn state(&self, collector: usize, database: &Arc<str>) -> CollectorState {
        self.store.state(&(collector, database.clone()))
    }

    fn plan(&self, facts: &ServerFacts, main: bool) -> Plan {
        plan(&self.catalog, facts, &self.settings.selection, main)
    }

    /// The time to live that holds for a collector.
    pub fn ttl(&self, collector: usize) -> Duration {
        if self.settings.disable_cache { Duration::ZERO } else { self.catalog.collectors[collector].ttl }
    }
}

/// What a result depends on beside its key, as one number.
pub(crate) fn plan_fingerprint(planned: &Planned, facts: &ServerFacts) -> u64 {
    let mut hasher = DefaultHasher::new();
    (facts.version, facts.role, &planned.query.text).hash(&mut hasher);
    hasher.finish()
}
