//! The pace: pgBackRest is run every so often, whoever scrapes; what comes of it is published as a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Reason, SourceError};
use futures_util::{StreamExt, stream};
use jaq_json::Val;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::backups::{Kept, Key, Prepared, key, prepare, text};
use crate::command::{Output, Program, RunError};
use crate::output::{Document, document};
use crate::snapshot::{Good, Moment, Release, Run, Snapshot, Target, elements, member};

/// The first version that tells the databases of one backup as JSON.
const TELLS_DATABASES: u32 = 24_100;

/// What to run, how often, and what to keep.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub program: Program,
    /// Where its configuration is, as arguments.
    pub config: Vec<OsString>,
    /// More arguments for `info`.
    pub arguments: Vec<OsString>,
    /// A run for each of them; one for all stanzas if there is none.
    pub stanzas_in: Vec<String>,
    pub kept: Kept,
    pub counted: Counted,
    pub counting_processes: usize,
    pub reference_count: bool,
    pub verbose_wal: bool,
    pub interval: Duration,
    pub timeout: Duration,
    pub stale: Duration,
    /// Whether `info` is run at all.
    pub enabled: bool,
}

/// Of which backups the databases are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    None,
    Newest,
    All,
}

impl Settings {
    fn targets(&self) -> Vec<Target> {
        let target = |label: &str, stanza: Option<String>| Target {
            label: label.to_owned(),
            stanza,
            good: None,
            last: None,
            runs: 0,
            failures: 0,
        };
        if !self.enabled {
            return Vec::new();
        }
        if self.stanzas_in.is_empty() {
            let all = if self.kept.stanzas_out.is_empty() { "all-stanzas" } else { "all-stanzas-except-excluded" };
            return vec![target(all, None)];
        }
        let wanted = self.stanzas_in.iter().filter(|name| !self.kept.stanzas_out.contains(name));
        wanted.map(|name| target(name, Some(name.clone()))).collect()
    }

    /// The arguments of one `info`. Levels of the log are said, since a configuration may set others.
    fn info(&self, stanza: Option<&str>) -> Vec<OsString> {
        let levels = ["--log-level-console=error", "--log-level-stderr=error", "--log-level-file=off"];
        let fixed = ["info", "--output=json"].into_iter().chain(levels).map(OsString::from);
        let stanza = stanza.map(|stanza| OsString::from(format!("--stanza={stanza}")));
        fixed.chain(self.config.iter().cloned()).chain(stanza).chain(self.arguments.iter().cloned()).collect()
    }
}

/// Runs pgBackRest and publishes what it finds.
pub(crate) struct Collection {
    settings: Arc<Settings>,
    published: watch::Sender<Arc<Snapshot>>,
    /// Databases of single backups, by stanza, repository and label. A backup does not change.
    databases: Arc<BTreeMap<Key, Val>>,
    /// A killed child that has not gone yet.
    stuck: Option<Box<Child>>,
}

/// What was found in a document, and what was said beside it.
struct Read {
    found: Prepared,
    bytes: usize,
    warnings: Vec<String>,
}

