//! The source of rows: runs jq filters on the last snapshot.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use engine::{
    Connections, Fetched, Query, Reason, Role, RowSink, ServerFacts, ServerNotes, ServerProbe, Session, Source,
    SourceError,
};
use jaq_json::Val;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::backups::PreparedDocument;
use crate::collect::InfoCollector;
use crate::details::details;
use crate::filter::{FilterError, Variables};
use crate::filter_cache::FilterCache;
use crate::json::object;
use crate::settings::Settings;
use crate::snapshot::{InfoSnapshot, Timestamp};

/// The last results of `pgbackrest info`.
pub(crate) struct BackrestSource {
    settings: Arc<Settings>,
    snapshots: watch::Receiver<Arc<InfoSnapshot>>,
    filters: Arc<FilterCache>,
    collecting: Mutex<Option<JoinHandle<()>>>,
    /// Whether a session waits for the first collection.
    wait_for_first: bool,
}

impl BackrestSource {
    /// Starts to collect.
    pub fn start(settings: Settings, wait_for_first: bool) -> Self {
        let settings = Arc::new(settings);
        let (collector, snapshots) = InfoCollector::new(settings.clone());
        let collecting = Mutex::new(Some(tokio::spawn(collector.run())));
        Self { settings, snapshots, filters: Arc::default(), collecting, wait_for_first }
    }
}

impl Source for BackrestSource {
    type Session = BackrestSession;

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
        let collecting = self.collecting.lock().take();
        async {
            if let Some(collecting) = collecting {
                collecting.abort();
                // A running child is killed with the task.
                collecting.await.ok();
            }
        }
    }
}

/// A session on one snapshot.
pub(crate) struct BackrestSession {
    settings: Arc<Settings>,
    snapshot: Arc<InfoSnapshot>,
    filters: Arc<FilterCache>,
}

impl BackrestSession {
    /// The input of filters and their variables.
    fn input(&self) -> (Val, Variables) {
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
            Val::from(Timestamp::now().unix_seconds),
            self.snapshot.runs(self.settings.stale),
            options,
            all(|document| &document.newest).chain(all(|document| &document.others)).collect(),
            all(|document| &document.newest).collect(),
            all(|document| &document.clusters).collect(),
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
        let details = details(&self.snapshot, self.settings.stale);
        let notes = ServerNotes { details, ..ServerNotes::default() };
        Ok(ServerProbe { facts, notes, fault: self.snapshot.fault(), ..ServerProbe::default() })
    }

    async fn fetch(&self, query: &Query, sink: &mut dyn RowSink) -> Result<Fetched, SourceError> {
        let deadline = Instant::now() + query.timeout;
        let late = || {
            let message = format!("{}: the filter did not end within {:?}", query.collector, query.timeout);
            SourceError::new(Reason::Timeout, message)
        };
        let Some(filter) = self.filters.start(&query.text)? else { return Err(late()) };
        let (input, variables) = self.input();
        let run = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let table = filter.table(input, variables, deadline);
            (table, begun.elapsed())
        });
        let (table, took) = match tokio::time::timeout_at(deadline.into(), run).await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => {
                let message = format!("{}: the filter panicked: {panic}", query.collector);
                return Err(SourceError::new(Reason::Filter, message));
            }
            Err(_) => return Err(late()),
        };
        match table {
            Ok(table) => {
                sink.table(&table.columns, &table.cells);
                Ok(Fetched { took, ..Fetched::default() })
            }
            Err(FilterError::Late) => Err(late()),
            Err(error @ FilterError::Shape { .. }) => Err(SourceError::new(Reason::Shape, error.to_string())),
            Err(error) => Err(SourceError::new(Reason::Filter, error.to_string())),
        }
    }
}
