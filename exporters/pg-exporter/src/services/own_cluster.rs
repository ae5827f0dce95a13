//! The system identifier of the exporter's own server, which services have to lead to.

use std::sync::Arc;
use std::time::Duration;

use pgclient::{ConnectionSlot, Target};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, timeout};
use tokio_postgres::SimpleQueryMessage;

const SQL: &str = "SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c";
const TIMEOUT: Duration = Duration::from_secs(2);
/// The shortest time between two questions.
const INTERVAL: Duration = Duration::from_secs(10);

/// Asks the exporter's own server, in a short session of its own, when it has to be known: at first, and when a service
/// leads to another cluster, since the server may have been made anew.
pub(super) struct OwnCluster {
    target: Target,
    slot: ConnectionSlot,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    identifier: Option<String>,
    asked: Option<Instant>,
}

impl OwnCluster {
    pub(super) fn new(target: Target) -> Self {
        Self { target, slot: ConnectionSlot::new(Arc::new(Notify::new())), known: Mutex::default() }
    }

    /// The identifier, to be compared with the one that was `found`; `None` if the server never answered.
    pub(super) async fn identifier(&self, found: &str) -> Option<String> {
        let mut known = self.known.lock().await;
        let may_ask = known.asked.is_none_or(|asked| asked.elapsed() >= INTERVAL);
        if known.identifier.as_deref() != Some(found) && may_ask {
            known.asked = Some(Instant::now());
            if let Some(identifier) = self.ask().await {
                known.identifier = Some(identifier);
            }
        }
        known.identifier.clone()
    }

    async fn ask(&self) -> Option<String> {
        let connection = self.target.connect(&self.slot, TIMEOUT).await.ok()?;
        let answer = timeout(TIMEOUT, connection.client().simple_query(SQL)).await.ok()?;
        connection.close(TIMEOUT).await;
        answer.ok()?.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
            _ => None,
        })
    }
}