impl Collection {
    /// A collection that has not begun, and where its snapshots appear.
    pub fn new(settings: Arc<Settings>) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let targets = settings.targets();
        let first = Snapshot { targets, ..Snapshot::default() };
        let (published, snapshots) = watch::channel(Arc::new(first));
        (Self { settings, published, databases: Arc::default(), stuck: None }, snapshots)
    }

    /// Collects at once and then every interval, for ever.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.collect().await;
        }
    }

    async fn collect(&mut self) {
        let mut snapshot = Snapshot::clone(&self.published.borrow());
        if let Some(version) = self.version().await {
            snapshot.version = version;
        }
        for at in 0..snapshot.targets.len() {
            let target = &mut snapshot.targets[at];
            self.collect_target(target, snapshot.version).await;
            snapshot.complete |= at + 1 == snapshot.targets.len();
            // One by one: a stanza that hangs does not hold up those before it.
            self.published.send_replace(Arc::new(snapshot.clone()));
        }
        snapshot.complete = true;
        self.published.send_replace(Arc::new(snapshot));
    }

    /// The version that runs now: it may have been upgraded. Why it cannot be had, the run of `info` will tell.
    async fn version(&mut self) -> Option<Release> {
        if self.is_stuck() {
            return None;
        }
        let deadline = Instant::now() + self.settings.timeout;
        match self.settings.program.run(&["version".into()], deadline).await {
            Ok(output) => Release::parse(&String::from_utf8_lossy(&output.stdout)),
            Err(error) => {
                self.note_stuck(error);
                None
            }
        }
    }

    async fn collect_target(&mut self, target: &mut Target, version: Release) {
        let begun = Moment::now();
        let (exit_code, found) = self.read_target(target.stanza.as_deref(), begun.at, version).await;
        let mut run = Run { begun, took: begun.at.elapsed(), exit_code, warnings: Vec::new(), error: None };
        target.runs += 1;
        match found {
            Ok(Read { found, bytes, warnings }) => {
                run.warnings = warnings;
                target.good = Some(Good { found: Arc::new(found), bytes, asked: begun });
            }
            Err(error) => {
                target.failures += 1;
                run.error = Some(error);
            }
        }
        log_outcome(target, &run);
        target.last = Some(run);
    }

    /// Runs `info` and reads what it printed; gives the exit code too, if it ended by itself.
    async fn read_target(
        &mut self,
        stanza: Option<&str>,
        begun: Instant,
        version: Release,
    ) -> (Option<i32>, Result<Read, SourceError>) {
        let deadline = begun + self.settings.timeout;
        let what = stanza.map_or_else(|| "pgbackrest info".to_owned(), |stanza| format!("pgbackrest info of {stanza}"));
        if self.is_stuck() {
            let message = format!("{what}: not run, since a run before it was killed and has not gone yet");
            return (None, Err(SourceError::new(Reason::Timeout, message)));
        }
        let output = match self.settings.program.run(&self.settings.info(stanza), deadline).await {
            Ok(output) => output,
            Err(error) => {
                let told = SourceError::new(error.reason(), format!("{what}: {error}"));
                self.note_stuck(error);
                return (None, Err(told));
            }
        };
        let exit_code = output.status.code();
        let read = match read(output).await {
            Ok(document) => self.keep(document, version, deadline).await,
            Err(error) => Err(error),
        };
        (exit_code, read.map_err(|error| SourceError::new(error.reason, format!("{what}: {}", error.message))))
    }

    /// Leaves out of a document what the flags leave out, and adds the databases that are known.
    async fn keep(&mut self, document: Document, version: Release, deadline: Instant) -> Result<Read, SourceError> {
        let Document { value, bytes, warnings } = document;
        let mut found = self.prepared(value.clone()).await?;
        if self.settings.counted != Counted::None && version.version().0 >= TELLS_DATABASES {
            self.count_databases(&found, deadline).await;
            found = self.prepared(value).await?;
        }
        Ok(Read { found, bytes, warnings })
    }

    async fn prepared(&self, document: Val) -> Result<Prepared, SourceError> {
        let (settings, databases) = (self.settings.clone(), self.databases.clone());
        aside(move || prepare(&document, &settings.kept, &databases).map_err(|error| (Reason::Json, error.to_string())))
            .await
    }

    /// Asks for the databases of each backup that is wanted and not known; what fails is tried again next time.
    async fn count_databases(&mut self, found: &Prepared, deadline: Instant) {
        let others = if self.settings.counted == Counted::All { &found.others[..] } else { &[] };
        let backups = found.newest.iter().chain(others);
        let wanted: BTreeSet<Key> = backups.filter_map(|backup| Some(key(&text(backup, "stanza")?, backup))).collect();
        let stanzas: BTreeSet<String> = found.stanzas.iter().filter_map(|stanza| text(stanza, "name")).collect();
        let unknown = wanted.iter().filter(|key| !self.databases.contains_key(key)).cloned();
        let runs: Vec<_> = unknown.map(|key| self.databases_of(key, deadline)).collect();
        let found: Vec<_> = stream::iter(runs).buffer_unordered(self.settings.counting_processes).collect().await;
        let databases = Arc::make_mut(&mut self.databases);
        // Those of other targets stay.
        databases.retain(|key, _| wanted.contains(key) || !stanzas.contains(&key.0));
        databases.extend(found.into_iter().flatten());
    }

    async fn databases_of(&self, key: Key, deadline: Instant) -> Option<(Key, Val)> {
        let (stanza, repo_key, label) = &key;
        let mut arguments = self.settings.info(Some(stanza));
        arguments.push(format!("--set={label}").into());
        arguments.push(format!("--repo={repo_key}").into());
        if Instant::now() >= deadline {
            return None;
        }
        let told = match self.settings.program.run(&arguments, deadline).await {
            Ok(output) => read(output).await.map_err(|error| error.message),
            Err(error) => Err(error.to_string()),
        };
        match told {
            Ok(told) => {
                let backups = member(elements(&told.value).first()?, "backup")?;
                let databases = member(elements(backups).first()?, "database-ref")?.clone();
                Some((key, databases))
            }
            Err(error) => {
                tracing::warn!(stanza, repo_key, backup = label, error, "databases of a backup cannot be counted");
                None
            }
        }
    }

    fn note_stuck(&mut self, error: RunError) {
        if let RunError::Stuck { child, .. } = error {
            self.stuck = Some(child);
        }
    }

    /// Whether a child that was killed is still there.
    fn is_stuck(&mut self) -> bool {
        let gone = self.stuck.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
        if gone {
            self.stuck = None;
        }
        !gone
    }
}

/// Reads an output.
async fn read(output: Output) -> Result<Document, SourceError> {
    aside(move || document(&output).map_err(|error| (error.reason(), error.to_string()))).await
}

/// Works apart from the threads that answer scrapes: a document may have many megabytes.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, (Reason, String)> + Send + 'static,
) -> Result<T, SourceError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|panic| Err((Reason::Json, format!("reading it ended in a panic: {panic}"))));
    done.map_err(|(reason, message)| SourceError::new(reason, message))
}

/// Logs an outcome when it differs from the one before.
fn log_outcome(target: &Target, run: &Run) {
    let stanza = &*target.label;
    let before = target.last.as_ref();
    let reason = |run: &Run| run.error.as_ref().map(|error| error.reason);
    match (&run.error, before.map(reason)) {
        (Some(error), before) if before != Some(Some(error.reason)) => {
            tracing::warn!(stanza, reason = %error.reason, %error, "pgbackrest info failed");
        }
        (Some(error), _) => tracing::debug!(stanza, reason = %error.reason, %error, "pgbackrest info failed again"),
        (None, Some(Some(_))) => tracing::info!(stanza, "pgbackrest info works again"),
        (None, _) => tracing::debug!(stanza, seconds = run.took.as_secs_f64(), "pgbackrest info"),
    }
    for warning in &run.warnings {
        if !before.is_some_and(|before| before.warnings.contains(warning)) {
            tracing::warn!(stanza, warning, "pgbackrest info has warned");
        }
    }
}
