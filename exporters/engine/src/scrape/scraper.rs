//! One server: wires what collects, what is remembered and what is rendered.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reason::Reason;
use tokio::time::Instant;

use super::collect::{Collection, Sampling};
use super::log_reader::LogReaders;
use super::render::{Snapshot, TargetPage, log_results, own_results, target_page};
use super::rest::{rest_keys, run_rest};
use super::scrapers::ScraperId;
use super::server::ProbeResult;
use super::settings::ScrapeSettings;
use super::shared::Shared;
use crate::catalog::Catalog;
use crate::collector::Collector;
use crate::counters::Counters;
use crate::error::SourceError;
use crate::exposition::{Compressors, DropReason};
use crate::facts::{Health, ServerFacts};
use crate::plan::Planned;
use crate::source::{Session, Source};

/// A catalog, a source, and what is known of both. A reload makes a new one around the same source.
pub(crate) struct Scraper<S: Source> {
    pub catalog: Arc<Catalog>,
    pub source: Arc<S>,
    pub counters: Arc<Counters>,
    pub(super) shared: Arc<Shared>,
    collection: Mutex<Option<Collection>>,
    sampling: Mutex<Option<Sampling>>,
    logs: LogReaders,
}

impl<S: Source> Scraper<S> {
    pub fn new(
        catalog: Arc<Catalog>,
        source: Arc<S>,
        settings: ScrapeSettings,
        counters: Arc<Counters>,
        compressors: Arc<Compressors>,
    ) -> Self {
        let shared = Shared::new(catalog.clone(), settings, counters.clone(), source.target(), compressors);
        let (shared, logs) = (Arc::new(shared), LogReaders::default());
        Self { catalog, source, counters, shared, collection: Mutex::default(), sampling: Mutex::default(), logs }
    }

    /// The same server with other collectors. What is remembered of a `top` that has not changed, and what was accumulated, is
    /// taken over: else counters would begin anew.
    pub fn with(&self, catalog: Arc<Catalog>) -> Self {
        let (settings, compressors) = (self.shared.settings.clone(), self.shared.compressors.clone());
        let source = self.source.clone();
        let mut shared = Shared::new(catalog.clone(), settings, self.counters.clone(), source.target(), compressors);
        (shared.logs, shared.scrapers) = (self.shared.logs.clone(), self.shared.scrapers.clone());
        let (counters, shared, logs) = (self.counters.clone(), Arc::new(shared), self.logs.clone());
        let (collection, sampling) = (Mutex::default(), Mutex::default());
        let new = Self { catalog, source, counters, shared, collection, sampling, logs };
        new.shared.store.inherit(&self.shared.store, |index| {
            let old = &self.catalog.collectors[index];
            let is_same = |new: &Collector| new.top == old.top && new.is_accumulated() == old.is_accumulated();
            new.catalog.index_of(&old.key).filter(|index| is_same(&new.catalog.collectors[*index]))
        });
        new.logs.attach(&new.shared);
        new
    }

    /// How many results the next page has, if no more come.
    pub(super) fn results(&self) -> usize {
        self.shared.store.results()
    }

    /// Collects until the time that `until` gives, whatever the server does, and makes the server's part of a page of what
    /// is there. What did not come in time is missing from it and reported as failed.
    pub(super) async fn scrape(
        &self,
        deadline: Instant,
        until: impl Fn() -> Instant,
        gzip: bool,
        scraper: Option<&ScraperId>,
    ) -> TargetPage {
        self.shared.demand.note(gzip);
        self.shared.scrapers.note(scraper, Instant::now());
        let collection = self.join_collection(deadline);
        tokio::join!(collection.wait(until), run_rest(&self.shared, &*self.source, deadline));
        let snapshot = Snapshot::new(&self.shared, &collection.schedules, self.probe_since(collection.started()));
        let snapshot = snapshot.with_rest(&self.shared, &rest_keys(&self.shared, &*self.source));
        let logs = if snapshot.up.is_err() { log_results(&self.shared) } else { Vec::new() };
        let page = target_page(&self.shared, snapshot, self.source.connections());
        let page = page.with(own_results(&self.shared, &*self.source)).with(logs);
        let (wanted, compressors) = (self.shared.demand.wanted(), &self.shared.compressors);
        page.parts.iter().for_each(|part| part.result.keep(wanted, compressors));
        page
    }

