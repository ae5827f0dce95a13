//! A place in a budget of connections.
//!
//! A server process ends when the server ends it, not when a client stops waiting for it. So a socket keeps its place
//! until the server has closed its end or the kernel has declared the peer dead, and a login keeps it until it has
//! succeeded or failed, however long that takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::connection::Connection;
use crate::login::Login;
use crate::target::Target;

/// Room for one connection at a time to each server of a target.
///
/// Clones are the same place. Only one [`Target::connect`] at a time may use it.
#[derive(Clone)]
pub struct Place {
    servers: Arc<Mutex<BTreeMap<String, Arc<ServerPlace>>>>,
    changed: Arc<Notify>,
}

/// A place on one server.
pub(crate) struct ServerPlace {
    socket: Arc<Semaphore>,
    /// A login that took longer than its caller waited. The next connect goes on with it.
    pub unfinished: tokio::sync::Mutex<Option<Login>>,
    pub changed: Arc<Notify>,
}

/// Held by every socket of a connection, its cancel requests included; the place is free when all of them have ended.
pub(crate) struct Occupancy {
    permit: Option<OwnedSemaphorePermit>,
    changed: Arc<Notify>,
}

impl Place {
    /// A free place. `changed` is notified whenever a connection in it has ended and whenever a login has an outcome.
    pub fn new(changed: Arc<Notify>) -> Place {
        Place { servers: Arc::default(), changed }
    }

    /// On how many servers it is taken.
    pub fn taken(&self) -> usize {
        self.lock().values().filter(|server| server.is_taken()).count()
    }

    /// Whether it is taken on every server of the target.
    pub fn is_full(&self, target: &Target) -> bool {
        let servers = self.lock();
        target.servers.list().iter().all(|server| servers.get(&server.to_string()).is_some_and(|one| one.is_taken()))
    }

    /// The connection of a login that [`Target::connect`] has left unfinished, once it is there; `None` when none is left.
    pub async fn late_connection(&self, target: &Target) -> Option<Connection> {
        loop {
            let changed = self.changed.notified();
            let servers: Vec<_> = self.lock().values().cloned().collect();
            let mut waiting = false;
            for server in servers {
                match server.finished(target).await {
                    Finished::Connected(connection) => return Some(*connection),
                    Finished::No => waiting = true,
                    Finished::Nothing => {}
                }
            }
            if !waiting {
                return None;
            }
            changed.await;
        }
    }

    /// Leaves unfinished logins to themselves: their connections are closed as soon as they are there.
    pub fn abandon_logins(&self) {
        for server in self.lock().values() {
            // Locked only while a connect waits, which then still wants it.
            if let Ok(mut unfinished) = server.unfinished.try_lock() {
                unfinished.take();
            }
        }
    }

    /// This place on a server, by its label.
    pub(crate) fn on(&self, server: &str) -> Arc<ServerPlace> {
        let changed = &self.changed;
        let new = || Arc::new(ServerPlace::new(changed.clone()));
        self.lock().entry(server.to_owned()).or_insert_with(new).clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<ServerPlace>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of an unfinished login.
enum Finished {
    Connected(Box<Connection>),
    No,
    Nothing,
}

impl ServerPlace {
    fn new(changed: Arc<Notify>) -> ServerPlace {
        ServerPlace { socket: Arc::new(Semaphore::new(1)), unfinished: tokio::sync::Mutex::default(), changed }
    }

    /// Waits until the connection before has ended on the server.
    pub async fn occupy(&self) -> Arc<Occupancy> {
        // The semaphore is never closed.
        let permit = self.socket.clone().acquire_owned().await.ok();
        Arc::new(Occupancy { permit, changed: self.changed.clone() })
    }

    fn is_taken(&self) -> bool {
        self.socket.available_permits() == 0
    }

    async fn finished(&self, target: &Target) -> Finished {
        let mut unfinished = self.unfinished.lock().await;
        let Some(login) = unfinished.as_mut() else { return Finished::Nothing };
        let Some(outcome) = login.outcome() else { return Finished::No };
        let wanted = login.is_for(target);
        *unfinished = None;
        match outcome {
            Ok(opened) if wanted && target.session.accepts(opened.in_recovery) => {
                Finished::Connected(Box::new(opened.connection))
            }
            Ok(opened) => {
                opened.connection.close_soon();
                Finished::Nothing
            }
            Err(_) => Finished::Nothing,
        }
    }
}

impl Drop for Occupancy {
    fn drop(&mut self) {
        // Whoever is woken has to see it free.
        self.permit.take();
        self.changed.notify_waiters();
    }
}
