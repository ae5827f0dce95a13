//! One login on one server: over its addresses, with or without TLS, with the settings that the server accepts.
//!
//! Once the server has accepted the socket, a login is not aborted: its server process continues without the client, and a
//! second login would add a second process.

mod attempt;
mod opened;
mod phase;

use std::sync::Arc;
use std::time::Duration;

use reason::Reason;
use tokio::sync::{oneshot, watch};

use self::attempt::{Attempt, AttemptClocks};
pub(crate) use self::opened::Opened;
pub(crate) use self::phase::LoginPhase;
use crate::error::ConnectError;
use crate::login_steps::StepClock;
use crate::permit::ServerPermit;
use crate::server::ServerAddress;
use crate::target::Target;

/// A login that runs in a task of its own.
pub(crate) struct Login {
    database: Option<String>,
    outcome: oneshot::Receiver<Result<Opened, ConnectError>>,
    phase: watch::Receiver<LoginPhase>,
}

impl Login {
    /// Starts a login; `open_timeout` limits what comes before the server accepts the socket.
    pub(crate) fn start(
        target: &Target,
        server: &ServerAddress,
        permit: &Arc<ServerPermit>,
        steps: &StepClock,
        open_timeout: Duration,
    ) -> Self {
        let (sender, outcome) = oneshot::channel();
        let (phase_sender, phase) = watch::channel(LoginPhase::Connecting);
        let clocks = AttemptClocks { phase: phase_sender, steps: steps.clone(), open_timeout };
        let attempt = Attempt::new(target.clone(), server.clone(), permit.clone(), clocks);
        let permit = permit.clone();
        tokio::spawn(async move {
            let outcome = attempt.run().await;
            if let Err(Ok(unclaimed)) = sender.send(outcome) {
                unclaimed.connection.close_soon();
            }
            permit.notify();
        });
        Self { database: target.database().map(str::to_owned), outcome, phase }
    }

    /// Whether its connection would be the target's.
    pub(crate) fn is_for(&self, target: &Target) -> bool {
        self.database.as_deref() == target.database()
    }

    /// How far it has come.
    pub(crate) fn phase(&self) -> LoginPhase {
        *self.phase.borrow()
    }

    /// Its outcome, if it has ended.
    pub(crate) fn outcome(&mut self) -> Option<Result<Opened, ConnectError>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(task_ended())),
        }
    }

    /// Waits for its outcome.
    pub(crate) async fn ended(&mut self) -> Result<Opened, ConnectError> {
        (&mut self.outcome).await.unwrap_or_else(|_| Err(task_ended()))
    }
}

/// For a login whose task is gone, as at shutdown.
fn task_ended() -> ConnectError {
    ConnectError::new("connect", Reason::Other, "the login task ended without a result")
}
