//! Keeps the exporter's own statements out of statement statistics and out of the server's log.
//!
//! pg_stat_statements has an entry for each statement in each database and evicts the least executed ones: an exporter that
//! reads hundreds of databases would displace users' statements, and in the log it would hide them. `grants.sql` switches
//! that off for the role. Where it did not, each session does it with the settings that the role may set.

mod settings;

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, Error, SimpleQueryMessage};

pub(crate) use self::settings::{SettingSet, advice, tracing, values_expression};

/// The first version with privileges on parameters.
const GRANTS_ON_PARAMETERS: u32 = 150_000;

/// What the sessions of a server switch off: the settings that the role may set and that left a trace in some session.
#[derive(Debug, Default)]
pub(crate) struct Tracking(SharedSet);

/// What one session has switched off.
#[derive(Debug, Default)]
pub(crate) struct SessionTracking {
    switched_off: SharedSet,
    /// What the role may not set.
    refused: SharedSet,
}

impl SessionTracking {
    /// A session that was opened with these settings.
    pub(crate) fn new(opened_with: SettingSet) -> Self {
        Self { switched_off: SharedSet(AtomicU32::new(opened_with.0)), refused: SharedSet::default() }
    }
}

impl Tracking {
    /// What a new session is opened with.
    pub(crate) fn switched_off(&self) -> SettingSet {
        self.0.get()
    }

    /// What a session does not switch off, since it was opened before.
    fn missing(&self, session: &SessionTracking) -> SettingSet {
        self.0.get().without(session.switched_off.get())
    }

    pub(crate) fn is_missing(&self, session: &SessionTracking) -> bool {
        !self.missing(session).is_empty()
    }

    /// Switches off in a session what other sessions do.
    ///
    /// # Errors
    /// If the server does not answer.
    pub(crate) async fn set_missing(&self, client: &Client, session: &SessionTracking) -> Result<(), Error> {
        let missing = self.missing(session);
        if missing.is_empty() {
            return Ok(());
        }
        match client.batch_execute(&missing.statements("")).await {
            Ok(()) => session.switched_off.add(missing),
            // The role has lost the privilege.
            Err(error) if error.as_db_error().is_some() => self.0.remove(missing),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Switches off what leaves a trace in a session, there and in all sessions to come. Asks once per session what the role
    /// may set.
    ///
    /// # Errors
    /// If the server does not answer.
    pub(crate) async fn switch_off(
        &self,
        client: &Client,
        version: u32,
        session: &SessionTracking,
        tracing: SettingSet,
    ) -> Result<(), Error> {
        // Sent when the session was opened, but the server refused it: the role has lost the privilege.
        self.0.remove(tracing.and(session.switched_off.get()));
        let new = tracing.without(session.switched_off.get()).without(session.refused.get());
        if !new.is_empty() {
            let allowed = allowed(client, version, new).await?;
            session.refused.add(new.without(allowed));
            self.0.add(allowed);
        }
        self.set_missing(client, session).await
    }

    /// Those of the settings that no session switches off.
    pub(crate) fn left(&self, tracing: SettingSet) -> SettingSet {
        tracing.without(self.0.get())
    }
}

/// Those of the settings that the role may set.
async fn allowed(client: &Client, version: u32, settings: SettingSet) -> Result<SettingSet, Error> {
    let names: Vec<String> = settings.pairs().map(|(name, _)| format!("'{name}'")).collect();
    let privilege = if version >= GRANTS_ON_PARAMETERS {
        "pg_catalog.has_parameter_privilege(s.name, 'SET')"
    } else {
        "pg_catalog.current_setting('is_superuser') = 'on'"
    };
    let sql = format!(
        "SELECT s.name FROM pg_catalog.pg_settings s WHERE s.name IN ({}) AND (s.context = 'user' OR {privilege})",
        names.join(", ")
    );
    let messages = client.simple_query(&sql).await?;
    let names = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(SettingSet::named(&names.collect::<Vec<_>>()))
}

/// A set that several tasks read and change.
#[derive(Debug, Default)]
struct SharedSet(AtomicU32);

impl SharedSet {
    fn get(&self) -> SettingSet {
        SettingSet(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, settings: SettingSet) {
        self.0.fetch_or(settings.0, Ordering::Relaxed);
    }

    fn remove(&self, settings: SettingSet) {
        self.0.fetch_and(!settings.0, Ordering::Relaxed);
    }
}
