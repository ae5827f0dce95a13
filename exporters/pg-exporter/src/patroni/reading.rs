//! Reads Patroni's REST interface at its own pace, independently of scrapes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Reason, SourceError};
use futures_util::join;
use jq::Val;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::client::{RestClient, Tls};
use super::document::{Answers, ENDPOINTS, answer};

/// Between two reads.
const INTERVAL: Duration = Duration::from_secs(10);
/// The longest time of one read.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(3);

/// The outcome of a read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub answers: Answers,
    pub at: Instant,
    /// Since when reads succeed, or fail for these reasons.
    pub since: Instant,
}

impl Reading {
    /// Why each endpoint that failed could not be read.
    pub(super) fn errors(&self) -> impl Iterator<Item = &SourceError> {
        self.answers.iter().filter_map(|answer| answer.as_ref().err())
    }

    fn reasons(&self) -> [Option<Reason>; ENDPOINTS.len()] {
        self.answers.each_ref().map(|answer| answer.as_ref().err().map(|error| error.reason))
    }
}

/// The last outcome; `None` before the first.
pub(super) type LastReading = Option<Arc<Reading>>;

/// Reads now and then at every interval, forever.
pub(super) async fn keep_reading(client: RestClient, sender: watch::Sender<LastReading>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let answers = read(&client).await;
        let (at, before) = (Instant::now(), sender.borrow().clone());
        let mut reading = Reading { answers, at, since: at };
        match &before {
            Some(before) if before.reasons() == reading.reasons() => reading.since = before.since,
            _ => log_change(&client, before.as_deref(), &reading),
        }
        sender.send_replace(Some(Arc::new(reading)));
    }
}

async fn read(client: &RestClient) -> Answers {
    match client.tls() {
        Ok(tls) => {
            let [patroni, cluster, history, config] = std::array::from_fn(|at| read_endpoint(client, at, &tls));
            join!(patroni, cluster, history, config).into()
        }
        Err(error) => std::array::from_fn(|_| Err(error.clone())),
    }
}

async fn read_endpoint(client: &RestClient, at: usize, tls: &Tls) -> Result<Val, SourceError> {
    let path = ENDPOINTS[at].1;
    let late = |_| client.error(path, Reason::Timeout, &format!("no answer within {} s", READ_LIMIT.as_secs()));
    let body = timeout(READ_LIMIT, client.get(path, tls)).await.map_err(late)??;
    // An answer may have a megabyte, and scrapes are served meanwhile.
    let parsed = tokio::task::spawn_blocking(move || answer(at, &body))
        .await
        .unwrap_or_else(|panic| Err(SourceError::new(Reason::Json, format!("reading the answer panicked: {panic}"))));
    parsed.map_err(|error| SourceError::new(error.reason, format!("{}: {}", client.address, error.message)))
}

fn log_change(client: &RestClient, before: Option<&Reading>, now: &Reading) {
    let url = client.address.to_string();
    match now.errors().next() {
        Some(error) => {
            let failed = now.errors().count();
            tracing::warn!(url, failed, reason = %error.reason, %error, "endpoints of Patroni cannot be read");
        }
        None if before.is_some() => tracing::info!(url, "the REST interface of Patroni can be read again"),
        None => {}
    }
}
