//! Runs pgBackRest at an interval, independently of scrapes, and publishes the results as a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use engine::{Reason, SourceError};
use futures_util::{StreamExt, stream};
use jaq_json::Val;
use jq::json::{member, text};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::backups::{BackupKey, PreparedDocument, key, prepare};
use crate::command::{ProcessOutput, RunError};
use crate::document::{stanzas, value};
use crate::output::{Document, document};
use crate::run_log::log_outcome;
use crate::settings::{DatabaseCount, Settings};
use crate::snapshot::{InfoSnapshot, LastDocument, LastRun, RunTarget, Timestamp};
use crate::version::BackrestVersion;

/// The first version that lists the databases of one backup as JSON.
const LISTS_DATABASES: u32 = 24_100;

/// Runs pgBackRest and publishes the results.
pub(crate) struct InfoCollector {
    settings: Arc<Settings>,
    published: watch::Sender<Arc<InfoSnapshot>>,
    /// Databases of single backups, by stanza, repository and label. A backup does not change.
    databases: Arc<BTreeMap<BackupKey, Val>>,
    /// A killed child that has not ended yet.
    stuck: Option<Box<Child>>,
}

/// A document of a run, and the warnings that were printed with it.
struct RunResult {
    content: PreparedDocument,
    bytes: usize,
    warnings: Vec<String>,
}

impl InfoCollector {
    /// A collector that has not started, and the channel of its snapshots.
    pub fn new(settings: Arc<Settings>) -> (Self, watch::Receiver<Arc<InfoSnapshot>>) {
        let targets = settings.targets();
        let first = InfoSnapshot { targets, ..InfoSnapshot::default() };
        let (published, snapshots) = watch::channel(Arc::new(first));
        (Self { settings, published, databases: Arc::default(), stuck: None }, snapshots)
    }

    /// The snapshot of one collection.
    pub async fn once(settings: Arc<Settings>) -> Arc<InfoSnapshot> {
        let (mut collector, snapshots) = Self::new(settings);
        collector.collect().await;
        Arc::clone(&snapshots.borrow())
    }

