//! What is known about a server from one collection to the next: the last probe, and what it found in each
//! database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

use crate::error::SourceError;
use crate::facts::ServerProbe;

/// Of the databases in which nothing has happened, one is read in this time at most, so that hundreds of them cost the
/// server little.
const UNCHANGED_VISIT_INTERVAL: Duration = Duration::from_secs(7);

/// What a probe found, or why it found nothing.
pub(crate) type ProbeResult = Result<Arc<ServerProbe>, SourceError>;

/// The last probe of a server, and the facts of each database from its last collection.
#[derive(Default)]
pub(super) struct ServerState {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    probe: Option<(ProbeResult, Instant)>,
    main: Option<Arc<ServerProbe>>,
    databases: HashMap<Arc<str>, Arc<ServerProbe>>,
    /// When a database in which nothing has happened was last read.
    last_unchanged_visit: Option<Instant>,
}

impl ServerState {
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write()
    }

    /// The outcome of the last probe of any kind, and when it came.
    pub fn last_probe(&self) -> Option<(ProbeResult, Instant)> {
        self.read().probe.clone()
    }

    /// What was found in a database, or in the main one.
    pub fn probe_of(&self, database: Option<&str>) -> Option<Arc<ServerProbe>> {
        let known = self.read();
        match database {
            None => known.main.clone(),
            Some(name) => known.databases.get(name).cloned(),
        }
    }

    /// Every database with what was found in it, if it was ever read; the main one first.
    pub fn databases(&self) -> Vec<(Arc<str>, Option<Arc<ServerProbe>>)> {
        let known = self.read();
        let Some(main) = &known.main else { return Vec::new() };
        let others = main.databases.iter().map(|other| &other.name).filter(|name| **name != main.facts.database);
        let others = others.map(|name| (name.as_str().into(), known.databases.get(name.as_str()).cloned()));
        std::iter::once((main.facts.database.as_str().into(), Some(main.clone()))).chain(others).collect()
    }

    /// The name of the main database; empty until it is known.
    pub fn main_name(&self) -> Arc<str> {
        self.read().main.as_ref().map_or_else(|| "".into(), |main| main.facts.database.as_str().into())
    }

    /// How many databases in which nothing has happened may be read again now.
    pub fn take_unchanged_visits(&self) -> usize {
        let mut known = self.write();
        let now = Instant::now();
        let since = *known.last_unchanged_visit.get_or_insert(now);
        let visits = (now - since).as_secs() / UNCHANGED_VISIT_INTERVAL.as_secs();
        if visits > 0 {
            known.last_unchanged_visit = Some(now);
        }
        usize::try_from(visits).unwrap_or(usize::MAX)
    }

    /// Notes what was found in a database beside the main one.
    pub fn note_database(&self, database: Arc<str>, probe: Arc<ServerProbe>) {
        self.write().databases.insert(database, probe);
    }

    /// Notes the probe of the main database by a collection that began at `begun`, and logs what has changed.
    pub fn note_probe(&self, probe: &ProbeResult, begun: Instant, target: &str) {
        let mut known = self.write();
        if probe.is_err() && matches!(&known.probe, Some((Ok(_), at)) if *at > begun) {
            // A later collection had an answer while this one still waited for its own.
            return;
        }
        let answered = probe.clone().and_then(answered_now);
        log_up_or_down(known.probe.as_ref().map(|(before, _)| before), &answered, target);
        if let Ok(found) = probe {
            log_changes(known.main.as_deref(), found, target);
            known.main = Some(found.clone());
            known.databases.retain(|name, _| found.databases.iter().any(|other| *other.name == **name));
        }
        known.probe = Some((answered, Instant::now()));
    }
}

/// What was found, or why that is not of an answer that was given now.
fn answered_now(found: Arc<ServerProbe>) -> ProbeResult {
    match &found.fault {
        Some(fault) => Err(fault.clone()),
        None => Ok(found),
    }
}

fn log_up_or_down(before: Option<&ProbeResult>, now: &ProbeResult, target: &str) {
    let failed_before = before.and_then(|before| before.as_ref().err()).map(|error| error.reason);
    match now {
        Err(error) if failed_before != Some(error.reason) => {
            tracing::warn!(target, reason = %error.reason, %error, "server is down");
        }
        Ok(found) if failed_before.is_some() || before.is_none() => {
            let facts = &found.facts;
            tracing::info!(target, role = facts.role.word(), version = %facts.version, "server is up");
        }
        _ => {}
    }
}

fn log_changes(before: Option<&ServerProbe>, found: &ServerProbe, target: &str) {
    if let Some(before) = before.map(|before| &before.facts) {
        let now = &found.facts;
        // A version that was not known yet has not changed.
        let is_new_version = before.version != now.version && before.version.0 != 0;
        if is_new_version || before.role != now.role {
            let (was, is) = (before.role.word(), now.role.word());
            tracing::info!(target, was, is, version = %now.version, "role or version changed: planning again");
        }
    }
    for advice in &found.notes.advice {
        if before.is_none_or(|before| !before.notes.advice.contains(advice)) {
            tracing::warn!(target, "{advice}");
        }
    }
}
