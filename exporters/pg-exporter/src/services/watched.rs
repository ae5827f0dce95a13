//! A service that is probed at its pace by a task of its own.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use pgclient::ConnectionSlot;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::canaries::Canaries;
use super::canary::{self, CanaryState};
use super::own_cluster::OwnCluster;
use super::probe::{CLOSE_TIMEOUT, probe};
use super::report::Report;
use super::service::Service;
use super::verdict::Verdict;

/// The first probes of services are spread over this time, so that they do not come at once.
const SPREAD_MS: u64 = 500;

/// What the services of a file have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub own_cluster: Arc<OwnCluster>,
    pub canaries: Arc<Canaries>,
}

/// A service, its only connection, and what is known of it. Dropping it ends its task.
pub(super) struct Watched {
    pub service: Arc<Service>,
    slot: ConnectionSlot,
    reports: watch::Receiver<Option<Arc<Report>>>,
    _task: JoinSet<()>,
}

impl Watched {
    /// Probes a service from now on. `before` is the one of that name that it replaces: what it counted goes on, and its
    /// connection has to end first.
    pub(super) fn start(service: Service, common: Common, before: Option<&Self>) -> Self {
        let service = Arc::new(service);
        let slot = before.map_or_else(|| ConnectionSlot::new(Arc::new(Notify::new())), |before| before.slot.clone());
        let (sender, reports) = watch::channel(before.and_then(Self::report));
        let mut task = JoinSet::new();
        task.spawn(go_on(service.clone(), slot.clone(), common, sender));
        Self { service, slot, reports, _task: task }
    }

    /// What is known of it; `None` before the first probe.
    pub(super) fn report(&self) -> Option<Arc<Report>> {
        self.reports.borrow().clone()
    }

    /// Waits for the first probe.
    pub(super) async fn first(&self) {
        // It fails when the task has ended: then there is none to wait for.
        self.reports.clone().wait_for(Option::is_some).await.ok();
    }
}

async fn go_on(
    service: Arc<Service>,
    slot: ConnectionSlot,
    common: Common,
    sender: watch::Sender<Option<Arc<Report>>>,
) {
    sleep(Duration::from_millis(RandomState::new().hash_one(&service.name) % SPREAD_MS)).await;
    let mut ticks = interval(service.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut probed = probe(&service, &slot).await;
        let expected = match (&service.system_identifier, &probed.result) {
            (Some(given), _) => Some(given.clone()),
            (None, Ok(answer)) => common.own_cluster.identifier(&answer.system_identifier).await,
            (None, Err(_)) => None,
        };
        let before = sender.borrow().clone();
        let before = before.as_deref();
        let mut verdict = Verdict::after(before.map(|before| &before.verdict), &service, &probed, expected.as_deref());
        let mut canary = CanaryState::unused(before.map(|before| &before.canary));
        if let Some(connection) = probed.connection.take() {
            if canary::is_used(&service, verdict.problem.as_ref()) {
                let problem = canary.probe(&service, &common.canaries, &connection).await;
                verdict.problem = problem.or(verdict.problem.take());
            }
            connection.close(CLOSE_TIMEOUT).await;
        }
        let report = Report::after(before, probed, verdict, canary);
        log_change(&service, before, &report);
        sender.send_replace(Some(Arc::new(report)));
    }
}

fn log_change(service: &Service, before: Option<&Report>, now: &Report) {
    if let Some(loss) = &now.canary.loss {
        tracing::warn!(service = service.name, "canary lost: {loss}");
    }
    let was = before.and_then(Report::problem).map(|problem| problem.hop);
    match now.problem() {
        Some(problem) if was != Some(problem.hop) => {
            let (hop, message) = (problem.hop.word(), problem.message.as_str());
            tracing::warn!(service = service.name, hop, "service fails: {message}");
        }
        None if was.is_some() => tracing::info!(service = service.name, "service recovered"),
        _ => {}
    }
}
