//! The way to a connection: over the servers of a target, each of which has a share of the time.
use reason::Reason;

use crate::connection::Connection;
use crate::error::{ConnectError, TargetError};
use crate::login::log_in;
use crate::parameters::{Parameters, word};
use crate::place::Place;
use crate::target::Target;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

/// Which of several servers to take: libpq's `target_session_attrs`.
///
/// `read-write` means a primary here and `read-only` a standby: whether transactions may write is set by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionKind {
    Any,
    Primary,
    Standby,
    PreferStandby,
}

impl SessionKind {
    pub(crate) fn from_parameters(parameters: &Parameters) -> Result<SessionKind, TargetError> {
        let words = [
            ("any", SessionKind::Any),
            ("read-write", SessionKind::Primary),
            ("primary", SessionKind::Primary),
            ("read-only", SessionKind::Standby),
            ("standby", SessionKind::Standby),
            ("prefer-standby", SessionKind::PreferStandby),
        ];
        Ok(word(parameters, "target_session_attrs", &words)?.unwrap_or(SessionKind::Any))
    }

    /// Whether a server in recovery is wanted, must not be, or may be, in each round over the servers.
    fn rounds(self) -> &'static [Option<bool>] {
        match self {
            SessionKind::Any => &[None],
            SessionKind::Primary => &[Some(false)],
            SessionKind::Standby => &[Some(true)],
            SessionKind::PreferStandby => &[Some(true), None],
        }
    }

    /// Whether a server may be taken at all.
    pub(crate) fn accepts(self, in_recovery: Option<bool>) -> bool {
        self.rounds().iter().any(|wanted| wanted.is_none_or(|wanted| in_recovery == Some(wanted)))
    }
}

/// Opens a connection to the first of the target's servers that will have it.
pub(crate) async fn connect(target: &Target, place: &Place, budget: Duration) -> Result<Connection, ConnectError> {
    let deadline = Instant::now() + budget;
    let mut servers = target.servers.list();
    if target.shuffle {
        let random = RandomState::new();
        servers.sort_by_cached_key(|server| random.hash_one(server.to_string()));
    }
    let rounds = target.session.rounds();
    let mut left = rounds.len() * servers.len();
    let mut failure = None;
    for wanted in rounds {
        for server in &servers {
            let label = server.to_string();
            let logged_in = log_in(target, server, &place.on(&label), share(deadline, left)).await;
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
            debug!(%error, reason = %error.reason(), "no connection");
            if error.is_final() {
                return Err(error);
            }
            failure = Some(error.or_more_telling(failure));
        }
    }
    Err(failure.unwrap_or_else(|| ConnectError::new(&target.label(), Reason::Other, "no server to connect to")))
}

fn wrong_role(label: &str, in_recovery: Option<bool>) -> ConnectError {
    let found = if in_recovery == Some(true) { "a standby" } else { "a primary" };
    ConnectError::new(label, Reason::Other, format!("is {found}, target_session_attrs asks for the other"))
}

/// The end of one of `left` equal shares of the time to the deadline, so that a silent server leaves time for the others.
pub(crate) fn share(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shared() {
        let now = Instant::now();
        let share = share(now + Duration::from_secs(9), 3) - now;
        assert!((Duration::from_millis(2900)..Duration::from_millis(3100)).contains(&share), "{share:?}");
        assert!(super::share(now, 0) >= now);
    }
}
