//! Heavy runs on a schedule, one at a time: `pgbackrest verify`, and restore drills.
//!
//! `schedule` says when, `state` keeps the results.

mod schedule;
mod state;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::watch;

use crate::drill::{drill, remove_leftover, stanzas};
use crate::settings::Settings;
use crate::snapshot::InfoSnapshot;
use crate::verify::{targets, verify};

pub(crate) use schedule::{Schedule, Schedules, TimeOfDay, local_time, parse_duration, schedule};
use state::StateError;
pub(crate) use state::{JobState, ProofFile, ProofState, to_val};

/// The longest sleep: the clock may be set, and a suspended machine does not count the time.
const MAX_SLEEP: Duration = Duration::from_secs(20);

/// Runs jobs, and publishes their results.
pub(crate) struct JobRunner {
    settings: Arc<Settings>,
    snapshots: watch::Receiver<Arc<InfoSnapshot>>,
    published: watch::Sender<Arc<ProofState>>,
    state: ProofState,
    /// When the file with the results was written last, as far as known: the command `drill` writes it, too.
    modified: Option<SystemTime>,
    zone: TimeZone,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Verify,
    Drill,
}

impl JobRunner {
    /// A runner that has not started, and the channel of its results: at first those that were kept.
    pub fn new(
        settings: Arc<Settings>,
        snapshots: watch::Receiver<Arc<InfoSnapshot>>,
    ) -> (Self, watch::Receiver<Arc<ProofState>>) {
        let published = watch::channel(Arc::default()).0;
        let state = ProofState::default();
        let mut runner = Self { settings, snapshots, published, state, modified: None, zone: TimeZone::system() };
        runner.read();
        let now = Timestamp::now();
        enable(&mut runner.state.verify, &runner.settings.schedules.verify, now);
        enable(&mut runner.state.drill, &runner.settings.schedules.drill, now);
        runner.plan(now);
        let proofs = runner.published.subscribe();
        (runner, proofs)
    }

    /// Runs what is due until it is told to stop; what it has made is gone then.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        if self.settings.drill.path.is_some() {
            self.remove_leftover().await;
        }
        // What is verified is known from the first collection.
        tokio::select! {
            _ = self.snapshots.wait_for(|snapshot| snapshot.complete) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        while !*stop.borrow() {
            let now = Timestamp::now();
            let next = self.plan(now);
            let left = next.map(|(at, _)| Duration::try_from(at.duration_since(now)).unwrap_or_default());
            if let (Some((_, job)), Some(Duration::ZERO)) = (next, left) {
                let lock = self.settings.state.lock();
                // While another process runs one, it waits; without a folder for results it does not.
                if !matches!(lock, Err(StateError::Busy { .. })) {
                    self.run_job(job, now, &mut stop).await;
                    continue;
                }
            }
            let sleep = left.filter(|left| !left.is_zero()).unwrap_or(MAX_SLEEP).min(MAX_SLEEP);
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            self.read_again();
        }
    }

    async fn run_job(&mut self, job: Job, now: Timestamp, stop: &mut watch::Receiver<bool>) {
        match job {
            Job::Verify => {
                let mut stopped = stop.clone();
                // A run that is dropped is killed.
                tokio::select! {
                    () = self.verify(now) => {}
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
            }
            Job::Drill => self.drill(now, stop).await,
        }
    }

    /// A drill that was killed left its folder behind.
    async fn remove_leftover(&self) {
        let Some(path) = &self.settings.drill.path else { return };
        if let Err(error) = remove_leftover(path).await {
            tracing::warn!("cannot remove what a drill has left: {error}");
        }
    }

    fn read(&mut self) {
        self.modified = self.settings.state.modified();
        match self.settings.state.read() {
            Ok(state) => self.state = state,
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Takes in results of the command `drill`.
    fn read_again(&mut self) {
        let modified = self.settings.state.modified();
        if modified == self.modified {
            return;
        }
        self.modified = modified;
        if let Ok(state) = self.settings.state.read() {
            self.state.drill.results = state.drill.results;
        }
    }

    /// Publishes when each job is due, and returns the first.
    fn plan(&mut self, now: Timestamp) -> Option<(Timestamp, Job)> {
        let Schedules { verify, drill } = &self.settings.schedules;
        let verify = plan(&mut self.state.verify, verify, now, &self.zone).map(|at| (at, Job::Verify));
        let drill = plan(&mut self.state.drill, drill, now, &self.zone).map(|at| (at, Job::Drill));
        self.publish();
        verify.into_iter().chain(drill).min_by_key(|(at, _)| *at)
    }

    async fn verify(&mut self, now: Timestamp) {
        begin(&mut self.state.verify, now);
        self.keep();
        let snapshot = self.snapshots.borrow().clone();
        let targets = targets(&snapshot, &self.settings, &self.state.verify.results);
        for target in &targets {
            let before = self.state.verify.results.iter().find(|record| target.is_of(record)).cloned();
            let record = verify(&self.settings, target, &snapshot, before.as_ref()).await;
            self.state.verify.results.retain(|record| !target.is_of(record));
            self.state.verify.results.push(record);
            self.keep();
        }
        // A repository that is gone is not reported for ever.
        self.state.verify.results.retain(|record| targets.iter().any(|target| target.is_of(record)));
        self.state.verify.running = false;
        self.keep();
    }

    async fn drill(&mut self, now: Timestamp, stop: &mut watch::Receiver<bool>) {
        begin(&mut self.state.drill, now);
        self.keep();
        let snapshot = self.snapshots.borrow().clone();
        for stanza in stanzas(&snapshot, &self.settings) {
            let before = self.state.drill.results.iter().find(|record| record.stanza == stanza).cloned();
            let record = drill(&self.settings, &stanza, &snapshot, before.as_ref(), stop).await;
            if *stop.borrow() {
                // A drill that was stopped says nothing about the backup.
                break;
            }
            self.state.drill.keep(&[record]);
            self.keep();
        }
        self.state.drill.running = false;
        self.keep();
    }

    fn publish(&self) {
        self.published.send_replace(Arc::new(self.state.clone()));
    }

    /// Publishes the results and keeps them.
    fn keep(&mut self) {
        self.publish();
        if let Err(error) = self.settings.state.write(&self.state) {
            tracing::warn!("{error}");
        }
        self.modified = self.settings.state.modified();
    }
}

/// When a job is due. A time of day that has come is due until it is run.
fn plan<T>(job: &mut JobState<T>, schedule: &Schedule, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let planned = job.next_timestamp_seconds.and_then(from_unix).filter(|planned| *planned <= now);
    let next = match schedule {
        Schedule::At(_) if planned.is_some() => planned,
        _ => schedule.next(job.started_timestamp_seconds.and_then(from_unix), now, zone),
    };
    job.next_timestamp_seconds = next.map(unix_seconds);
    next
}

fn begin<T>(job: &mut JobState<T>, now: Timestamp) {
    job.running = true;
    job.started_timestamp_seconds = Some(unix_seconds(now));
    job.next_timestamp_seconds = None;
}

/// A job that gets a schedule has had none before, as far as the kept results say.
fn enable<T>(job: &mut JobState<T>, schedule: &Schedule, now: Timestamp) {
    job.running = false;
    job.next_timestamp_seconds = None;
    job.enabled = *schedule != Schedule::Off;
    job.scheduled_timestamp_seconds =
        job.enabled.then(|| job.scheduled_timestamp_seconds.unwrap_or_else(|| unix_seconds(now)));
}

fn unix_seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

fn from_unix(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}
