//! A visit to one database: its facts and everything that is due, in one flight.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{ResultKey, Scraper, Slot, epoch};
use crate::collector::{Lookup, quote};
use crate::error::SourceError;
use crate::exposition::{Block, Drop, encode};
use crate::facts::ServerFacts;
use crate::plan::{Planned, version_of_columns};
use crate::rows::{Rows, Value};
use crate::source::{Query, Session, Source};
use crate::top::Folded;

/// A connection that had died while nobody used it is noticed only in use: then the visit is made again, once.
const CLOSED: &str = "closed";
/// A query that took longer than this goes behind the others of its flight.
const SLOW: Duration = Duration::from_millis(100);

/// What the queries of one flight share.
struct Flight<'a, T> {
    session: &'a T,
    /// What they were planned by.
    facts: &'a Arc<ServerFacts>,
    main: bool,
    /// Whether the visit may be made again on another connection.
    again: bool,
}

impl<S: Source> Scraper<S> {
    /// Reads one database; `on_look` hears the facts, or why there are none, as soon as they are known.
    pub(super) async fn visit(
        self: &Arc<Self>,
        database: Option<&str>,
        mut on_look: impl FnMut(&Result<Arc<ServerFacts>, SourceError>) + Send,
    ) -> Result<Arc<ServerFacts>, SourceError> {
        let mut again = true;
        loop {
            let found = match self.source.open(database).await {
                Ok(session) => self.read(&session, database, again, &mut on_look).await,
                Err(error) => Err(error),
            };
            match found {
                Err(error) if error.reason == CLOSED && again => again = false,
                Err(error) => {
                    self.fail_due(database, &error);
                    let failed = Err(error);
                    on_look(&failed);
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
        on_look: &mut (impl FnMut(&Result<Arc<ServerFacts>, SourceError>) + Send),
    ) -> Result<Arc<ServerFacts>, SourceError> {
        let main = database.is_none();
        let before = self.known_facts(database);
        let due = before.as_ref().map(|facts| self.due(facts, main)).unwrap_or_default();
        let look = async {
            let look = session.facts(before.as_deref()).await.map(Arc::new);
            if look.is_ok() {
                on_look(&look);
            }
            look
        };
        let first = async {
            let Some(facts) = &before else { return false };
            self.fetch_all(&Flight { session, facts, main, again }, due).await
        };
        // The look goes out first, so that no slow query stands before it.
        let (facts, mut cut) = tokio::join!(look, first);
        let facts = facts?;
        if !cut && before.as_ref().is_none_or(|before| !before.plans_like(&facts)) {
            let due = self.due(&facts, main);
            cut = self.fetch_all(&Flight { session, facts: &facts, main, again }, due).await;
        }
        if cut && again { Err(SourceError::new(CLOSED, "the connection ended between queries")) } else { Ok(facts) }
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
            let record = self.ledger.record(&(planned.collector, database.clone()));
            let fresh = self.is_fresh(&planned, facts, &database);
            let paused = record.failure.as_ref().is_some_and(|failure| failure.next_try > now);
            if !fresh && !paused && !record.in_flight {
                due.push((record.duration > SLOW, planned));
            }
        }
        due.sort_by_key(|(slow, _)| *slow);
        due.into_iter().map(|(_, planned)| planned).collect()
    }

    /// Whether there is a result within its time to live, asked of the same version and role by the same query.
    fn is_fresh(&self, planned: &Planned, facts: &ServerFacts, database: &Arc<str>) -> bool {
        self.results.has(&ResultKey { slot: (planned.collector, database.clone()), epoch: epoch(planned, facts) })
    }

    /// Fetches all that is due. Returns whether the connection ended before that.
    async fn fetch_all(&self, flight: &Flight<'_, S::Session>, due: Vec<Planned>) -> bool {
        join_all(due.into_iter().map(|planned| self.fetch(flight, planned))).await.contains(&true)
    }

    /// Fetches one collector and notes what became of it. Returns whether the connection ended before that.
    async fn fetch(&self, flight: &Flight<'_, S::Session>, planned: Planned) -> bool {
        let slot: Slot = (planned.collector, flight.facts.database.as_str().into());
        let Some(_in_flight) = self.ledger.begin(&slot) else { return false };
        let epoch = epoch(&planned, flight.facts);
        let key = ResultKey { slot: slot.clone(), epoch };
        let run = async {
            let begun = Instant::now();
            let fetched = self.run(flight.session, flight.facts, &planned, &slot).await;
            match &fetched {
                Ok(block) => self.note_success(&slot, block.clone(), epoch),
                Err(error) if error.reason == CLOSED && flight.again => {}
                Err(_) if !self.is_still_planned(flight, planned.collector, epoch) => {}
                Err(error) => self.note_failure(&slot, error.clone(), begun.elapsed()),
            }
            fetched
        };
        let fetched = self.results.get_or_fetch(key, self.ttl(planned.collector), run).await;
        fetched.is_err_and(|error| error.reason == CLOSED)
    }

    /// Whether the look of this flight still plans the same query. After a change of role, or of an extension, a query
    /// planned before it may fail, which is nobody's fault.
    fn is_still_planned(&self, flight: &Flight<'_, S::Session>, collector: usize, asked: u64) -> bool {
        let database = (!flight.main).then_some(flight.facts.database.as_str());
        let Some(now) = self.known_facts(database) else { return true };
        let plan = self.plan(&now, flight.main);
        plan.planned.iter().any(|planned| planned.collector == collector && epoch(planned, &now) == asked)
    }

    /// Asks the predicates, then the query, and encodes the rows.
    async fn run(
        &self,
        session: &S::Session,
        facts: &ServerFacts,
        planned: &Planned,
        slot: &Slot,
    ) -> Result<Arc<Block>, SourceError> {
        let (rows, skipped) = match &self.catalog.collectors[planned.collector].lookup {
            Some(lookup) => self.look_up(session, lookup, facts, planned, slot).await?,
            None => match self.unmet_predicate(session, facts, planned, slot).await? {
                Some(reason) => return Ok(Arc::new(Block::skipped(reason))),
                None => (self.ask(session, &planned.query).await?, None),
            },
        };
        let mut block = self.encode(rows, facts, planned, slot)?;
        block.skipped = skipped;
        if self.compress.load(Ordering::Relaxed) {
            block.compress();
        }
        Ok(Arc::new(block))
    }

    /// The rows as lines; where the collector has a `top`, the rest is summed first.
    fn encode(&self, rows: Rows, facts: &ServerFacts, planned: &Planned, slot: &Slot) -> Result<Block, SourceError> {
        let collector = &self.catalog.collectors[planned.collector];
        let labels = &self.settings.constant_labels;
        let encode = |rows| encode(&self.catalog, planned.collector, rows, planned.version, &facts.database, labels);
        let Some(top) = &collector.top else { return encode(&rows) };
        let standings = self.ledger.standings(slot);
        let mut standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
        let Folded { rows, others, drops } = standings.fold(collector, top, planned.version, rows)?;
        let mut block = encode(&rows)?;
        block.others = Some(others);
        for (why, example) in drops {
            block.dropped(why, 1, || example);
        }
        Ok(block)
    }

    /// Asks for details that are not known yet of what the other collector shows, at growing intervals; gives all that are
    /// known, and why none were asked for if a predicate does not hold.
    async fn look_up(
        &self,
        session: &S::Session,
        lookup: &Lookup,
        facts: &ServerFacts,
        planned: &Planned,
        slot: &Slot,
    ) -> Result<(Rows, Option<String>), SourceError> {
        let lock = PoisonError::into_inner;
        let wanted = self.shown(lookup, facts, &slot.1);
        let details = self.ledger.details(slot);
        let missing = details.lock().unwrap_or_else(lock).missing(&wanted);
        let mut skipped = None;
        if !missing.is_empty() {
            skipped = self.unmet_predicate(session, facts, planned, slot).await?;
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
        let standings = self.ledger.standings(&(of, database.clone()));
        let standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
        standings.shown(at)
    }

    /// Why the first predicate that does not hold skips the collector; `None` if all hold.
    async fn unmet_predicate(
        &self,
        session: &S::Session,
        facts: &ServerFacts,
        planned: &Planned,
        slot: &Slot,
    ) -> Result<Option<String>, SourceError> {
        for (index, query) in planned.predicates.iter().enumerate() {
            if !self.predicate_holds(session, planned, slot, index, query).await? {
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
        slot: &Slot,
        index: usize,
        query: &Query,
    ) -> Result<bool, SourceError> {
        let predicate = &self.catalog.collectors[planned.collector].predicates[index];
        if let Some(answer) = self.ledger.predicate(slot, index, predicate.ttl) {
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
                return Err(SourceError::new("shape", message));
            }
        };
        self.ledger.keep_predicate(slot, index, answer);
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

    fn note_success(&self, slot: &Slot, block: Arc<Block>, epoch: u64) {
        let collector = &self.catalog.collectors[slot.0];
        for (why, (count, example)) in &block.drops {
            self.note_dropped(slot.0, &slot.1, *why, *count, example);
        }
        if let Some(reason) = &block.skipped
            && self.ledger.record(slot).good.is_none_or(|before| before.block.skipped.as_ref() != Some(reason))
        {
            tracing::info!(collector = &*collector.key, datname = &*slot.1, reason, "collector skipped");
        }
        let failed_before = self.ledger.succeeded(slot, block, epoch);
        if failed_before > 0 {
            tracing::info!(collector = &*collector.key, datname = &*slot.1, failed_before, "collector works again");
        }
    }

    /// Counts samples that were left out, and logs the first of their kind.
    pub(super) fn note_dropped(&self, collector: usize, datname: &str, why: Drop, count: u64, example: &str) {
        let key = &*self.catalog.collectors[collector].key;
        self.counters.dropped(key, why, count);
        if self.ledger.first_drop(collector, why) {
            tracing::warn!(collector = key, datname, reason = why.word(), count, example, "samples dropped");
        }
    }

    fn note_failure(&self, slot: &Slot, error: SourceError, duration: Duration) {
        let collector = &self.catalog.collectors[slot.0];
        self.counters.failed(&collector.key, &slot.1, error.reason);
        let message = error.message.clone();
        let reason = error.reason;
        if self.ledger.failed(slot, error, self.ttl(slot.0), duration) {
            tracing::warn!(
                collector = &*collector.key,
                datname = &*slot.1,
                reason,
                error = message,
                "collector failed"
            );
        } else {
            tracing::debug!(
                collector = &*collector.key,
                datname = &*slot.1,
                reason,
                error = message,
                "collector failed again"
            );
        }
    }

    /// No session: everything that was due counts as failed for that reason, but none is to pause for it.
    fn fail_due(&self, database: Option<&str>, error: &SourceError) {
        let Some(facts) = self.known_facts(database) else { return };
        for planned in self.due(&facts, database.is_none()) {
            let slot: Slot = (planned.collector, facts.database.as_str().into());
            self.counters.failed(&self.catalog.collectors[slot.0].key, &slot.1, error.reason);
            self.ledger.missed(&slot);
        }
    }
}
