//! Everything that is due in one database, asked together on one session.

use futures_util::future::join_all;
use reason::Reason;
use tokio::time::Instant;

use super::collector_run::CollectorRun;
use super::shared_query::{Part, parts};
use crate::facts::ServerFacts;
use crate::plan::Planned;
use crate::scrape::shared::Shared;
use crate::source::Session;
use crate::store::CollectorKey;

/// What the queries of one batch share.
pub(super) struct Batch<'a, T> {
    pub shared: &'a Shared,
    pub session: &'a T,
    /// What they were planned by.
    pub facts: &'a ServerFacts,
    pub main: bool,
    /// How often something had happened in the database before, if that is known.
    pub changes: Option<u64>,
    /// Whether the batch may be made again on another connection.
    pub may_retry: bool,
}

impl<T: Session> Batch<'_, T> {
    /// Fetches all that is due. Returns whether the connection ended before that.
    pub async fn fetch_all(&self, due: Vec<Planned>) -> bool {
        let parts = parts(&self.shared.catalog, due);
        join_all(parts.into_iter().map(|(planned, part)| self.fetch(planned, part))).await.contains(&true)
    }

    /// Fetches one collector and notes what became of it. Returns whether the connection ended before that.
    async fn fetch(&self, planned: Planned, part: Part) -> bool {
        let key = CollectorKey { collector: planned.collector, database: self.facts.database.as_str().into() };
        // Boxed: each layer that a future is handed through by value would hold it twice, kilobytes for every query.
        let run = Box::pin(async {
            let begun = Instant::now();
            let run = CollectorRun {
                shared: self.shared,
                session: self.session,
                facts: self.facts,
                planned: &planned,
                key: &key,
                before: self.shared.store.state(&key).last_success.map(|success| success.result),
            };
            let fetched = run.run(part).await;
            match &fetched {
                Ok(result) => self.shared.note_success(&key, result.clone(), planned.fingerprint, self.changes),
                Err(error) if error.reason == Reason::Closed && self.may_retry => {}
                Err(_) if !self.is_still_planned(&planned) => {}
                Err(error) => self.shared.note_failure(&key, error.clone(), begun.elapsed()),
            }
            fetched
        });
        let ttl = self.shared.ttl(planned.collector);
        let fetched = self.shared.store.fetch(&key, planned.fingerprint, ttl, run).await;
        fetched.is_err_and(|error| error.reason == Reason::Closed)
    }

    /// Whether the probe of this batch still plans the same query. After a change of role, or of an extension, a query
    /// planned before it may fail, and that is no failure of the collector.
    fn is_still_planned(&self, asked: &Planned) -> bool {
        let database = (!self.main).then_some(self.facts.database.as_str());
        let Some(now) = self.shared.server.probe_of(database) else { return true };
        let is_same =
            |planned: &Planned| planned.collector == asked.collector && planned.fingerprint == asked.fingerprint;
        self.shared.plan(&now.facts, self.main).planned.iter().any(is_same)
    }
}
