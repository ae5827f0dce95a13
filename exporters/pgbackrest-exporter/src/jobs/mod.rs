//! Heavy runs on a schedule, one at a time: `pgbackrest verify`, and restore drills.
//!
//! `schedule` says when, `state` keeps the results.

mod schedule;
mod state;

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::watch;

use crate::settings::Settings;
use crate::snapshot::InfoSnapshot;
use crate::verify::{targets, verify};

pub(crate) use schedule::{Schedule, TimeOfDay, local_time, parse_duration, schedule};
pub(crate) use state::{JobState, ProofState, StateFolder, to_val};

/// The longest sleep: the clock may be set, and a suspended machine does not count the time.
const MAX_SLEEP: Duration = Duration::from_secs(20);

/// When each job runs.
#[derive(Debug, Clone)]
pub(crate) struct Schedules {
    pub verify: Schedule,
}

/// Runs jobs, and publishes their results.
pub(crate) struct JobRunner {
    settings: Arc<Settings>,
    snapshots: watch::Receiver<Arc<InfoSnapshot>>,
    published: watch::Sender<Arc<ProofState>>,
    state: ProofState,
    zone: TimeZone,
}

impl JobRunner {
    /// A runner that has not started, and the channel of its results: at first those that were kept.
    pub fn new(
        settings: Arc<Settings>,
        snapshots: watch::Receiver<Arc<InfoSnapshot>>,
    ) -> (Self, watch::Receiver<Arc<ProofState>>) {
        let state = settings.state.read().unwrap_or_else(|error| {
            tracing::warn!("{error}");
            ProofState::default()
        });
        let mut runner =
            Self { settings, snapshots, published: watch::channel(Arc::default()).0, state, zone: TimeZone::system() };
        let now = Timestamp::now();
        enable(&mut runner.state.verify, &runner.settings.schedules.verify, now);
        runner.plan(now);
        let proofs = runner.published.subscribe();
        (runner, proofs)
    }

    /// Runs what is due, forever.
    pub async fn run(mut self) {
        if !self.state.verify.enabled {
            return;
        }
        // What is verified is known from the first collection.
        self.snapshots.wait_for(|snapshot| snapshot.complete).await.ok();
        loop {
            let now = Timestamp::now();
            let next = self.plan(now);
            let Some(next) = next else { return };
            let left = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            if left.is_zero() {
                self.verify(now).await;
            } else {
                tokio::time::sleep(left.min(MAX_SLEEP)).await;
            }
        }
    }

    /// Publishes when each job is due, and returns the earliest time.
    fn plan(&mut self, now: Timestamp) -> Option<Timestamp> {
        let job = &mut self.state.verify;
        let next =
            self.settings.schedules.verify.next(job.started_timestamp_seconds.and_then(from_unix), now, &self.zone);
        // A time of day that has come is due until it is run.
        let planned = job.next_timestamp_seconds.and_then(from_unix).filter(|planned| *planned <= now);
        let is_at = matches!(self.settings.schedules.verify, Schedule::At(_));
        let next = if is_at && planned.is_some() { planned } else { next };
        job.next_timestamp_seconds = next.map(unix_seconds);
        self.publish();
        next
    }

    async fn verify(&mut self, now: Timestamp) {
        self.state.verify.running = true;
        self.state.verify.started_timestamp_seconds = Some(unix_seconds(now));
        self.state.verify.next_timestamp_seconds = None;
        self.keep();
        let snapshot = self.snapshots.borrow().clone();
        let targets = targets(&snapshot, &self.settings, &self.state.verify.results);
        for target in &targets {
            let of_target = |record: &&crate::verify::VerifyRecord| {
                (&record.stanza, record.repo_key) == (&target.stanza, target.repo_key)
            };
            let before = self.state.verify.results.iter().find(of_target).cloned();
            let record = verify(&self.settings, target, &snapshot, before.as_ref()).await;
            self.state.verify.results.retain(|record| !of_target(&record));
            self.state.verify.results.push(record);
            self.keep();
        }
        // A repository that is gone is not reported for ever.
        self.state.verify.results.retain(|record| {
            targets.iter().any(|target| (&record.stanza, record.repo_key) == (&target.stanza, target.repo_key))
        });
        self.state.verify.running = false;
        self.keep();
    }

    fn publish(&self) {
        self.published.send_replace(Arc::new(self.state.clone()));
    }

    /// Publishes the results and keeps them.
    fn keep(&self) {
        self.publish();
        if let Err(error) = self.settings.state.write(&self.state) {
            tracing::warn!("{error}");
        }
    }
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
