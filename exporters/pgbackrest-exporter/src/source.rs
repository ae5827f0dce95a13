//! The source of rows: runs jq filters on the last snapshot.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use engine::{
    Connections, Fetched, LogLocation, Query, Reason, Role, RowSink, ServerFacts, ServerNotes, ServerProbe, Session,
    Source, SourceError,
};
use jaq_json::Val;
use jq::Runner;
use jq::json::object;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::backups::PreparedDocument;
use crate::collect::InfoCollector;
use crate::details::details;
use crate::jobs::{JobRunner, ProofState, to_val};
use crate::language::{LANGUAGE, Variables};
use crate::log_files::locate;
use crate::settings::Settings;
use crate::snapshot::{InfoSnapshot, Timestamp};

/// The last results of `pgbackrest info`.
pub(crate) struct BackrestSource {
    settings: Arc<Settings>,
    snapshots: watch::Receiver<Arc<InfoSnapshot>>,
    filters: Runner,
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
        let filters = Runner::new(&LANGUAGE);
        Self { settings, snapshots, filters, proofs, collecting, jobs, wait_for_first }
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
    filters: Runner,
    input: OnceLock<(Val, Variables)>,
}

impl BackrestSession {
    /// The input of filters and their variables. All but the time stay the same in a session.
    fn input(&self) -> (Val, Vec<Val>) {
        let (input, mut variables) = self.input.get_or_init(|| self.prepare_input()).clone();
        variables[0] = Val::from(Timestamp::now().unix_seconds);
        (input, variables.into())
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
        self.filters.run(query, || self.input(), sink).await
    }
}
