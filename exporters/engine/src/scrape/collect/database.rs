//! Reads one database: its facts and everything that is due, in one batch, on a second connection if the first has died.

use std::sync::Arc;

use reason::Reason;

use super::batch::Batch;
use crate::error::SourceError;
use crate::facts::ServerProbe;
use crate::scrape::schedule::{DatabaseSchedule, Round, Schedules};
use crate::scrape::server::ProbeResult;
use crate::scrape::shared::Shared;
use crate::source::{Session, Source};
use crate::store::CollectorKey;

/// One database in one collection.
pub(super) struct DatabaseReader<S> {
    pub source: Arc<S>,
    pub shared: Arc<Shared>,
    pub schedules: Arc<Schedules>,
    /// `None`: the main one.
    pub database: Option<Arc<str>>,
    /// How often something had happened in it before, if that is known.
    pub changes: Option<u64>,
    pub round: Round,
}

impl<S: Source> DatabaseReader<S> {
    /// Reads the database; `on_probe` is told what the probe found as soon as that is known.
    ///
    /// A connection that died while it was idle is noticed only in use: then the batch is tried again, once.
    pub async fn read(&self, mut on_probe: impl FnMut(&ProbeResult) + Send) -> ProbeResult {
        let found = match self.attempt(true, &mut on_probe).await {
            Err(error) if error.reason == Reason::Closed => {
                // What the first attempt has brought is not asked for again.
                self.reschedule();
                self.attempt(false, &mut on_probe).await
            }
            found => found,
        };
        if let Err(error) = &found {
            self.fail_due(error);
            on_probe(&found);
        }
        found
    }

    async fn attempt(&self, may_retry: bool, on_probe: &mut (impl FnMut(&ProbeResult) + Send)) -> ProbeResult {
        if self.is_main() {
            drop(self.shared.first_probe.lock().await);
        }
        let session = self.source.open(self.database.as_deref()).await?;
        let before = self.schedule();
        let probe = async {
            let probe = session.probe(before.as_ref().map(|schedule| &*schedule.probe)).await.map(Arc::new);
            if probe.is_ok() {
                on_probe(&probe);
            }
            probe
        };
        let first = async {
            match &before {
                Some(schedule) => self.fetch_due(&session, schedule, may_retry).await,
                None => false,
            }
        };
        // The probe goes out first, so that no slow query stands before it.
        let (found, mut closed) = tokio::join!(probe, first);
        let found = found?;
        if !closed && before.as_ref().is_none_or(|schedule| schedule.probe.facts != found.facts) {
            let schedule = self.plan(found.clone());
            closed = self.fetch_due(&session, &schedule, may_retry).await;
        }
        if closed && may_retry {
            return Err(SourceError::new(Reason::Closed, "the connection ended between queries"));
        }
        Ok(found)
    }

    /// Fetches what is due. Returns whether the connection ended before that.
    async fn fetch_due(&self, session: &S::Session, schedule: &DatabaseSchedule, may_retry: bool) -> bool {
        let (shared, facts, main) = (&*self.shared, &schedule.probe.facts, self.is_main());
        Batch { shared, session, facts, main, changes: self.changes, may_retry }
            .fetch_all(schedule.take_due(self.round))
            .await
    }

    fn is_main(&self) -> bool {
        self.database.is_none()
    }

    /// The schedule by what is known of the database; `None` if it was never read.
    fn schedule(&self) -> Option<Arc<DatabaseSchedule>> {
        let known = self.shared.server.probe_of(self.database.as_deref())?;
        Some(self.schedules.get(&known.facts.database).unwrap_or_else(|| self.plan(known)))
    }

    fn plan(&self, probe: Arc<ServerProbe>) -> Arc<DatabaseSchedule> {
        self.schedules.set(self.shared.schedule(probe, self.is_main(), self.schedules.started))
    }

    /// The same anew, by the last probe.
    fn reschedule(&self) -> Option<Arc<DatabaseSchedule>> {
        self.shared.server.probe_of(self.database.as_deref()).map(|known| self.plan(known))
    }

    /// No session: everything that is still due counts as failed for that reason, but nothing is to pause for it.
    fn fail_due(&self, error: &SourceError) {
        let Some(schedule) = self.reschedule() else { return };
        for planned in schedule.take_due(Round::All) {
            let key =
                CollectorKey { collector: planned.collector, database: schedule.probe.facts.database.as_str().into() };
            let collector = &self.shared.catalog.collectors[key.collector].key;
            self.shared.counters.failed(collector, &key.database, error.reason);
            self.shared.store.missed(&key);
        }
    }
}
