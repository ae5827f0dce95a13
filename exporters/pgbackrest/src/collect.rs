//! The pace: pgBackRest is run every so often, whoever scrapes; what comes of it is published as a snapshot.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::SourceError;
use futures_util::{StreamExt, stream};
use jaq_json::Val;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::command::{Output, Program, RunError};
use crate::filter::Filter;
use crate::output::{Document, OutputError, document};
use crate::snapshot::{Good, Moment, Release, Run, Snapshot, Target, elements, int, member, object, string};

/// The first version that tells the databases of one backup as JSON.
const TELLS_DATABASES: u32 = 24_100;

/// What is kept of a document.
const SHAPE: &str = include_str!("shape.jq");

/// The backups whose databases may be counted.
const COUNTABLE: &str = "backups | select($options.all or .rank == 0) | {stanza, repo_key, label}";

/// How long reading a document may take; one of 64 MiB needs some seconds.
const LONGEST_READING: Duration = Duration::from_secs(60);

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
    pub stanzas_out: Vec<String>,
    /// Types of backups that are kept.
    pub types: Vec<&'static str>,
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
            let all = if self.stanzas_out.is_empty() { "all-stanzas" } else { "all-stanzas-except-excluded" };
            return vec![target(all, None)];
        }
        let wanted = self.stanzas_in.iter().filter(|name| !self.stanzas_out.contains(name));
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
    shape: Arc<Filter>,
    countable: Arc<Filter>,
    published: watch::Sender<Arc<Snapshot>>,
    /// Databases of single backups, by stanza, repository and label. A backup does not change.
    databases: BTreeMap<(String, String, String), Val>,
    /// A killed child that has not gone yet.
    stuck: Option<Box<Child>>,
}

/// A document as it is kept, and what was said beside it.
struct Read {
    document: Val,
    bytes: usize,
    warnings: Vec<String>,
}

impl Collection {
    /// A collection that has not begun, and where its snapshots appear.
    pub fn new(settings: Arc<Settings>) -> Result<(Self, watch::Receiver<Arc<Snapshot>>), String> {
        let targets = settings.targets();
        let first = Snapshot { targets, ..Snapshot::default() };
        let (published, snapshots) = watch::channel(Arc::new(first));
        let (shape, countable) = (Arc::new(Filter::compile(SHAPE)?), Arc::new(Filter::compile(COUNTABLE)?));
        Ok((Self { settings, shape, countable, published, databases: BTreeMap::new(), stuck: None }, snapshots))
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
            Ok(Read { document, bytes, warnings }) => {
                run.warnings = warnings;
                target.good = Some(Good { document, bytes, asked: begun });
            }
            Err(error) => {
                target.failures += 1;
                run.error = Some(error);
            }
        }
        tell(target, &run);
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
            return (None, Err(SourceError::new("timeout", message)));
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
    async fn keep(&mut self, found: Document, version: Release, deadline: Instant) -> Result<Read, SourceError> {
        let Document { value, bytes, warnings } = found;
        let mut document = self.shaped(value).await?;
        if self.settings.counted != Counted::None && version.version().0 >= TELLS_DATABASES {
            self.count_databases(&document, deadline).await?;
            document = self.shaped(document).await?;
        }
        Ok(Read { document, bytes, warnings })
    }

    async fn shaped(&self, document: Val) -> Result<Val, SourceError> {
        let names = |names: &mut dyn Iterator<Item = &str>| names.map(string).collect::<Val>();
        let options = object([
            ("stanzas_out", names(&mut self.settings.stanzas_out.iter().map(String::as_str))),
            ("types", names(&mut self.settings.types.iter().copied())),
        ]);
        let known = self.databases.values().cloned().collect();
        let outputs = apply(&self.shape, document, [Val::Null, known, options]).await?;
        outputs.into_iter().next().ok_or_else(|| SourceError::new("json", "the document is no array of stanzas"))
    }

