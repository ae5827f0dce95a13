//! A collection to one database: its facts and everything that is due, in one batch.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reason::Reason;

use super::{CollectorKey, ResultKey, Scraper, plan_fingerprint};
use crate::collector::{Lookup, quote};
use crate::error::SourceError;
use crate::exposition::{DropReason, EncodedResult, encode};
use crate::facts::ServerFacts;
use crate::plan::{Planned, version_of_columns};
use crate::rows::{Rows, Value};
use crate::source::{Query, Session, Source};
use crate::top::Aggregated;

/// A query that took longer than this goes behind the others of its batch.
const SLOW: Duration = Duration::from_millis(100);

/// What the queries of one batch share.
struct Batch<'a, T> {
    session: &'a T,
    /// What they were planned by.
    facts: &'a Arc<ServerFacts>,
    main: bool,
    /// Whether the collection may be made again on another connection.
    again: bool,
}

impl<S: Source> Scraper<S> {
    /// Reads one database; `on_probe` hears the facts, or why there are none, as soon as they are known.
    pub(super) async fn collect_database(
        self: &Arc<Self>,
        database: Option<&str>,
        mut on_probe: impl FnMut(&Result<Arc<ServerFacts>, SourceError>) + Send,
    ) -> Result<Arc<ServerFacts>, SourceError> {
        // A connection that died while it was idle is noticed only in use: then the collection is tried again, once.
        let mut again = true;
        loop {
            let found = match self.source.open(database).await {
                Ok(session) => self.read(&session, database, again, &mut on_probe).await,
                Err(error) => Err(error),
            };
            match found {
                Err(error) if error.reason == Reason::Closed && again => again = false,
                Err(error) => {
                    self.fail_due(database, &error);
                    let failed = Err(error);
                    on_probe(&failed);
                    return failed;
                }
                Ok(facts) => return Ok(facts),
            }
        }
    }

    async fn read(
        self: &Arc<Self>,
        session: &S::Session,
        database: Option<&str>,
        again: bool,
        on_probe: &mut (impl FnMut(&Result<Arc<ServerFacts>, SourceError>) + Send),
    ) -> Result<Arc<ServerFacts>, SourceError> {
        let main = database.is_none();
        let before = self.known_facts(database);
        let due = before.as_ref().map(|facts| self.due(facts, main)).unwrap_or_default();
        let probe = async {
            let probe = session.facts(before.as_deref()).await.map(Arc::new);
            if probe.is_ok() {
                on_probe(&probe);
            }
            probe
        };
        let first = async {
            let Some(facts) = &before else { return false };
            self.fetch_all(&Batch { session, facts, main, again }, due).await
        };
        // The probe goes out first, so that no slow query stands before it.
        let (facts, mut cut) = tokio::join!(probe, first);
        let facts = facts?;
        if !cut && before.as_ref().is_none_or(|before| !before.plans_like(&facts)) {
            let due = self.due(&facts, main);
            cut = self.fetch_all(&Batch { session, facts: &facts, main, again }, due).await;
        }
        if cut && again {
            Err(SourceError::new(Reason::Closed, "the connection ended between queries"))
        } else {
            Ok(facts)
        }
    }

