//! Opens a connection to one of the servers of a target. Each server gets a share of the time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use reason::Reason;
use tokio::time::Instant;
use tracing::debug;

use crate::connection::Connection;
use crate::deadline::share;
use crate::error::ConnectError;
use crate::slot::ConnectionSlot;
use crate::target::Target;

impl Target {
    /// Opens a connection in `slot` to the first server that accepts it, within `timeout` or the conninfo's
    /// `connect_timeout` if that is shorter. The time covers name resolution, TCP, TLS and authentication.
    ///
    /// A login that takes longer continues in the slot, and the next call waits for it instead of starting another: see
    /// [`ConnectionSlot::late_connection`].
    ///
    /// # Errors
    /// Has the server's label, and its message and SQLSTATE if the server refused; of several servers the most specific
    /// error.
    pub async fn connect(&self, slot: &ConnectionSlot, timeout: Duration) -> Result<Connection, ConnectError> {
        let deadline = Instant::now() + self.connect_timeout.map_or(timeout, |own| own.min(timeout));
        let mut servers = self.servers.list();
        if self.shuffle {
            let random = RandomState::new();
            servers.sort_by_cached_key(|server| random.hash_one(server.to_string()));
        }
        let rounds = self.session.rounds();
        let mut left = rounds.len() * servers.len();
        let mut failure = None;
        for wanted in rounds {
            for server in &servers {
                let label = server.to_string();
                let logged_in = slot.on(&label).log_in(self, server, share(deadline, left)).await;
                left -= 1;
                let error = match logged_in {
                    Ok(opened) if wanted.is_none_or(|wanted| opened.in_recovery == Some(wanted)) => {
                        return Ok(opened.connection);
                    }
                    Ok(opened) => {
                        opened.connection.close_soon();
                        wrong_role(&label, opened.in_recovery)
                    }
                    Err(error) => error,
                };
                debug!(%error, reason = %error.reason(), "cannot connect");
                if error.is_final() {
                    return Err(error);
                }
                failure = Some(error.or_more_specific(failure));
            }
        }
        Err(failure.unwrap_or_else(|| ConnectError::new(&self.label(), Reason::Other, "no server to connect to")))
    }
}

fn wrong_role(label: &str, in_recovery: Option<bool>) -> ConnectError {
    let found = if in_recovery == Some(true) { "a standby" } else { "a primary" };
    ConnectError::new(label, Reason::Other, format!("the server is {found}, which target_session_attrs excludes"))
}
