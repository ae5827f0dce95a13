//! All servers of one exporter: usually one, then nothing here shows.
//!
//! Of several, each has a scraper of its own, so that one that is down or hangs costs the others nothing, and all its
//! samples carry the label `target`. What the exporter says of itself as a program stands on the page once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use reason::Reason;
use tokio::time::Instant;

use super::history::{History, Outcome, Scrape};
use super::page_time::PageTime;
use super::render::{TargetPage, process_metrics};
use super::scraper::Scraper;
use super::scrapers::ScraperId;
use super::settings::ScrapeSettings;
use crate::catalog::Catalog;
use crate::counters::Counters;
use crate::error::SourceError;
use crate::exposition::{Compressors, DropReason, Format, Headers, Page, PageEncoding, Part, SelfMetrics};
use crate::facts::Health;
use crate::labels::Labels;
use crate::source::Source;

/// The label that tells several servers apart.
const TARGET: &str = "target";

/// One scraper for each server, all with the same collectors; at least one.
pub(crate) struct Targets<S: Source> {
    pub catalog: Arc<Catalog>,
    pub scrapers: Vec<Arc<Scraper<S>>>,
    headers: Headers,
    compressors: Arc<Compressors>,
    settings: ScrapeSettings,
    history: Arc<History>,
    page_time: Arc<PageTime>,
}

impl<S: Source> Targets<S> {
    /// Scrapers for these sources.
    pub fn new(catalog: Catalog, sources: Vec<S>, settings: ScrapeSettings) -> Self {
        let (catalog, compressors) = (Arc::new(catalog), Arc::<Compressors>::default());
        let several = sources.len() > 1;
        let scraper = |source: S| {
            let mut settings = settings.clone();
            if several {
                settings.constant_labels = with_target(&settings.constant_labels, source.target());
            }
            let counters = Arc::new(Counters::new(&settings.namespace, &settings.constant_labels));
            Arc::new(Scraper::new(catalog.clone(), Arc::new(source), settings, counters, compressors.clone()))
        };
        let scrapers = sources.into_iter().map(scraper).collect();
        let headers = Headers::of(&catalog.families);
        Self { scrapers, headers, compressors, catalog, settings, history: Arc::default(), page_time: Arc::default() }
    }

    /// The same servers with other collectors.
    pub fn with(&self, catalog: Catalog) -> Self {
        let catalog = Arc::new(catalog);
        let scrapers = self.scrapers.iter().map(|scraper| Arc::new(scraper.with(catalog.clone()))).collect();
        let (settings, history, page_time) = (self.settings.clone(), self.history.clone(), self.page_time.clone());
        let (headers, compressors) = (Headers::of(&catalog.families), self.compressors.clone());
        Self { scrapers, headers, compressors, catalog, settings, history, page_time }
    }

    /// Answers a scrape by `deadline`, whatever the servers do.
    pub async fn scrape(&self, deadline: Instant, format: Format, gzip: bool, by: Option<&ScraperId>) -> Page {
        let asked = Instant::now();
        let allowed = deadline.saturating_duration_since(asked);
        let results = || self.scrapers.iter().map(|scraper| scraper.results()).sum();
        let until = || deadline - self.page_time.reserve(results(), allowed);
        let scrape =
            async |scraper: &Arc<Scraper<S>>| (scraper.scrape(deadline, until, gzip, by).await, asked.elapsed());
        let pages: Vec<(TargetPage, Duration)> = join_all(self.scrapers.iter().map(scrape)).await;
        let mut own = SelfMetrics::new(&self.settings.constant_labels);
        let (mut parts, mut databases, mut servers) = (Vec::new(), 0, Vec::new());
        let begun = pages.iter().map(|(page, _)| page.begun).max();
        for (page, took) in pages {
            own.merge(page.own);
            parts.extend(page.parts.into_iter().map(|part| Part { database: databases + part.database, ..part }));
            databases += page.databases;
            servers.push(Outcome { took, ..page.outcome });
        }
        if !self.settings.disable_intro {
            own.merge(process_metrics(&self.settings, asked));
        }
        let encoding = PageEncoding { format, gzip, compressors: &self.compressors };
        let page = Page::build(&self.headers, &parts, own, encoding);
        if let Some(begun) = begun {
            self.page_time.note_made(page.results, begun.elapsed());
        }
        if let Some(first) = self.scrapers.first() {
            for ((collector, reason), count) in &page.dropped {
                let example = match reason {
                    DropReason::Type => "another collector has the metric with another type",
                    _ => "another result of the page has the same series",
                };
                first.note_dropped(*collector, *reason, *count, example);
            }
        }
        self.history.note(Scrape { at: Instant::now(), allowed, bytes: page.length, gzip, servers });
        page
    }

    /// Notes how long it took to send a page of so many results.
    pub fn note_sent(&self, results: usize, took: Duration) {
        self.page_time.note_sent(results, took);
    }

    /// The last scrapes, the oldest first.
    pub fn history(&self) -> Vec<Scrape> {
        self.history.scrapes()
    }

    /// Probes every server in the background, so that the log tells their states before the first scrape.
    pub fn begin_first_probes(&self, timeout: Duration) {
        self.scrapers.iter().for_each(|scraper| scraper.begin_first_probe(timeout));
    }

    /// Takes the samples of every server from now on.
    pub fn begin_sampling(&self) {
        self.scrapers.iter().for_each(|scraper| scraper.begin_sampling());
    }

    /// Looks for the logs of every server once.
    pub async fn find_logs(&self) {
        join_all(self.scrapers.iter().map(|scraper| scraper.find_logs())).await;
    }

    /// Reads the logs of every server from now on.
    pub fn begin_logs(&self) {
        self.scrapers.iter().for_each(|scraper| scraper.begin_logs());
    }

    /// Collects once if nothing was collected yet, so that a person who looks first sees something.
    pub async fn ensure_collected(&self, timeout: Duration) {
        if self.scrapers.iter().any(|scraper| scraper.last_snapshot().is_none()) {
            let deadline = Instant::now() + timeout;
            join_all(self.scrapers.iter().map(|scraper| scraper.scrape(deadline, move || deadline, false, None))).await;
        }
    }

    /// Asks every server for its health; of several the first that fails answers for all.
    pub async fn health(&self, timeout: Duration, with_lag: bool) -> Result<Health, SourceError> {
        let answers = try_join_all(self.scrapers.iter().map(|scraper| scraper.health(timeout, with_lag))).await?;
        answers.into_iter().next().ok_or_else(|| SourceError::new(Reason::Refused, "no server is configured"))
    }

    /// Ends what the sources do on their own.
    pub async fn close(&self) {
        join_all(self.scrapers.iter().map(|scraper| scraper.end_logs())).await;
        join_all(self.scrapers.iter().map(|scraper| scraper.source.close())).await;
    }

    /// The servers, for logs.
    pub fn target(&self) -> String {
        self.scrapers.iter().map(|scraper| scraper.source.target()).collect::<Vec<_>>().join(" ")
    }
}

/// The constant labels and the server's own, which wins over one of that name.
fn with_target(labels: &Labels, target: String) -> Labels {
    let others = labels.iter().filter(|(name, _)| name != TARGET).cloned();
    std::iter::once((TARGET.to_owned(), target)).chain(others).collect()
}
