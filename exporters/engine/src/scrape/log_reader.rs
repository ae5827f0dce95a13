//! Reads the logs of one server: a thread for each, which counts lines and saves how far it came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use logs::{Follower, Format, Line, Place, Statements, Waker, Watch};
use parking_lot::Mutex;

use super::log_state::{LogState, LogStateFile};
use super::shared::Shared;
use crate::accumulate::{Accumulation, SavedTotals};
use crate::facts::{LogLocation, LogProgram, Version};
use crate::plan::version_of_columns;
use crate::source::Source;
use crate::store::CollectorKey;

/// How often the server is asked where its logs are; more often after an error.
const FIND_INTERVAL: Duration = Duration::from_secs(60);
const RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// How soon it is asked when the first probe was answered.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);
/// How often the position is saved while lines come.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);
/// How often a server that is not known is looked for.
const UNKNOWN_INTERVAL: Duration = Duration::from_secs(1);
/// Writes that follow one another this closely are read together.
const COALESCE: Duration = Duration::from_millis(50);

/// The readers of the logs of one server. They go on through a reload.
#[derive(Clone, Default)]
pub(super) struct LogReaders(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// What counts lines now.
    shared: Mutex<Option<Arc<Shared>>>,
    readers: Mutex<Vec<Reader>>,
    is_ended: AtomicBool,
}