    /// The collection that runs, if it may still take its time, or a new one.
    fn join_collection(&self, deadline: Instant) -> Collection {
        let mut current = self.collection.lock();
        match &*current {
            Some(collection) if collection.is_running() => collection.clone(),
            _ => current.insert(Collection::start(self.source.clone(), self.shared.clone(), deadline)).clone(),
        }
    }

    /// The probe of the collection that began then; an older one does not count, since up means "a query answered now".
    fn probe_since(&self, started: Instant) -> ProbeResult {
        match self.last_probe() {
            Some((probe, at)) if at >= started => probe,
            _ => {
                let message = format!("no answer from {} before the deadline", self.source.target());
                Err(SourceError::new(Reason::Timeout, message))
            }
        }
    }

    /// What the last collection shows, or the one that runs shows so far; `None` before the first.
    pub fn last_snapshot(&self) -> Option<Snapshot> {
        let collection = self.collection.lock().clone()?;
        let (probe, _) = self.last_probe()?;
        // One that runs may still get its answer.
        let up = if collection.is_running() { probe } else { self.probe_since(collection.started()) };
        let snapshot = Snapshot::new(&self.shared, &collection.schedules, up);
        Some(snapshot.with_rest(&self.shared, &rest_keys(&self.shared, &*self.source)))
    }

    /// The outcome of the last probe of any kind, without asking the server.
    pub fn last_probe(&self) -> Option<(ProbeResult, Instant)> {
        self.shared.server.last_probe()
    }

    /// The server's health now or at most a second ago; fails when it is not known within `timeout`.
    pub async fn health(&self, timeout: Duration, with_lag: bool) -> Result<Health, SourceError> {
        self.shared.health.get(&*self.source, timeout, with_lag).await
    }

    /// What is planned in a database with these facts.
    pub fn planned(&self, facts: &ServerFacts, main: bool) -> Vec<Planned> {
        self.shared.plan(facts, main).planned
    }

    /// Probes the server in the background, so that the log tells its state before the first scrape.
    pub fn begin_first_probe(&self, timeout: Duration) {
        let (source, shared) = (self.source.clone(), self.shared.clone());
        // Taken here, before any collection can begin.
        let turn = shared.first_probe.clone().try_lock_owned();
        tokio::spawn(async move {
            let begun = Instant::now();
            let probe = async { source.open(None).await?.probe(None).await };
            let found = tokio::time::timeout(timeout, probe).await.unwrap_or_else(|_| {
                let message = format!("no answer from {} within {} s", source.target(), timeout.as_secs_f64());
                Err(SourceError::new(Reason::Timeout, message))
            });
            shared.server.note_probe(&found.map(Arc::new), begun, &shared.target);
            drop(turn);
        });
    }

    /// Takes samples from now on, until it is dropped.
    pub fn begin_sampling(&self) {
        *self.sampling.lock() = Sampling::start(self.source.clone(), self.shared.clone());
    }

    /// Looks for the logs of the server once.
    pub async fn find_logs(&self) {
        if let Ok(found) = self.source.logs().await {
            self.shared.logs.found(&found);
        }
    }

    /// Reads the logs of the server from now on, also after a reload, until [`Scraper::end_logs`].
    pub fn begin_logs(&self) {
        self.logs.attach(&self.shared);
        self.logs.begin(self.source.clone());
    }

    /// Stops reading logs, and saves how far they were read.
    pub async fn end_logs(&self) {
        self.logs.end().await;
    }

    /// The time to live that holds for a collector.
    pub fn ttl(&self, collector: usize) -> Duration {
        self.shared.ttl(collector)
    }

    /// Counts samples that were left out of a page.
    pub(super) fn note_dropped(&self, collector: usize, why: DropReason, count: u64, example: &str) {
        self.shared.note_dropped(collector, "", why, count, example);
    }
}