    fn known_facts(&self, database: Option<&str>) -> Option<Arc<ServerFacts>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match database {
            None => known.main.clone(),
            Some(name) => known.databases.get(name).cloned(),
        }
    }

    /// What is planned, neither fresh nor in flight, and not paused after failures; slow ones last.
    pub(super) fn due(&self, facts: &ServerFacts, main: bool) -> Vec<Planned> {
        let now = Instant::now();
        let database: Arc<str> = facts.database.as_str().into();
        let mut due: Vec<(bool, Planned)> = Vec::new();
        for planned in self.plan(facts, main).planned {
            let state = self.store.state(&(planned.collector, database.clone()));
            let fresh = self.is_fresh(&planned, facts, &database);
            let paused = state.failure.as_ref().is_some_and(|failure| failure.next_try > now);
            if !fresh && !paused && !state.in_flight {
                due.push((state.duration > SLOW, planned));
            }
        }
        due.sort_by_key(|(slow, _)| *slow);
        due.into_iter().map(|(_, planned)| planned).collect()
    }

    /// Whether there is a result within its time to live, asked of the same version and role by the same query.
    fn is_fresh(&self, planned: &Planned, facts: &ServerFacts, database: &Arc<str>) -> bool {
        self.results.has(&ResultKey {
            key: (planned.collector, database.clone()),
            plan_fingerprint: plan_fingerprint(planned, facts),
        })
    }

    /// Fetches all that is due. Returns whether the connection ended before that.
    async fn fetch_all(&self, batch: &Batch<'_, S::Session>, due: Vec<Planned>) -> bool {
        join_all(due.into_iter().map(|planned| self.fetch(batch, planned))).await.contains(&true)
    }

    /// Fetches one collector and notes what became of it. Returns whether the connection ended before that.
    async fn fetch(&self, batch: &Batch<'_, S::Session>, planned: Planned) -> bool {
        let key: CollectorKey = (planned.collector, batch.facts.database.as_str().into());
        let Some(_in_flight) = self.store.begin(&key) else { return false };
        let plan_fingerprint = plan_fingerprint(&planned, batch.facts);
        let result_key = ResultKey { key: key.clone(), plan_fingerprint };
        let run = async {
            let begun = Instant::now();
            let fetched = self.run(batch.session, batch.facts, &planned, &key).await;
            match &fetched {
                Ok(result) => self.note_success(&key, result.clone(), plan_fingerprint),
                Err(error) if error.reason == Reason::Closed && batch.again => {}
                Err(_) if !self.is_still_planned(batch, planned.collector, plan_fingerprint) => {}
                Err(error) => self.note_failure(&key, error.clone(), begun.elapsed()),
            }
            fetched
        };
        let fetched = self.results.get_or_fetch(result_key, self.ttl(planned.collector), run).await;
        fetched.is_err_and(|error| error.reason == Reason::Closed)
    }

    /// Whether the probe of this batch still plans the same query. After a change of role, or of an extension, a query
    /// planned before it may fail, which is nobody's fault.
    fn is_still_planned(&self, batch: &Batch<'_, S::Session>, collector: usize, asked: u64) -> bool {
        let database = (!batch.main).then_some(batch.facts.database.as_str());
        let Some(now) = self.known_facts(database) else { return true };
        let plan = self.plan(&now, batch.main);
        plan.planned.iter().any(|planned| planned.collector == collector && plan_fingerprint(planned, &now) == asked)
    }

    /// Asks the predicates, then the query, and encodes the rows.
    async fn run(
        &self,
        session: &S::Session,
        facts: &ServerFacts,
        planned: &Planned,
        key: &CollectorKey,
    ) -> Result<Arc<EncodedResult>, SourceError> {
        let (rows, skipped) = match &self.catalog.collectors[planned.collector].lookup {
            Some(lookup) => self.look_up(session, lookup, facts, planned, key).await?,
            None => match self.unmet_predicate(session, facts, planned, key).await? {
                Some(reason) => return Ok(Arc::new(EncodedResult::skipped(reason))),
                None => (self.ask(session, &planned.query).await?, None),
            },
        };
        let mut result = self.encode(rows, facts, planned, key)?;
        result.skipped = skipped;
        if self.compress.load(Ordering::Relaxed) {
            result.compress();
        }
        Ok(Arc::new(result))
    }

    /// The rows as lines; where the collector has a `top`, the rest is summed first.
    fn encode(
        &self,
        rows: Rows,
        facts: &ServerFacts,
        planned: &Planned,
        key: &CollectorKey,
    ) -> Result<EncodedResult, SourceError> {
        let collector = &self.catalog.collectors[planned.collector];
        let labels = &self.settings.constant_labels;
        let encode = |rows| encode(&self.catalog, planned.collector, rows, planned.version, &facts.database, labels);
        let Some(top) = &collector.top else { return encode(&rows) };
        let top_n = self.store.top_n(key);
        let mut top_n = top_n.lock().unwrap_or_else(PoisonError::into_inner);
        let Aggregated { rows, others, drops } = top_n.aggregate(collector, top, planned.version, rows)?;
        let mut result = encode(&rows)?;
        result.others = Some(others);
        for (why, example) in drops {
            result.dropped(why, 1, || example);
        }
        Ok(result)
    }

    /// Asks for details that are not known yet of what the other collector shows, at growing intervals; gives all that are
    /// known, and why none were asked for if a predicate does not hold.
    async fn look_up(
        &self,
        session: &S::Session,
        lookup: &Lookup,
        facts: &ServerFacts,
        planned: &Planned,
        key: &CollectorKey,
    ) -> Result<(Rows, Option<String>), SourceError> {
        let lock = PoisonError::into_inner;
        let wanted = self.shown(lookup, facts, &key.1);
        let details = self.store.details(key);
        let missing = details.lock().unwrap_or_else(lock).missing(&wanted);
        let mut skipped = None;
        if !missing.is_empty() {
            skipped = self.unmet_predicate(session, facts, planned, key).await?;
            if skipped.is_none() && details.lock().unwrap_or_else(lock).may_ask(Instant::now()) {
                let query = Query { values: Some(missing.clone()), ..planned.query.clone() };
                let answer = self.ask(session, &query).await?;
                details.lock().unwrap_or_else(lock).take(missing, &answer, &lookup.label)?;
            }
        }
        Ok((details.lock().unwrap_or_else(lock).rows(), skipped))
    }

    /// The values of the label in what the other collector shows now.
    fn shown(&self, lookup: &Lookup, facts: &ServerFacts, database: &Arc<str>) -> BTreeSet<String> {
        let Some(of) = self.catalog.index_of(&lookup.of) else { return BTreeSet::new() };
        let collector = &self.catalog.collectors[of];
        let version = version_of_columns(collector, facts);
        let Some(at) = collector.label_place(&lookup.label, version) else { return BTreeSet::new() };
        let top_n = self.store.top_n(&(of, database.clone()));
        let top_n = top_n.lock().unwrap_or_else(PoisonError::into_inner);
        top_n.shown(at)
    }

    /// Why the first predicate that does not hold skips the collector; `None` if all hold.
    async fn unmet_predicate(
        &self,
        session: &S::Session,
        facts: &ServerFacts,
        planned: &Planned,
        key: &CollectorKey,
    ) -> Result<Option<String>, SourceError> {
        for (index, query) in planned.predicates.iter().enumerate() {
            if !self.predicate_holds(session, planned, key, index, query).await? {
                let predicate = &self.catalog.collectors[planned.collector].predicates[index];
                let reason = predicate.reason.as_deref().unwrap_or("skipped by a predicate");
                return Ok(Some(reason.replace("@user@", &quote(&facts.user))));
            }
        }
        Ok(None)
    }

    async fn predicate_holds(
        &self,
        session: &S::Session,
        planned: &Planned,
        key: &CollectorKey,
        index: usize,
        query: &Query,
    ) -> Result<bool, SourceError> {
        let predicate = &self.catalog.collectors[planned.collector].predicates[index];
        if let Some(answer) = self.store.predicate(key, index, predicate.ttl) {
            return Ok(answer);
        }
        let rows = self.ask(session, query).await?;
        let answer = match rows.cells.as_slice() {
            [] | [Value::Null] => false,
            [Value::Bool(answer)] => *answer,
            _ => {
                let found = format!("{} rows of {} columns", rows.len(), rows.columns.len());
                let message =
                    format!("predicate {} of {}: expected one boolean, found {found}", predicate.name, query.collector);
                return Err(SourceError::new(Reason::Shape, message));
            }
        };
        self.store.keep_predicate(key, index, answer);
        Ok(answer)
    }

    async fn ask(&self, session: &S::Session, query: &Query) -> Result<Rows, SourceError> {
        let begun = Instant::now();
        let rows = session.fetch(query).await;
        self.counters.queries.inc();
        let took = rows.as_ref().map_or_else(|_| begun.elapsed(), |rows| rows.took);
        self.counters.query_seconds.inc_by(took.as_secs_f64());
        if let Ok(rows) = &rows {
            self.counters.received_bytes.inc_by(rows.received_bytes);
        }
        rows
    }

    fn note_success(&self, key: &CollectorKey, result: Arc<EncodedResult>, plan_fingerprint: u64) {
        let collector = &self.catalog.collectors[key.0];
        for (why, (count, example)) in &result.drops {
            self.note_dropped(key.0, &key.1, *why, *count, example);
        }
        if let Some(reason) = &result.skipped
            && self.store.state(key).last_success.is_none_or(|before| before.result.skipped.as_ref() != Some(reason))
        {
            tracing::info!(collector = &*collector.key, datname = &*key.1, reason, "collector skipped");
        }
        let failed_before = self.store.succeeded(key, result, plan_fingerprint);
        if failed_before > 0 {
            tracing::info!(collector = &*collector.key, datname = &*key.1, failed_before, "collector works again");
        }
    }

    /// Counts samples that were left out, and logs the first of their kind.
    pub(super) fn note_dropped(&self, collector: usize, datname: &str, why: DropReason, count: u64, example: &str) {
        let key = &*self.catalog.collectors[collector].key;
        self.counters.dropped(key, why, count);
        if self.store.first_drop(collector, why) {
            tracing::warn!(collector = key, datname, reason = why.word(), count, example, "samples dropped");
        }
    }

    fn note_failure(&self, key: &CollectorKey, error: SourceError, duration: Duration) {
        let collector = &self.catalog.collectors[key.0];
        self.counters.failed(&collector.key, &key.1, error.reason);
        let message = error.message.clone();
        let reason = error.reason;
        if self.store.failed(key, error, self.ttl(key.0), duration) {
            tracing::warn!(collector = &*collector.key, datname = &*key.1, %reason, error = message, "collector failed");
        } else {
            tracing::debug!(
                collector = &*collector.key,
                datname = &*key.1,
                %reason,
                error = message,
                "collector failed again"
            );
        }
    }

    /// No session: everything that was due counts as failed for that reason, but none is to pause for it.
    fn fail_due(&self, database: Option<&str>, error: &SourceError) {
        let Some(facts) = self.known_facts(database) else { return };
        for planned in self.due(&facts, database.is_none()) {
            let key: CollectorKey = (planned.collector, facts.database.as_str().into());
            self.counters.failed(&self.catalog.collectors[key.0].key, &key.1, error.reason);
            self.store.missed(&key);
        }
    }
}
