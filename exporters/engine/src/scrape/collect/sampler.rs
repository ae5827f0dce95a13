//! Samples of the main database at their own pace, whoever scrapes: all that are due in one batch, on the connection that
//! scrapes use.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::collector_run::CollectorRun;
use crate::counters::SampleSkip;
use crate::error::SourceError;
use crate::facts::ServerProbe;
use crate::plan::Planned;
use crate::scrape::pace::Pace;
use crate::scrape::shared::Shared;
use crate::source::{Session, Source};
use crate::store::CollectorKey;

/// While the server is not known, it is tried again at intervals that grow from the first to the second.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// For so long the outcome of a probe that found the server down stands: scrapes notice when it is up again.
const DOWN_STANDS: Duration = Duration::from_secs(60);

/// A task that takes samples until this is dropped.
pub(in crate::scrape) struct Sampling(JoinHandle<()>);

impl Sampling {
    /// Begins to take samples; `None` if no collector is sampled.
    pub fn start<S: Source>(source: Arc<S>, shared: Arc<Shared>) -> Option<Self> {
        let is_sampled = shared.catalog.collectors.iter().any(|collector| collector.sample.is_some());
        let sampler = Sampler { source, shared, plan: None, paces: HashMap::new() };
        (is_sampled && sampler.shared.settings.selection.samples).then(|| Self(tokio::spawn(sampler.run())))
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Sampler<S> {
    source: Arc<S>,
    shared: Arc<Shared>,
    /// The sampled collectors that are planned, and by what.
    plan: Option<(Arc<ServerProbe>, Vec<Planned>)>,
    /// By index into the catalog.
    paces: HashMap<usize, Pace>,
}

impl<S: Source> Sampler<S> {
    async fn run(mut self) {
        let mut retry = RETRY;
        loop {
            let Some(probe) = self.shared.server.probe_of(None) else {
                self.probe().await;
                sleep(retry).await;
                retry = (retry * 2).min(LONGEST_RETRY);
                continue;
            };
            let (now, due) = (Instant::now(), self.due(&probe));
            if due.is_empty() {
                let next = self.paces.values().map(|pace| pace.due).filter(|due| *due > now).min();
                sleep_until(next.unwrap_or(now + LONGEST_RETRY).min(now + RETRY)).await;
            } else if self.is_down() {
                self.skip(&due, SampleSkip::Down);
            } else {
                self.sample(&probe, due).await;
            }
        }
    }

    /// Probes the server, which nobody has done so far.
    async fn probe(&self) {
        drop(self.shared.first_probe.lock().await);
        if self.shared.server.probe_of(None).is_some() {
            return;
        }
        let begun = Instant::now();
        let found = match self.source.open_for_sample().await {
            Ok(session) => session.probe(None).await.map(Arc::new),
            Err(error) => Err(error),
        };
        self.shared.server.note_probe(&found, begun, &self.shared.target);
    }

    /// Whether the last probe, not long ago, found the server down.
    fn is_down(&self) -> bool {
        self.shared.server.last_probe().is_some_and(|(probe, at)| probe.is_err() && at.elapsed() < DOWN_STANDS)
    }

    /// What is due now of the plan for the server as the last probe found it.
    fn due(&mut self, probe: &Arc<ServerProbe>) -> Vec<Planned> {
        let (now, shared) = (Instant::now(), &self.shared);
        if self.plan.as_ref().is_none_or(|(of, _)| !Arc::ptr_eq(of, probe)) {
            let sample = |planned: &Planned| shared.catalog.collectors[planned.collector].sample;
            let mut planned = shared.plan(&probe.facts, true).planned;
            planned.retain(|planned| sample(planned).is_some());
            for one in &planned {
                let wanted = sample(one).unwrap_or_default();
                self.paces.entry(one.collector).or_insert_with(|| Pace::new(wanted, now));
            }
            self.paces.retain(|collector, _| planned.iter().any(|planned| planned.collector == *collector));
            self.plan = Some((probe.clone(), planned));
        }
        let planned = self.plan.iter().flat_map(|(_, planned)| planned);
        let is_due = |planned: &&Planned| self.paces.get(&planned.collector).is_some_and(|pace| pace.due <= now);
        planned.filter(is_due).cloned().collect()
    }

    /// Takes the samples that are due. A scrape may use the connection: they wait for it, but no longer than until the next
    /// ones are due, and then stand for all the time since the last ones.
    async fn sample(&mut self, probe: &Arc<ServerProbe>, due: Vec<Planned>) {
        let patience = due.iter().filter_map(|one| self.paces.get(&one.collector)).map(Pace::interval).min();
        match timeout(patience.unwrap_or(RETRY), self.source.open_for_sample()).await {
            Err(_) => self.skip(&due, SampleSkip::Busy),
            Ok(Err(error)) => self.fail(&due, &error),
            Ok(Ok(session)) => {
                let batch = SampleBatch { shared: &self.shared, session: &session, probe, paces: &self.paces };
                let took = batch.take(&due).await;
                let now = Instant::now();
                for (collector, took) in took {
                    if let Some(pace) = self.paces.get_mut(&collector) {
                        pace.sampled(took, now);
                        self.shared.counters.sampling.note_interval(&self.shared.catalog, collector, pace.interval());
                    }
                }
            }
        }
    }

    fn skip(&mut self, due: &[Planned], why: SampleSkip) {
        let (now, database) = (Instant::now(), self.shared.server.main_name());
        for planned in due {
            self.shared.counters.sampling.skipped(why);
            if why == SampleSkip::Down {
                let key = CollectorKey { collector: planned.collector, database: database.clone() };
                self.shared.store.accumulation(&key).lock().interrupted();
            }
            match self.paces.get_mut(&planned.collector) {
                // It has waited for as long as it should.
                Some(pace) if why == SampleSkip::Busy => pace.due = now,
                Some(pace) => pace.postpone(now),
                None => {}
            }
        }
    }

    /// There is no session.
    fn fail(&mut self, due: &[Planned], error: &SourceError) {
        tracing::debug!(target = self.shared.target, reason = %error.reason, %error, "no session for samples");
        let (now, database) = (Instant::now(), self.shared.server.main_name());
        for planned in due {
            self.shared.counters.sampling.skipped(SampleSkip::Error);
            let key = CollectorKey { collector: planned.collector, database: database.clone() };
            self.shared.store.accumulation(&key).lock().failed(error.clone());
            if let Some(pace) = self.paces.get_mut(&planned.collector) {
                pace.sampled(None, now);
            }
        }
    }
}

/// The samples that are due, on one session.
struct SampleBatch<'a, T> {
    shared: &'a Shared,
    session: &'a T,
    probe: &'a ServerProbe,
    paces: &'a HashMap<usize, Pace>,
}

/// How long each collector's query took on the server; `None` if it failed.
type Took = Vec<(usize, Option<Duration>)>;

impl<T: Session> SampleBatch<'_, T> {
    /// Runs each query once for all collectors that share it.
    async fn take(&self, due: &[Planned]) -> Took {
        let mut groups: Vec<Vec<&Planned>> = Vec::new();
        for planned in due {
            match groups.iter_mut().find(|group| group[0].query.text == planned.query.text) {
                Some(group) => group.push(planned),
                None => groups.push(vec![planned]),
            }
        }
        join_all(groups.into_iter().map(|group| self.take_group(group))).await.concat()
    }

