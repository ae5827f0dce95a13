//! Reads Patroni's REST interface at its own pace, independently of scrapes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Reason, SourceError};
use futures_util::future::try_join_all;
use jq::Val;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::client::RestClient;
use super::document::{ENDPOINTS, document};

/// Between two reads.
const INTERVAL: Duration = Duration::from_secs(10);
/// The longest time of one read.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(3);

/// The outcome of a read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub document: Result<Val, SourceError>,
    pub at: Instant,
    /// Since when reads succeed, or fail for this reason.
    pub since: Instant,
}

impl Reading {
    fn reason(&self) -> Option<Reason> {
        self.document.as_ref().err().map(|error| error.reason)
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
        let document = read(&client).await;
        let (at, before) = (Instant::now(), sender.borrow().clone());
        let mut reading = Reading { document, at, since: at };
        match &before {
            Some(before) if before.reason() == reading.reason() => reading.since = before.since,
            _ => log_change(&client, before.as_deref(), &reading),
        }
        sender.send_replace(Some(Arc::new(reading)));
    }
}

async fn read(client: &RestClient) -> Result<Val, SourceError> {
    let answers = async {
        let tls = client.tls()?;
        try_join_all(ENDPOINTS.map(|(_, path)| client.get(path, &tls))).await
    };
    let answers = timeout(READ_LIMIT, answers).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s: {}", READ_LIMIT.as_secs(), client.address);
        Err(SourceError::new(Reason::Timeout, message))
    })?;
    let address = client.address.to_string();
    // An answer may have a megabyte, and scrapes are served meanwhile.
    let parsed = tokio::task::spawn_blocking(move || {
        let answers: [_; 4] =
            answers.try_into().map_err(|_| SourceError::new(Reason::Other, "an answer is missing"))?;
        document(&answers)
    });
    let parsed = parsed
        .await
        .unwrap_or_else(|panic| Err(SourceError::new(Reason::Json, format!("reading the answers panicked: {panic}"))));
    parsed.map_err(|error| SourceError::new(error.reason, format!("{address}: {}", error.message)))
}

fn log_change(client: &RestClient, before: Option<&Reading>, now: &Reading) {
    let url = client.address.to_string();
    match &now.document {
        Err(error) => {
            tracing::warn!(url, reason = %error.reason, %error, "the REST interface of Patroni cannot be read")
        }
        Ok(_) if before.is_some() => tracing::info!(url, "the REST interface of Patroni can be read again"),
        Ok(_) => {}
    }
}