struct Reader {
    program: LogProgram,
    place: String,
    waker: Waker,
    is_stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl LogReaders {
    /// Lines are counted by these collectors from now on.
    pub fn attach(&self, shared: &Arc<Shared>) {
        *self.0.shared.lock() = Some(shared.clone());
    }

    /// Looks for logs again and again, and reads those that are found.
    pub fn begin<S: Source>(&self, source: Arc<S>) {
        let readers = self.clone();
        tokio::spawn(async move {
            while !readers.0.is_ended.load(Ordering::Relaxed) {
                let pause = readers.find(&*source).await;
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Ends all readers after they have saved their positions.
    pub async fn end(&self) {
        self.0.is_ended.store(true, Ordering::Relaxed);
        let readers: Vec<Reader> = std::mem::take(&mut *self.0.readers.lock());
        readers.iter().for_each(Reader::stop);
        for reader in readers {
            tokio::task::spawn_blocking(|| reader.thread.join().ok()).await.ok();
        }
    }

    /// Returns when to look again.
    async fn find<S: Source>(&self, source: &S) -> Duration {
        let Some(shared) = self.0.shared.lock().clone() else { return FIRST_INTERVAL };
        if shared.catalog.collectors.iter().all(|collector| collector.log.is_none()) {
            return FIND_INTERVAL;
        }
        // Totals belong to the main database.
        if shared.server.probe_of(None).is_none() {
            return FIRST_INTERVAL;
        }
        let Ok(found) = source.logs().await else { return RETRY_INTERVAL };
        shared.logs.found(&found);
        for log in &found {
            self.read(log, &shared);
        }
        FIND_INTERVAL
    }

    /// Begins to read a log that is not read yet, or is elsewhere now.
    fn read(&self, log: &LogLocation, shared: &Arc<Shared>) {
        let Ok((place, format)) = &log.found else { return };
        let name = name_of(place, format);
        let mut readers = self.0.readers.lock();
        let running = readers.iter().position(|reader| reader.program == log.program);
        if running.is_some_and(|at| readers[at].place == name) || self.0.is_ended.load(Ordering::Relaxed) {
            return;
        }
        if let Some(at) = running {
            let old = readers.remove(at);
            old.stop();
        }
        let watch = Watch::default();
        let (waker, is_stopped) = (watch.waker(), Arc::<AtomicBool>::default());
        let state_file = shared.settings.state_directory.as_ref();
        let state_file = state_file.map(|folder| LogStateFile::new(folder, log.program.word(), &shared.target));
        let task = Task {
            program: log.program,
            place: name.clone(),
            inner: self.0.clone(),
            is_stopped: is_stopped.clone(),
            state_file,
        };
        let (place, format) = (place.clone(), format.clone());
        let thread = thread::Builder::new().name(format!("log-{}", log.program.word()));
        match thread.spawn(move || task.run(place, format, watch)) {
            Ok(thread) => readers.push(Reader { program: log.program, place: name, waker, is_stopped, thread }),
            Err(error) => tracing::warn!(program = log.program.word(), %error, "cannot start a thread for the log"),
        }
    }
}

impl Reader {
    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

/// Which files in which format, as a text.
fn name_of(place: &Place, format: &Format) -> String {
    format!("{} {} {format}", place.directory.display(), place.pattern)
}

/// What one thread needs.
struct Task {
    program: LogProgram,
    place: String,
    inner: Arc<Inner>,
    is_stopped: Arc<AtomicBool>,
    state_file: Option<LogStateFile>,
}

impl Task {
    fn run(self, place: Place, format: Format, mut watch: Watch) {
        let saved = self.load();
        let mut statements = Statements::default();
        let (positions, mut totals) = saved
            .map(|saved| {
                statements.plans = saved.plans;
                (saved.positions, saved.totals)
            })
            .unzip();
        let mut follower = Follower::new(place, format, positions);
        // At once: a position that was never saved would be the end of the log after a restart.
        let mut unsaved_since = Some(Instant::now().checked_sub(SAVE_INTERVAL).unwrap_or_else(Instant::now));
        let mut problem = String::new();
        loop {
            let is_stopped = self.is_stopped.load(Ordering::Relaxed);
            watch.watch(&follower.place().directory);
            let begun = Instant::now();
            // Held for the round: a reload takes over all that was counted.
            let guard = self.inner.shared.lock();
            let Some(shared) = guard.clone() else { return };
            let Some(counters) = counters(&shared, self.program) else {
                // After a reload until the next probe: lines that are read now would be counted by nobody.
                drop(guard);
                if is_stopped {
                    return;
                }
                watch.wait(Some(UNKNOWN_INTERVAL));
                continue;
            };
            if let Some(totals) = totals.take() {
                restore(&counters, totals);
            }
            statements.sampling = shared.logs.sampling(self.program);
            let round = follower.round(&mut |line| {
                let described = statements.describe(line);
                let line = described.as_ref().unwrap_or(line);
                counters.iter().for_each(|counter| counter.count(line));
            });
            drop(guard);
            let found = round.problem.map(|error| error.to_string()).unwrap_or_default();
            if found != problem && !found.is_empty() {
                tracing::warn!(program = self.program.word(), "log cannot be read: {found}");
            }
            problem = found;
            if round.has_read && unsaved_since.is_none() {
                unsaved_since = Some(begun);
            }
            shared.logs.update(self.program, |status| {
                (status.totals, status.lag_bytes) = (follower.totals(), follower.lag_bytes());
            });
            if unsaved_since.is_some_and(|since| is_stopped || since.elapsed() >= SAVE_INTERVAL) {
                self.save(&shared, &follower, &statements, &counters);
                unsaved_since = None;
            }
            if is_stopped {
                return;
            }
            if round.is_behind {
                // A flood takes half a core at most.
                thread::sleep(begun.elapsed());
                continue;
            }
            let until_save = unsaved_since.map(|since| SAVE_INTERVAL.saturating_sub(since.elapsed()));
            let limit = [round.due, until_save].into_iter().flatten().min();
            watch.wait(limit);
            thread::sleep(COALESCE);
        }
    }

    /// What was saved of this log.
    fn load(&self) -> Option<LogState> {
        let program = self.program.word();
        let Some(file) = &self.state_file else {
            tracing::info!(program, "the position in the log is not saved: set --state-dir");
            return None;
        };
        match file.load() {
            Ok(saved) => saved.filter(|saved| saved.place == self.place),
            Err(error) => {
                tracing::warn!(program, %error, "the saved position in the log cannot be read: it is read from its end");
                None
            }
        }
    }

    fn save(&self, shared: &Shared, follower: &Follower, statements: &Statements, counters: &[Counter<'_>]) {
        let Some(file) = &self.state_file else { return };
        let total = |counter: &Counter<'_>| {
            let collector = &counter.shared.catalog.collectors[counter.index];
            let saved = counter.accumulation.lock().accumulator(collector, counter.version).save();
            (collector.key.to_string(), saved)
        };
        let totals = counters.iter().map(total).collect();
        let (place, plans) = (self.place.clone(), statements.plans.clone());
        let state = LogState { place, positions: follower.positions(), plans, totals };
        let saved = file.save(&state);
        shared.logs.update(self.program, |status| {
            if let (Err(error), true) = (&saved, status.is_saved || status.totals.bytes == 0) {
                tracing::warn!(program = self.program.word(), %error, "the position in the log cannot be saved");
            }
            status.is_saved = saved.is_ok();
        });
    }
}

/// Counts the lines of one collector.
struct Counter<'a> {
    shared: &'a Shared,
    index: usize,
    version: Version,
    accumulation: Arc<Mutex<Accumulation>>,
}

impl Counter<'_> {
    fn count(&self, line: &Line<'_>) {
        let collector = &self.shared.catalog.collectors[self.index];
        if let Some(cells) = collector.log_cells(self.version, line)
            && let Some(accumulator) = self.accumulation.lock().existing()
        {
            let weight = collector.log.as_ref().map_or(1.0, |lines| lines.weight(line));
            accumulator.add(&cells, weight, tokio::time::Instant::now());
        }
    }
}

/// Continues with totals that were saved.
fn restore(counters: &[Counter<'_>], mut totals: BTreeMap<String, SavedTotals>) {
    let now = tokio::time::Instant::now();
    for counter in counters {
        let collector = &counter.shared.catalog.collectors[counter.index];
        if let Some(saved) = totals.remove(&*collector.key) {
            counter.accumulation.lock().accumulator(collector, counter.version).restore(saved, now);
        }
    }
}

/// The collectors that count lines of a program's log; `None` while the server is not known.
fn counters(shared: &Shared, program: LogProgram) -> Option<Vec<Counter<'_>>> {
    let probe = shared.server.probe_of(None)?;
    let database: Arc<str> = probe.facts.database.as_str().into();
    let collectors = shared.catalog.collectors.iter().enumerate();
    let counted = collectors.filter(|(_, collector)| {
        !collector.skip && collector.log.as_ref().is_some_and(|lines| lines.program == program)
    });
    let counter = |(index, collector)| {
        let accumulation = shared.store.accumulation(&CollectorKey { collector: index, database: database.clone() });
        let version = version_of_columns(collector, &probe.facts);
        accumulation.lock().accumulator(collector, version);
        Counter { shared, index, version, accumulation }
    };
    Some(counted.map(counter).collect())
}