    async fn take_group(&self, group: Vec<&Planned>) -> Took {
        let key = self.key(group[0]);
        let (shared, session, facts, planned) = (self.shared, self.session, &self.probe.facts, group[0]);
        let run = CollectorRun { shared, session, facts, planned, key: &key, before: None };
        let sampled = run.sample().await;
        let now = Instant::now();
        let took = sampled.as_ref().ok().map(|rows| rows.as_ref().map_or(Duration::ZERO, |(_, fetched)| fetched.took));
        shared.counters.sampling.seconds.inc_by(took.unwrap_or_default().as_secs_f64());
        for planned in &group {
            let accumulation = shared.store.accumulation(&self.key(planned));
            let mut accumulation = accumulation.lock();
            let collector = &shared.catalog.collectors[planned.collector];
            let outcome = match &sampled {
                // A predicate does not hold, and the scrape says so.
                Ok(None) => continue,
                Ok(Some((rows, fetched))) => {
                    let most = self.paces.get(&planned.collector).map(Pace::largest_gap).unwrap_or_default();
                    let (counted, uncounted) = accumulation.since_last(now, most);
                    let accumulator = accumulation.accumulator(collector, planned.version);
                    let added = accumulator.add_rows(rows, counted.as_secs_f64(), now);
                    shared.counters.sampling.sampled(&collector.key, uncounted);
                    added.map(|()| accumulation.succeeded(now, fetched.took))
                }
                Err(error) => Err(error.clone()),
            };
            if let Err(error) = outcome {
                tracing::debug!(collector = &*collector.key, reason = %error.reason, %error, "sample failed");
                shared.counters.sampling.skipped(SampleSkip::Error);
                accumulation.failed(error);
            }
        }
        group.iter().map(|planned| (planned.collector, took)).collect()
    }

    fn key(&self, planned: &Planned) -> CollectorKey {
        CollectorKey { collector: planned.collector, database: self.probe.facts.database.as_str().into() }
    }
}
