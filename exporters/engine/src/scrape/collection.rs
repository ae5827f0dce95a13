//! A collection over all databases. It runs on its own: a scraper that hangs up does not stop it.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::{oneshot, watch};

use super::Scraper;
use crate::error::SourceError;
use crate::facts::{Health, Role, ServerFacts};
use crate::source::Source;

/// A collection that runs or has run; clones are the same collection.
#[derive(Clone)]
pub(super) struct Collection {
    pub started: Instant,
    deadline: Instant,
    done: watch::Receiver<bool>,
}

impl Collection {
    /// Begins to collect. After the deadline no further database is begun; queries that run go on to their own timeouts
    /// and land in the cache.
    pub fn start<S: Source>(scraper: Arc<Scraper<S>>, deadline: Instant) -> Self {
        let (finished, done) = watch::channel(false);
        let started = Instant::now();
        tokio::spawn(async move {
            scraper.run_collection(deadline).await;
            finished.send_replace(true);
        });
        Self { started, deadline, done }
    }

    /// Whether another scrape may share it.
    pub fn is_running(&self) -> bool {
        !*self.done.borrow() && self.done.has_changed().is_ok() && Instant::now() < self.deadline
    }

    /// Waits for its end, at most until `deadline`.
    pub async fn wait(&self, deadline: Instant) {
        let mut done = self.done.clone();
        let end = done.wait_for(|done| *done);
        // Either way the page is made of what is there.
        drop(tokio::time::timeout_at(deadline.into(), end).await);
    }
}

impl<S: Source> Scraper<S> {
    async fn run_collection(self: &Arc<Self>, deadline: Instant) {
        let (probed, probe) = oneshot::channel();
        let scraper = self.clone();
        let main = tokio::spawn(async move { scraper.collect_main(probed).await });
        // The other databases are known as soon as the probe is there, while the main one's queries still run.
        if let Ok(facts) = probe.await {
            self.collect_others(&facts, deadline).await;
        }
        if let Err(panic) = main.await {
            tracing::error!(%panic, "a collection of the main database ended in a panic");
        }
    }

    async fn collect_main(self: &Arc<Self>, probed: oneshot::Sender<Arc<ServerFacts>>) {
        let mut probed = Some(probed);
        let begun = Instant::now();
        let found = self
            .collect_database(None, |probe| {
                self.note_probe(probe.clone(), begun);
                if let (Ok(facts), Some(probed)) = (probe, probed.take()) {
                    // Nobody waits when the collection was abandoned.
                    probed.send(facts.clone()).ok();
                }
            })
            .await;
        self.keep_health(&found).await;
        self.store.collected(&self.main_name(), begun.elapsed(), found.err());
    }

    /// Health endpoints take over what a scrape has just found.
    async fn keep_health(&self, found: &Result<Arc<ServerFacts>, SourceError>) {
        let facts = found.as_ref().ok().filter(|facts| facts.fault.is_none());
        for with_lag in [false, true] {
            match facts {
                // A lag that is not known may be known to a probe that asks for nothing else.
                Some(facts) if !with_lag || facts.role != Role::Standby || facts.lag_seconds.is_some() => {
                    let health = Health { role: facts.role, lag_seconds: facts.lag_seconds };
                    self.health.keep(with_lag, health, super::HEALTH_AGE).await;
                }
                _ => self.health.forget(&with_lag).await,
            }
        }
    }

