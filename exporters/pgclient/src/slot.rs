//! A connection slot: room for one connection at a time to each server of a target.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;
use crate::error::ConnectError;
use crate::login::{Login, LoginPhase, Opened};
use crate::login_steps::{LoginTimes, StepClock};
use crate::permit::ServerPermit;
use crate::server::ServerAddress;
use crate::socket::reachability::is_silent;
use crate::target::Target;

/// Room for one connection at a time to each server of a target.
///
/// Clones are the same slot. Only one [`Target::connect`] at a time may use it.
#[derive(Clone)]
pub struct ConnectionSlot {
    servers: Arc<Mutex<BTreeMap<String, Arc<ServerSlot>>>>,
    changed: Arc<Notify>,
    steps: StepClock,
}

/// A slot on one server.
pub(crate) struct ServerSlot {
    permit: Arc<ServerPermit>,
    steps: StepClock,
    /// A login that took longer than its caller waited. The next connect continues it.
    unfinished: tokio::sync::Mutex<Option<Login>>,
}

/// The state of an unfinished login.
enum LateLogin {
    Connected(Box<Connection>),
    Running,
    None,
}

impl ConnectionSlot {
    /// A free slot. `changed` is notified whenever a connection in it has ended and whenever a login has an outcome.
    pub fn new(changed: Arc<Notify>) -> Self {
        Self { servers: Arc::default(), changed, steps: StepClock::default() }
    }

    /// On how many servers it is taken.
    pub fn taken(&self) -> usize {
        self.servers.lock().values().filter(|server| server.is_taken()).count()
    }

    /// Whether it is taken on every server of the target.
    pub fn is_full(&self, target: &Target) -> bool {
        let slots = self.servers.lock();
        target.servers.list().iter().all(|server| slots.get(&server.to_string()).is_some_and(|slot| slot.is_taken()))
    }

    /// How far its last login has come, and how long each step took; also while it runs or after it failed.
    pub fn login_times(&self) -> LoginTimes {
        self.steps.times()
    }

    /// Whether the peer of its last connection does not even acknowledge what was sent: the host is gone, and not only slow.
    pub fn is_peer_silent(&self) -> bool {
        self.steps.ends().is_some_and(|(local, peer)| is_silent(local, peer))
    }

    /// Waits for the connection of a login that [`Target::connect`] left unfinished; `None` if there is none.
    pub async fn late_connection(&self, target: &Target) -> Option<Connection> {
        loop {
            let changed = self.changed.notified();
            let servers: Vec<_> = self.servers.lock().values().cloned().collect();
            let mut running = false;
            for server in servers {
                match server.late_login(target).await {
                    LateLogin::Connected(connection) => return Some(*connection),
                    LateLogin::Running => running = true,
                    LateLogin::None => {}
                }
            }
            if !running {
                return None;
            }
            changed.await;
        }
    }

    /// Gives up unfinished logins: their connections are closed as soon as they are open.
    pub fn abandon_logins(&self) {
        for server in self.servers.lock().values() {
            // Locked only while a connect waits for the login.
            if let Ok(mut unfinished) = server.unfinished.try_lock() {
                unfinished.take();
            }
        }
    }

    /// This slot on a server, by its label.
    pub(crate) fn on(&self, server: &str) -> Arc<ServerSlot> {
        let new = || Arc::new(ServerSlot::new(self.changed.clone(), self.steps.clone()));
        self.servers.lock().entry(server.to_owned()).or_insert_with(new).clone()
    }
}

impl ServerSlot {
    fn new(changed: Arc<Notify>, steps: StepClock) -> Self {
        Self { permit: ServerPermit::new(changed), steps, unfinished: tokio::sync::Mutex::default() }
    }

    /// Logs in to the server, or continues the unfinished login; waits until `deadline`.
    pub(crate) async fn log_in(
        &self,
        target: &Target,
        server: &ServerAddress,
        deadline: Instant,
    ) -> Result<Opened, ConnectError> {
        let began = Instant::now();
        let label = server.to_string();
        let mut unfinished = self.unfinished.lock().await;
        if let Some(login) = unfinished.as_mut() {
            if !login.is_for(target) {
                // A login to another database has to end first.
                let Ok(outcome) = timeout_at(deadline, login.ended()).await else {
                    return Err(LoginPhase::Queued.timed_out(&label, began.elapsed()));
                };
                *unfinished = None;
                if let Ok(opened) = outcome {
                    opened.connection.close_soon();
                }
            } else if let Some(outcome) = login.outcome() {
                *unfinished = None;
                // An old error does not describe the current state.
                if let Some(opened) = outcome.ok().filter(|opened| !opened.connection.is_closed()) {
                    return Ok(opened);
                }
            }
        }
        let wait = deadline.saturating_duration_since(Instant::now());
        let login = unfinished.get_or_insert_with(|| Login::start(target, server, &self.permit, &self.steps, wait));
        let Ok(outcome) = timeout_at(deadline, login.ended()).await else {
            return Err(login.phase().timed_out(&label, began.elapsed()));
        };
        *unfinished = None;
        outcome
    }

    fn is_taken(&self) -> bool {
        self.permit.is_taken()
    }

    async fn late_login(&self, target: &Target) -> LateLogin {
        let mut unfinished = self.unfinished.lock().await;
        let Some(login) = unfinished.as_mut() else { return LateLogin::None };
        let Some(outcome) = login.outcome() else { return LateLogin::Running };
        let wanted = login.is_for(target);
        *unfinished = None;
        match outcome {
            Ok(opened) if wanted && target.session.accepts(opened.in_recovery) => {
                LateLogin::Connected(Box::new(opened.connection))
            }
            Ok(opened) => {
                opened.connection.close_soon();
                LateLogin::None
            }
            Err(_) => LateLogin::None,
        }
    }
}