    /// Asks for the databases of each backup that is wanted and not known; what fails is tried again next time.
    async fn count_databases(&mut self, document: &Val, deadline: Instant) -> Result<(), SourceError> {
        let options = object([("all", Val::Bool(self.settings.counted == Counted::All))]);
        let wanted = apply(&self.countable, document.clone(), [Val::Null, Val::Null, options]).await?;
        let wanted: BTreeMap<_, Val> = wanted.into_iter().filter_map(|backup| Some((key(&backup)?, backup))).collect();
        // Those of other targets stay; those that expired would be asked for again if they came back.
        let stanzas: Vec<String> = elements(document).iter().filter_map(|stanza| text(stanza, "name")).collect();
        self.databases.retain(|key, _| wanted.contains_key(key) || !stanzas.contains(&key.0));
        let unknown: Vec<_> = wanted.into_keys().filter(|key| !self.databases.contains_key(key)).collect();
        let runs = unknown.into_iter().map(|key| self.databases_of(key, deadline));
        let found: Vec<_> = stream::iter(runs).buffer_unordered(self.settings.counting_processes).collect().await;
        self.databases.extend(found.into_iter().flatten());
        Ok(())
    }

    async fn databases_of(
        &self,
        key: (String, String, String),
        deadline: Instant,
    ) -> Option<((String, String, String), Val)> {
        let (stanza, repo_key, label) = &key;
        let mut arguments = self.settings.info(Some(stanza));
        arguments.push(format!("--set={label}").into());
        arguments.push(format!("--repo={repo_key}").into());
        if Instant::now() >= deadline {
            return None;
        }
        let found = match self.settings.program.run(&arguments, deadline).await {
            Ok(output) => read(output).await.map_err(|error| error.message),
            Err(error) => Err(error.to_string()),
        };
        match found {
            Ok(found) => {
                let stanza_found = elements(&found.value).first()?;
                let databases = member(elements(member(stanza_found, "backup")?).first()?, "database-ref")?.clone();
                let repo_number = int(repo_key.parse().unwrap_or_default());
                let known = object([
                    ("stanza", string(stanza)),
                    ("repo_key", repo_number),
                    ("label", string(label)),
                    ("databases", databases),
                ]);
                Some((key, known))
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

/// Stanza, repository and label of a backup, as texts.
fn key(backup: &Val) -> Option<(String, String, String)> {
    Some((text(backup, "stanza")?, member(backup, "repo_key")?.to_string(), text(backup, "label")?))
}

fn text(object: &Val, name: &str) -> Option<String> {
    match member(object, name)? {
        Val::TStr(bytes) => String::from_utf8(bytes.to_vec()).ok(),
        _ => None,
    }
}

/// Reads an output, apart from the threads that answer scrapes: it may be many megabytes.
async fn read(output: Output) -> Result<Document, SourceError> {
    let read = tokio::task::spawn_blocking(move || document(&output)).await;
    let read = read.map_err(|panic| SourceError::new("json", format!("reading it ended in a panic: {panic}")))?;
    read.map_err(|error: OutputError| SourceError::new(error.reason(), error.to_string()))
}

/// Runs a filter of our own.
async fn apply(filter: &Arc<Filter>, input: Val, variables: [Val; 3]) -> Result<Vec<Val>, SourceError> {
    let filter = filter.clone();
    let deadline = Instant::now() + LONGEST_READING;
    let run = tokio::task::spawn_blocking(move || filter.outputs(input, variables, deadline)).await;
    let run = run.map_err(|panic| SourceError::new("json", format!("reading it ended in a panic: {panic}")))?;
    run.map_err(|error| SourceError::new("json", format!("the document is not of the form that is known: {error}")))
}

/// Logs an outcome when it differs from the one before.
fn tell(target: &Target, run: &Run) {
    let stanza = &*target.label;
    let before = target.last.as_ref();
    let reason = |run: &Run| run.error.as_ref().map(|error| error.reason);
    match (&run.error, before.map(reason)) {
        (Some(error), before) if before != Some(Some(error.reason)) => {
            tracing::warn!(stanza, reason = error.reason, %error, "pgbackrest info failed");
        }
        (Some(error), _) => tracing::debug!(stanza, reason = error.reason, %error, "pgbackrest info failed again"),
        (None, Some(Some(_))) => tracing::info!(stanza, "pgbackrest info works again"),
        (None, _) => tracing::debug!(stanza, seconds = run.took.as_secs_f64(), "pgbackrest info"),
    }
    for warning in &run.warnings {
        if !before.is_some_and(|before| before.warnings.contains(warning)) {
            tracing::warn!(stanza, warning, "pgbackrest info has warned");
        }
    }
}