    /// Collects now and then at every interval, forever.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.collect().await;
        }
    }

    async fn collect(&mut self) {
        let mut snapshot = InfoSnapshot::clone(&self.published.borrow());
        if let Some(version) = self.version().await {
            snapshot.version = version;
        }
        for at in 0..snapshot.targets.len() {
            let target = &mut snapshot.targets[at];
            self.collect_target(target, snapshot.version).await;
            snapshot.complete |= at + 1 == snapshot.targets.len();
            // Published after each target: a stanza that hangs does not delay the others.
            self.published.send_replace(Arc::new(snapshot.clone()));
        }
        snapshot.complete = true;
        self.published.send_replace(Arc::new(snapshot));
    }

    /// The current version, since it may have been upgraded. If it fails, the run of `info` reports why.
    async fn version(&mut self) -> Option<BackrestVersion> {
        if self.is_stuck() {
            return None;
        }
        let deadline = Instant::now() + self.settings.timeout;
        match self.settings.program.run(&["version".into()], deadline).await {
            Ok(output) => BackrestVersion::parse(&String::from_utf8_lossy(&output.stdout)),
            Err(error) => {
                self.note_stuck(error);
                None
            }
        }
    }

    async fn collect_target(&mut self, target: &mut RunTarget, version: BackrestVersion) {
        let begun = Timestamp::now();
        let (exit_code, result) = self.read_target(target.stanza.as_deref(), begun.at, version).await;
        let mut run = LastRun { begun, took: begun.at.elapsed(), exit_code, warnings: Vec::new(), error: None };
        target.runs += 1;
        match result {
            Ok(RunResult { content, bytes, warnings }) => {
                run.warnings = warnings;
                target.document = Some(LastDocument { content: Arc::new(content), bytes, requested: begun });
            }
            Err(error) => {
                target.failures += 1;
                run.error = Some(error);
            }
        }
        log_outcome(target, &run);
        target.last_run = Some(run);
    }

    /// Runs `info` and reads its output. Also returns the exit code, if it ended by itself.
    async fn read_target(
        &mut self,
        stanza: Option<&str>,
        begun: Instant,
        version: BackrestVersion,
    ) -> (Option<i32>, Result<RunResult, SourceError>) {
        let deadline = begun + self.settings.timeout;
        let what = stanza.map_or_else(|| "pgbackrest info".to_owned(), |stanza| format!("pgbackrest info of {stanza}"));
        if self.is_stuck() {
            let message = format!("{what}: not run, because the previous process was killed and has not ended yet");
            return (None, Err(SourceError::new(Reason::Timeout, message)));
        }
        let output = match self.settings.program.run(&self.settings.info_arguments(stanza), deadline).await {
            Ok(output) => output,
            Err(error) => {
                let failure = SourceError::new(error.reason(), format!("{what}: {error}"));
                self.note_stuck(error);
                return (None, Err(failure));
            }
        };
        let exit_code = output.status.code();
        let read = match read(output).await {
            Ok(document) => self.prepare(document, version, deadline).await,
            Err(error) => Err(error),
        };
        (exit_code, read.map_err(|error| SourceError::new(error.reason, format!("{what}: {}", error.message))))
    }

    /// Prepares a document by the flags, with the databases of its backups.
    async fn prepare(
        &mut self,
        document: Document,
        version: BackrestVersion,
        deadline: Instant,
    ) -> Result<RunResult, SourceError> {
        let Document { json, mut warnings } = document;
        let json = Arc::new(json);
        let mut content = self.prepared(json.clone()).await?;
        if self.settings.database_count != DatabaseCount::None && version.engine_version().0 >= LISTS_DATABASES {
            self.count_databases(&content, deadline).await;
            content = self.prepared(json.clone()).await?;
        }
        if content.unreadable > 0 {
            warnings.push(format!("{} stanzas or backups cannot be read: unknown JSON format", content.unreadable));
        }
        Ok(RunResult { content, bytes: json.len(), warnings })
    }

    async fn prepared(&self, document: Arc<String>) -> Result<PreparedDocument, SourceError> {
        let (settings, databases) = (self.settings.clone(), self.databases.clone());
        blocking(move || {
            prepare(&document, &settings.selection, &databases).map_err(|error| (Reason::Json, error.to_string()))
        })
        .await
    }

    /// Reads the databases of each backup for which they are wanted and unknown. Failures are retried next time.
    async fn count_databases(&mut self, content: &PreparedDocument, deadline: Instant) {
        let others = if self.settings.database_count == DatabaseCount::All { &content.others[..] } else { &[] };
        let backups = content.newest.iter().chain(others);
        let wanted: BTreeSet<BackupKey> =
            backups.filter_map(|backup| Some(key(&text(backup, "stanza")?, backup))).collect();
        let stanzas: BTreeSet<String> = content.stanzas.iter().filter_map(|stanza| text(stanza, "name")).collect();
        let unknown = wanted.iter().filter(|key| !self.databases.contains_key(key)).cloned();
        let runs: Vec<_> = unknown.map(|key| self.databases_of(key, deadline)).collect();
        let found: Vec<_> = stream::iter(runs).buffer_unordered(self.settings.parallel_processes).collect().await;
        let databases = Arc::make_mut(&mut self.databases);
        // Those of other targets stay.
        databases.retain(|key, _| wanted.contains(key) || !stanzas.contains(&key.0));
        databases.extend(found.into_iter().flatten());
    }

    async fn databases_of(&self, key: BackupKey, deadline: Instant) -> Option<(BackupKey, Val)> {
        let (stanza, repo_key, label) = &key;
        let mut arguments = self.settings.info_arguments(Some(stanza));
        arguments.push(format!("--set={label}").into());
        arguments.push(format!("--repo={repo_key}").into());
        if Instant::now() >= deadline {
            return None;
        }
        let result = match self.settings.program.run(&arguments, deadline).await {
            Ok(output) => read(output).await.map_err(|error| error.message),
            Err(error) => Err(error.to_string()),
        };
        match result {
            Ok(document) => {
                let (stanzas, _) = stanzas(&document.json).ok()?;
                let backup = value(stanzas.first()?.backups.first()?)?;
                let databases = member(&backup, "database-ref")?.clone();
                Some((key, databases))
            }
            Err(error) => {
                tracing::warn!(stanza, repo_key, backup = label, error, "cannot count the databases of a backup");
                None
            }
        }
    }

    fn note_stuck(&mut self, error: RunError) {
        if let RunError::Stuck { child, .. } = error {
            self.stuck = Some(child);
        }
    }

    /// Whether a killed child has not ended yet.
    fn is_stuck(&mut self) -> bool {
        let ended = self.stuck.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
        if ended {
            self.stuck = None;
        }
        !ended
    }
}

/// Reads an output.
async fn read(output: ProcessOutput) -> Result<Document, SourceError> {
    blocking(move || document(output).map_err(|error| (error.reason(), error.to_string()))).await
}

/// Runs work on a blocking thread, so that it does not delay scrapes: a document may have many megabytes.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, (Reason, String)> + Send + 'static,
) -> Result<T, SourceError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|panic| Err((Reason::Json, format!("reading the document panicked: {panic}"))));
    done.map_err(|(reason, message)| SourceError::new(reason, message))
}
