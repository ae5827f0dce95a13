//! The source of rows: runs jq filters on the last snapshot.

use std::future::Future;
use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use engine::{
    Connections, Fetched, LogLocation, Query, Reason, Role, RowSink, ServerFacts, ServerNotes, ServerProbe, Session,
    Source, SourceError,
};
use jaq_json::Val;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::backups::PreparedDocument;
use crate::collect::InfoCollector;
use crate::details::details;
use crate::filter::{FilterError, Variables};
use crate::filter_cache::FilterCache;
use crate::jobs::{JobRunner, ProofState, to_val};
use crate::json::object;
use crate::log_files::locate;
use crate::settings::Settings;
use crate::snapshot::{InfoSnapshot, Timestamp};

/// The last results of `pgbackrest info`.
pub(crate) struct BackrestSource {
    settings: Arc<Settings>,
    snapshots: watch::Receiver<Arc<InfoSnapshot>>,
    filters: Arc<FilterCache>,
    processors: Arc<Semaphore>,
    proofs: watch::Receiver<Arc<ProofState>>,
    collecting: Mutex<Option<JoinHandle<()>>>,
    /// Runs jobs, and removes what they have made when it is told to stop.
    jobs: Mutex<Option<(watch::Sender<bool>, JoinHandle<()>)>>,
    /// Whether a session waits for the first collection.
    wait_for_first: bool,
}

impl BackrestSource {
    /// Starts to collect.
    pub fn start(settings: Settings, wait_for_first: bool) -> Self {
        let settings = Arc::new(settings);
        let (collector, snapshots) = InfoCollector::new(settings.clone());
        let (jobs, proofs) = JobRunner::new(settings.clone(), snapshots.clone());
        let collecting = Mutex::new(Some(tokio::spawn(collector.run())));
        let (stop, stopped) = watch::channel(false);
        // A command looks once and ends.
        let jobs = Mutex::new((!wait_for_first).then(|| (stop, tokio::spawn(jobs.run(stopped)))));
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let processors = Arc::new(Semaphore::new(processors));
        Self { settings, snapshots, filters: Arc::default(), processors, proofs, collecting, jobs, wait_for_first }
    }
}

impl Source for BackrestSource {
    type Session = BackrestSession;

    async fn logs(&self) -> Result<Vec<LogLocation>, SourceError> {
        Ok(vec![locate(&self.settings.log_path)])
    }

    async fn open(&self, database: Option<&str>) -> Result<BackrestSession, SourceError> {
        if let Some(name) = database {
            return Err(SourceError::new(Reason::Protocol, format!("pgBackRest has no databases, requested: {name}")));
        }
        let mut snapshots = self.snapshots.clone();
        if self.wait_for_first {
            // An error means that the collector has ended; then the last snapshot is used.
            snapshots.wait_for(|snapshot| snapshot.complete).await.ok();
        }
        let snapshot = snapshots.borrow().clone();
        Ok(BackrestSession {
            settings: self.settings.clone(),
            snapshot,
            proofs: self.proofs.borrow().clone(),
            filters: self.filters.clone(),
            processors: self.processors.clone(),
            input: OnceLock::new(),
        })
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
        let (collecting, jobs) = (self.collecting.lock().take(), self.jobs.lock().take());
        async {
            if let Some(collecting) = collecting {
                collecting.abort();
                // A running child is killed with the task.
                collecting.await.ok();
            }
            if let Some((stop, jobs)) = jobs {
                stop.send_replace(true);
                jobs.await.ok();
            }
        }
    }
}

/// A session on one snapshot.
pub(crate) struct BackrestSession {
    settings: Arc<Settings>,
    snapshot: Arc<InfoSnapshot>,
    proofs: Arc<ProofState>,
    filters: Arc<FilterCache>,
    /// As many filters run at a time: a filter's limit is for its own work, and not for its wait behind others.
    processors: Arc<Semaphore>,
    input: OnceLock<(Val, Variables)>,
}

impl BackrestSession {
    /// The input of filters and their variables. All but the time stay the same in a session.
    fn input(&self) -> (Val, Variables) {
        let (input, mut variables) = self.input.get_or_init(|| self.prepare_input()).clone();
        variables[0] = Val::from(Timestamp::now().unix_seconds);
        (input, variables)
    }

    fn prepare_input(&self) -> (Val, Variables) {
        let documents = self.snapshot.documents(self.settings.stale);
        let all = |part: fn(&PreparedDocument) -> &Vec<Val>| {
            documents.iter().copied().flat_map(move |document| part(document).iter().cloned())
        };
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
            Val::Null,
            self.snapshot.runs(self.settings.stale),
            options,
            all(|document| &document.newest).chain(all(|document| &document.others)).collect(),
            all(|document| &document.newest).collect(),
            all(|document| &document.last).collect(),
            all(|document| &document.repo_last).collect(),
            all(|document| &document.clusters).collect(),
            Val::obj(documents.iter().flat_map(|document| document.index.iter().cloned()).collect()),
            to_val(&self.proofs.verify),
            to_val(&self.proofs.drill),
        ];
        (all(|document| &document.stanzas).collect(), variables)
    }
}

impl Session for BackrestSession {
    async fn probe(&self, _: Option<&ServerProbe>) -> Result<ServerProbe, SourceError> {
        let user = self.settings.program.user.as_ref().map(|user| user.name.clone());
        let facts = ServerFacts {
            version: self.snapshot.version.engine_version(),
            role: Role::Neither,
            user: user.unwrap_or_default(),
            ..ServerFacts::default()
        };
        let details = details(&self.snapshot, &self.proofs, self.settings.stale);
        let notes = ServerNotes { details, ..ServerNotes::default() };
        Ok(ServerProbe { facts, notes, fault: self.snapshot.fault(), ..ServerProbe::default() })
    }

    async fn fetch(&self, query: &Query, sink: &mut dyn RowSink) -> Result<Fetched, SourceError> {
        // Nobody closes it.
        let _processor = self.processors.acquire().await;
        let deadline = Instant::now() + query.timeout;
        let failure = |reason, message: String| SourceError::new(reason, format!("{}: {message}", query.collector));
        let limit = format!("its limit of {} s (timeout of the collector)", query.timeout.as_secs_f64());
        let late = || failure(Reason::Timeout, format!("the filter took longer than {limit}"));
        let Some(filter) = self.filters.start(&query.text)? else {
            let message = format!("the filter still runs: at an earlier scrape it took longer than {limit}");
            return Err(failure(Reason::Timeout, message));
        };
        let (input, variables) = self.input();
        let run = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let table = filter.table(input, variables, deadline);
            (table, begun.elapsed())
        });
        let (table, took) = match tokio::time::timeout_at(deadline.into(), run).await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => return Err(failure(Reason::Filter, format!("the filter panicked: {panic}"))),
            Err(_) => return Err(late()),
        };
        match table {
            Ok(table) => {
                tracing::debug!(collector = %query.collector, steps = table.steps, "a filter ended");
                sink.table(&table.columns, &table.cells);
                if let Some(error) = &table.error {
                    sink.unreadable(table.failed, error);
                }
                Ok(Fetched { took, ..Fetched::default() })
            }
            Err(FilterError::Late) => Err(late()),
            Err(error @ FilterError::Shape { .. }) => Err(failure(Reason::Shape, error.to_string())),
            Err(error) => Err(failure(Reason::Filter, error.to_string())),
        }
    }
}