    /// Notes the outcome of a probe of a collection that began then.
    fn note_probe(&self, probe: Result<Arc<ServerFacts>, SourceError>, begun: Instant) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if probe.is_err() && matches!(&known.probe, Some((Ok(_), at)) if *at > begun) {
            // A later collection had an answer while this one still waited for its own.
            return;
        }
        let reason = |probe: &Result<_, SourceError>| probe.as_ref().err().map(|error| error.reason);
        let before = known.probe.as_ref().and_then(|(probe, _)| reason(probe));
        let answered = probe.clone().and_then(answered_now);
        match &answered {
            Err(error) if before != Some(error.reason) => {
                tracing::warn!(target = self.source.target(), reason = %error.reason, %error, "server is down");
            }
            Ok(facts) if before.is_some() || known.probe.is_none() => {
                let (target, role) = (self.source.target(), facts.role.word());
                tracing::info!(target, role, version = %facts.version, "server is up");
            }
            _ => {}
        }
        if let Ok(facts) = &probe {
            // A version that was not known yet has not changed.
            let differs = |before: &&Arc<ServerFacts>| {
                before.role != facts.role || (before.version != facts.version && before.version.0 != 0)
            };
            if let Some(before) = known.main.as_ref().filter(differs) {
                let (was, is) = (before.role.word(), facts.role.word());
                tracing::info!(was, is, version = %facts.version, "role or version has changed: planning anew");
            }
            for advice in &facts.advice {
                if known.main.as_ref().is_none_or(|before| !before.advice.contains(advice)) {
                    tracing::warn!(target = self.source.target(), "{advice}");
                }
            }
            known.main = Some(facts.clone());
            let is_there = |name: &str| facts.databases.iter().any(|other| other == name);
            let gone: Vec<Arc<str>> =
                known.databases.extract_if(|name, _| !is_there(name)).map(|(name, _)| name).collect();
            if !gone.is_empty() {
                // One of that name may come again; it is not the same.
                self.results.forget_all(move |key| gone.contains(&key.key.1));
            }
            self.store.retain(|name| *name == *facts.database || is_there(name));
        }
        known.probe = Some((answered, Instant::now()));
    }

    pub(super) fn main_name(&self) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.main.as_ref().map_or_else(|| "".into(), |facts| facts.database.as_str().into())
    }

    /// Visits the databases beside the main one, a few at a time. The order turns round at each collection: those collected last
    /// still have their connections and come first, and what one deadline cuts off is first in the next collection.
    async fn collect_others(self: &Arc<Self>, main: &ServerFacts, deadline: Instant) {
        let mut names: Vec<&String> = main.databases.iter().filter(|name| **name != main.database).collect();
        let turn = {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.collections += 1;
            known.collections.is_multiple_of(2)
        };
        if turn {
            names.reverse();
        }
        let collections = names.into_iter().map(|name| async move {
            if Instant::now() < deadline && self.is_due(name) {
                let scraper = self.clone();
                let name: Arc<str> = name.as_str().into();
                if let Err(panic) = tokio::spawn(async move { scraper.collect_other(name).await }).await {
                    tracing::error!(%panic, "a collection of a database ended in a panic");
                }
            }
        });
        stream::iter(collections)
            .for_each_concurrent(self.source.max_parallel_databases().max(1), |collection| collection)
            .await;
    }

    /// Whether a database was never collected or has something that is no longer fresh.
    fn is_due(&self, name: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(facts) = known.databases.get(name).cloned() else { return true };
        drop(known);
        !self.due(&facts, false).is_empty()
    }

    async fn collect_other(self: &Arc<Self>, name: Arc<str>) {
        let begun = Instant::now();
        let found = self
            .collect_database(Some(&name), |probe| {
                if let Ok(facts) = probe {
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    known.databases.insert(name.clone(), facts.clone());
                }
            })
            .await;
        let error = found.err();
        if self.store.collected(&name, begun.elapsed(), error.clone()) {
            match error {
                Some(error) => {
                    tracing::warn!(datname = &*name, reason = %error.reason, %error, "database cannot be read")
                }
                None => tracing::info!(datname = &*name, "database is read"),
            }
        }
    }
}

/// The facts, or why they are not of an answer that was given now.
fn answered_now(facts: Arc<ServerFacts>) -> Result<Arc<ServerFacts>, SourceError> {
    match &facts.fault {
        Some(fault) => Err(fault.clone()),
        None => Ok(facts),
    }
}
