//! The receiver behind Alertmanager: what an alert has to reach to count.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::LabError;

/// One alert as it arrived.
#[derive(Debug, Clone)]
pub struct Alert {
    /// True while it fires, false when it is resolved.
    pub firing: bool,
    /// Its labels, `alertname` among them.
    pub labels: BTreeMap<String, String>,
    /// When it arrived.
    pub received: Instant,
}

impl Alert {
    /// The value of a label; empty without it.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A server that keeps every alert it is sent. Dropping it ends it.
#[derive(Debug)]
pub struct Webhook {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    alerts: Vec<Alert>,
}

impl Webhook {
    /// Starts it on a free port.
    pub fn start() -> Result<Webhook, LabError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(LabError::io("listening for alerts"))?;
        let address = listener.local_addr().map_err(LabError::io("asking for the webhook's port"))?;
        let shared = Arc::new(Shared::default());
        let receiver = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if receiver.state().closed {
                    return;
                }
                // A request that breaks off is sent again by Alertmanager.
                client.and_then(|client| receiver.serve(client)).ok();
            }
        });
        Ok(Webhook { address, shared })
    }

    /// Where alerts are posted to.
    pub fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    /// All alerts so far, oldest first.
    pub fn alerts(&self) -> Vec<Alert> {
        self.shared.state().alerts.clone()
    }

    /// Waits for an alert that arrives after `since` and is the wanted one.
    pub fn wait_for(
        &self,
        what: &str,
        since: Instant,
        limit: Duration,
        is_wanted: impl Fn(&Alert) -> bool,
    ) -> Result<Alert, LabError> {
        let find =
            |state: &State| state.alerts.iter().find(|alert| alert.received >= since && is_wanted(alert)).cloned();
        let state = self.shared.state();
        let waited = self.shared.changed.wait_timeout_while(state, limit, |state| find(state).is_none());
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        find(&state).ok_or_else(|| {
            let arrived = state.alerts.iter().filter(|alert| alert.received >= since);
            let state = |alert: &Alert| if alert.firing { "firing" } else { "resolved" };
            let seen: Vec<String> =
                arrived.map(|alert| format!("{} {}", alert.label("alertname"), state(alert))).collect();
            LabError::Unexpected(format!("no alert {what} within {limit:?}; what came: {seen:?}"))
        })
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        // Wakes the acceptor, which then ends.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one request, keeps its alerts and ends the connection.
    fn serve(&self, client: TcpStream) -> std::io::Result<()> {
        client.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut reader = BufReader::new(&client);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body)?;
        let alerts = alerts(&body);
        (&client).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        self.state().alerts.extend(alerts);
        self.changed.notify_all();
        Ok(())
    }
}

/// The alerts of one message of Alertmanager's webhook, version 4.
fn alerts(body: &[u8]) -> Vec<Alert> {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    let received = Instant::now();
    let read = |alert: &Value| {
        let labels = serde_json::from_value(alert.get("labels")?.clone()).ok()?;
        Some(Alert { firing: alert.get("status")?.as_str()? == "firing", labels, received })
    };
    message.get("alerts").and_then(Value::as_array).into_iter().flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posted_alert_is_kept_and_awaited() {
        let webhook = Webhook::start().unwrap();
        let begin = Instant::now();
        let body = r#"{"version":"4","alerts":[{"status":"resolved","labels":{"alertname":"A","ins":"x"}}]}"#;
        let mut client = TcpStream::connect(webhook.address).unwrap();
        write!(client, "POST /alerts HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let limit = Duration::from_secs(30);
        let alert = webhook.wait_for("A", begin, limit, |alert| alert.label("alertname") == "A").unwrap();
        assert!(!alert.firing);
        assert_eq!(alert.label("ins"), "x");
        assert_eq!(webhook.alerts().len(), 1);
        assert!(webhook.wait_for("B", begin, Duration::ZERO, |alert| alert.firing).is_err());
    }
}
