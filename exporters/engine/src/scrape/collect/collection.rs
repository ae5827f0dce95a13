//! A collection over all databases. It runs on its own: a scraper that hangs up does not stop it.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::database::DatabaseReader;
use super::visits::visits;
use crate::facts::{OtherDatabase, ServerProbe};
use crate::scrape::schedule::{Round, Schedules};
use crate::scrape::shared::Shared;
use crate::source::Source;

/// How often a scrape that waits looks how much time its page will take.
const STEP: Duration = Duration::from_millis(100);

/// A collection that runs or has run; clones are the same collection.
///
/// After its deadline it goes on to begin databases until the last clone is gone: that is when a later one has replaced it.
#[derive(Clone)]
pub(in crate::scrape) struct Collection {
    pub schedules: Arc<Schedules>,
    deadline: Instant,
    done: watch::Receiver<bool>,
    /// Held, never read.
    _current: Arc<()>,
}

impl Collection {
    /// Begins to collect. What comes after the deadline lands in the store, for the next scrape.
    pub fn start<S: Source>(source: Arc<S>, shared: Arc<Shared>, deadline: Instant) -> Self {
        let (finished, done) = watch::channel(false);
        let schedules = Arc::new(shared.schedule_all(Instant::now()));
        let current = Arc::new(());
        let run = Run { source, shared, schedules: schedules.clone(), current: Arc::downgrade(&current) };
        tokio::spawn(async move {
            run.all().await;
            finished.send_replace(true);
        });
        Self { schedules, deadline, done, _current: current }
    }

    pub fn started(&self) -> Instant {
        self.schedules.started
    }

    /// Whether another scrape may share it.
    pub fn is_running(&self) -> bool {
        !*self.done.borrow() && self.done.has_changed().is_ok() && Instant::now() < self.deadline
    }

    /// Waits for its end, at most until the time that `until` gives, which may become earlier while results come.
    pub async fn wait(&self, until: impl Fn() -> Instant) {
        let mut done = self.done.clone();
        let mut end = pin!(done.wait_for(|done| *done));
        loop {
            let (now, until) = (Instant::now(), until());
            // Either way the page is made of what is there.
            if now >= until || tokio::time::timeout_at(until.min(now + STEP), &mut end).await.is_ok() {
                return;
            }
        }
    }
}

/// What the tasks of a collection share.
struct Run<S> {
    source: Arc<S>,
    shared: Arc<Shared>,
    schedules: Arc<Schedules>,
    /// Gone when a later collection has replaced this one and no scrape waits for it.
    current: Weak<()>,
}

impl<S: Source> Run<S> {
    async fn all(&self) {
        let (probed, probe) = oneshot::channel();
        let main = tokio::spawn(collect_main(self.reader(None, None, Round::All), probed));
        // The other databases are known as soon as the probe is there, while the main one's queries still run.
        if let Ok(main) = probe.await {
            self.others(&main).await;
        }
        if let Err(panic) = main.await {
            tracing::error!(%panic, "a collection of the main database ended in a panic");
        }
    }

    fn reader(&self, database: Option<Arc<str>>, changes: Option<u64>, round: Round) -> DatabaseReader<S> {
        let (source, shared, schedules) = (self.source.clone(), self.shared.clone(), self.schedules.clone());
        DatabaseReader { source, shared, schedules, database, changes, round }
    }

    /// Reads the databases beside the main one in which something is due: the quick collectors of all, then the others.
    async fn others(&self, main: &ServerProbe) {
        let mut visits = visits(&self.shared, &self.schedules, main);
        self.read_all(&visits, Round::Quick).await;
        visits.retain(|database| self.schedules.get(&database.name).is_some_and(|schedule| schedule.has_more()));
        self.read_all(&visits, Round::All).await;
    }

    /// Reads these databases, a few at a time, until a later collection takes over.
    async fn read_all(&self, databases: &[&OtherDatabase], round: Round) {
        let collections = databases.iter().map(|database| async move {
            if self.current.strong_count() > 0 {
                let reader = self.reader(Some(database.name.as_str().into()), database.changes, round);
                if let Err(panic) = tokio::spawn(collect_other(reader)).await {
                    tracing::error!(%panic, "a collection of a database ended in a panic");
                }
            }
        });
        let parallel = self.source.max_parallel_databases().max(1);
        stream::iter(collections).for_each_concurrent(parallel, |collection| collection).await;
    }
}

async fn collect_main<S: Source>(reader: DatabaseReader<S>, probed: oneshot::Sender<Arc<ServerProbe>>) {
    let begun = Instant::now();
    let shared = &reader.shared;
    let mut probed = Some(probed);
    let found = reader
        .read(|probe| {
            shared.server.note_probe(probe, begun, &shared.target);
            if let Ok(found) = probe {
                let main = std::iter::once(found.facts.database.as_str());
                let names: HashSet<&str> =
                    main.chain(found.databases.iter().map(|other| other.name.as_str())).collect();
                // What is read without a session is of no database.
                let is_there = |name: &str| name.is_empty() || names.contains(name);
                shared.store.retain(is_there);
                shared.counters.retain_databases(is_there);
                if let Some(probed) = probed.take() {
                    // Nobody waits when the collection was abandoned.
                    probed.send(found.clone()).ok();
                }
            }
        })
        .await;
    shared.health.keep(&found).await;
    shared.store.collected(&shared.server.main_name(), begun.elapsed(), found.err());
}

async fn collect_other<S: Source>(reader: DatabaseReader<S>) {
    let begun = Instant::now();
    let (shared, name) = (&reader.shared, reader.database.clone().unwrap_or_default());
    let found = reader
        .read(|probe| {
            if let Ok(found) = probe {
                shared.server.note_database(name.clone(), found.clone());
            }
        })
        .await;
    let error = found.err();
    if shared.store.collected(&name, begun.elapsed(), error.clone()) {
        match error {
            Some(error) => {
                tracing::warn!(datname = &*name, reason = %error.reason, %error, "database cannot be read");
            }
            None => tracing::info!(datname = &*name, "database can be read again"),
        }
    }
}
