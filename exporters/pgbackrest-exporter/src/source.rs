//! The snapshot as a source of rows: a query is a jq filter.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use engine::{Connections, Query, Reason, Role, Rows, ServerFacts, Session, Source, SourceError};
use jaq_json::Val;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::backups::Prepared;
use crate::collect::{Collection, Settings};
use crate::details::details;
use crate::filter::{Filter, FilterError, Variables};
use crate::snapshot::{Moment, Snapshot, object};

/// What `pgbackrest info` knows, as last collected.
pub(crate) struct BackrestSource {
    settings: Arc<Settings>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    filters: Arc<Filters>,
    collecting: Mutex<Option<JoinHandle<()>>>,
    /// Whether a look waits for the first collection.
    wait_for_first: bool,
}

impl BackrestSource {
    /// Begins to collect.
    pub fn start(settings: Settings, wait_for_first: bool) -> Self {
        let settings = Arc::new(settings);
        let (collection, snapshots) = Collection::new(settings.clone());
        let collecting = Mutex::new(Some(tokio::spawn(collection.run())));
        Self { settings, snapshots, filters: Arc::default(), collecting, wait_for_first }
    }
}

impl Source for BackrestSource {
    type Session = BackrestSession;

    async fn open(&self, database: Option<&str>) -> Result<BackrestSession, SourceError> {
        if let Some(name) = database {
            return Err(SourceError::new(
                Reason::Protocol,
                format!("pgBackRest has no databases, {name} was asked for"),
            ));
        }
        let mut snapshots = self.snapshots.clone();
        if self.wait_for_first {
            // It ends only with the collection, and then what is there has to do.
            snapshots.wait_for(|snapshot| snapshot.complete).await.ok();
        }
        let snapshot = snapshots.borrow().clone();
        Ok(BackrestSession { settings: self.settings.clone(), snapshot, filters: self.filters.clone() })
    }

    fn max_parallel_databases(&self) -> usize {
        1
    }

    fn connections(&self) -> Connections {
        Connections::default()
    }

    fn target(&self) -> String {
        self.settings.program.path.display().to_string()
    }

    fn close(&self) -> impl Future<Output = ()> + Send {
        let collecting = self.collecting.lock().unwrap_or_else(PoisonError::into_inner).take();
        async {
            if let Some(collecting) = collecting {
                collecting.abort();
                // A child that runs is killed as the task goes.
                collecting.await.ok();
            }
        }
    }
}

/// One snapshot, to be asked.
pub(crate) struct BackrestSession {
    settings: Arc<Settings>,
    snapshot: Arc<Snapshot>,
    filters: Arc<Filters>,
}

impl BackrestSession {
    /// The input of filters, and their variables.
    fn input(&self) -> (Val, Variables) {
        let found = self.snapshot.found(self.settings.stale);
        let all =
            |of: fn(&Prepared) -> &Vec<Val>| found.iter().copied().flat_map(move |found| of(found).iter().cloned());
        let [version, version_number] = self.snapshot.version_options();
        let options = object([
            version,
            version_number,
            ("reference_count", Val::Bool(self.settings.reference_count)),
            ("verbose_wal", Val::Bool(self.settings.verbose_wal)),
            ("interval_seconds", Val::from(self.settings.interval.as_secs_f64())),
            ("stale_seconds", Val::from(self.settings.stale.as_secs_f64())),
        ]);
        let variables = [
            Val::from(Moment::now().unix_seconds),
            self.snapshot.runs(self.settings.stale),
            options,
            all(|found| &found.newest).chain(all(|found| &found.others)).collect(),
            all(|found| &found.newest).collect(),
            all(|found| &found.clusters).collect(),
        ];
        (all(|found| &found.stanzas).collect(), variables)
    }
}

impl Session for BackrestSession {
    async fn facts(&self, _: Option<&ServerFacts>) -> Result<ServerFacts, SourceError> {
        let user = self.settings.program.user.as_ref().map(|user| user.name.clone());
        Ok(ServerFacts {
            version: self.snapshot.version.version(),
            role: Role::Neither,
            user: user.unwrap_or_default(),
            details: details(&self.snapshot, self.settings.stale),
            fault: self.snapshot.fault(),
            ..ServerFacts::default()
        })
    }

    async fn fetch(&self, query: &Query) -> Result<Rows, SourceError> {
        let prepared = self.filters.prepare(&query.text)?;
        let deadline = Instant::now() + query.timeout;
        let late = || {
            let message = format!("the filter of {} was not at its end after {:?}", query.collector, query.timeout);
            SourceError::new(Reason::Timeout, message)
        };
        let Some(running) = Running::begin(&prepared) else { return Err(late()) };
        let (input, variables) = self.input();
        let run = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let table = running.0.filter.table(input, variables, deadline);
            (table, begun.elapsed())
        });
        let (table, took) = match tokio::time::timeout_at(deadline.into(), run).await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => {
                let message = format!("the filter of {} ended in a panic: {panic}", query.collector);
                return Err(SourceError::new(Reason::Filter, message));
            }
            Err(_) => return Err(late()),
        };
        match table {
            Ok(table) => Ok(Rows { columns: table.columns, cells: table.cells, received_bytes: 0, took }),
            Err(FilterError::Late) => Err(late()),
            Err(error @ FilterError::Shape { .. }) => Err(SourceError::new(Reason::Shape, error.to_string())),
            Err(error) => Err(SourceError::new(Reason::Filter, error.to_string())),
        }
    }
}

/// Filters that have been compiled, by their text.
#[derive(Default)]
struct Filters {
    compiled: Mutex<HashMap<Arc<str>, Arc<Compiled>>>,
}

struct Compiled {
    filter: Filter,
    running: AtomicBool,
}

impl Filters {
    fn prepare(&self, text: &Arc<str>) -> Result<Arc<Compiled>, SourceError> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = compiled.get(text) {
            return Ok(prepared.clone());
        }
        let filter = Filter::compile(text).map_err(|error| SourceError::new(Reason::Filter, error))?;
        let prepared = Arc::new(Compiled { filter, running: AtomicBool::new(false) });
        compiled.insert(text.clone(), prepared.clone());
        Ok(prepared)
    }
}

/// A filter at work. One that is late cannot be stopped between two of its outputs, so it is not begun again before it
/// has ended: it costs one thread, however often it is scraped.
struct Running(Arc<Compiled>);

impl Running {
    fn begin(prepared: &Arc<Compiled>) -> Option<Self> {
        (!prepared.running.swap(true, Ordering::AcqRel)).then(|| Self(prepared.clone()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}
