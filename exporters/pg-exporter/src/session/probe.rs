//! What a session finds out about the server: role and lag, and what the catalogs say.

use engine::{Health, Reason, Role, ServerFacts, ServerProbe, SourceError};
use futures_util::{join, try_join};

use super::PgSession;
use super::statements::rows;
use crate::facts;
use crate::health;
use crate::instance::{self, Instance, reports_on_request, sees_everything};
use crate::logs::{self, LogSettings};
use crate::pooler;
use crate::tracking::{self, SettingSet};

impl PgSession {
    pub(super) async fn role(&self) -> Result<Role, SourceError> {
        self.query_one(health::role_statement(&self.pooled()?.connection), health::role).await
    }

    /// The role, and with `with_lag` the lag if it is known.
    pub(crate) async fn health(&self, with_lag: bool) -> Result<Health, SourceError> {
        let lag = async {
            Ok(if with_lag { self.query_one(health::LAG, health::lag_seconds).await.ok().flatten() } else { None })
        };
        let (role, lag_seconds) = try_join!(self.role(), lag)?;
        Ok(Health { role, lag_seconds: lag_seconds.filter(|_| role == Role::Standby) })
    }

    /// What the server says about its log.
    pub(crate) async fn log_settings(&self) -> Result<LogSettings, SourceError> {
        self.query_one(logs::SQL, logs::read).await
    }

    /// Reads the catalogs.
    pub(super) async fn catalogs(&self) -> Result<ServerProbe, SourceError> {
        let is_main = self.pooled()?.purpose.database().is_none();
        let instance = async { if is_main { self.instance().await.map(Some) } else { Ok(None) } };
        // Both to their end: a query that is given up still runs, and its connection is closed.
        let (facts, instance) = join!(self.facts(), instance);
        let (facts, instance) = (facts?, instance?);
        let mut probe = ServerProbe { facts, ..ServerProbe::default() };
        if let Some(instance) = instance {
            self.pool.set_allowed(instance.budget);
            self.pool.note_configuration(instance.config_loaded);
            if self.pooled()?.has_reloaded(instance.config_loaded) {
                self.pool.renew_encrypted();
            }
            self.reader.advise(&mut probe.notes, &probe.facts.user, &instance);
            probe.databases = instance.databases;
            probe.lag_seconds = instance.lag_seconds;
            probe.notes.details = instance.unreadable;
            if self.pooled()?.transaction.is_some() {
                probe.notes.advice.push(pooler::ADVICE.to_owned());
            }
            probe.notes.privileged = Some(instance.superuser || sees_everything(&instance.roles));
            // Before 10 there were no such roles.
            probe.facts.roles = (probe.facts.version.0 >= 100_000).then_some(instance.roles);
            self.switch_off(&mut probe, instance.tracing).await?;
        }
        Ok(probe)
    }

    /// The database.
    async fn facts(&self) -> Result<ServerFacts, SourceError> {
        let (pooled, sql) = (self.pooled()?, facts::SQL.into());
        let query = async {
            let rows = rows(pooled, &sql).await?;
            facts::read(&rows, pooled.encoding)
        };
        Ok(self.limited(query, self.connector.connect_timeout).await?.0)
    }

    /// Switches off what leaves a trace of this session, or advises how to.
    async fn switch_off(&self, probe: &mut ServerProbe, tracing: SettingSet) -> Result<(), SourceError> {
        if tracing.is_empty() {
            return Ok(());
        }
        let (pooled, tracking) = (self.pooled()?, &self.connector.tracking);
        if pooled.transaction.is_some() {
            // Behind a pooler it would be switched off for other clients as well.
            probe.notes.advice.extend(tracking::advice(&probe.facts.user, tracing));
            return Ok(());
        }
        let (client, version) = (pooled.connection.client(), probe.facts.version.0);
        let switch_off = tracking.switch_off(client, version, &pooled.tracking, tracing);
        self.limited(switch_off, self.connector.connect_timeout).await?;
        probe.notes.advice.extend(tracking::advice(&probe.facts.user, tracking.left(tracing)));
        Ok(())
    }

    /// Switches off in this session what others have found to leave a trace since it was opened.
    pub(crate) async fn switch_off_missing(&self) -> Result<(), SourceError> {
        let (pooled, tracking) = (self.pooled()?, &self.connector.tracking);
        if pooled.transaction.is_none() && tracking.is_missing(&pooled.tracking) {
            pooled.count(1);
            let set = tracking.set_missing(pooled.connection.client(), &pooled.tracking);
            self.limited(set, self.connector.connect_timeout).await?;
        }
        Ok(())
    }

    /// The server as a whole.
    async fn instance(&self) -> Result<Instance, SourceError> {
        let pooled = self.pooled()?;
        let databases =
            if reports_on_request(&pooled.connection) { &instance::ACTIVE_DATABASES } else { &instance::DATABASES };
        let work = &self.connector.work;
        let mut own = work.counted();
        let query = async {
            let (instance, databases) = (instance::SQL.as_str().into(), databases.as_str().into());
            try_join!(rows(pooled, &instance), rows(pooled, &databases))
        };
        let ((instance, databases), _) = self.limited(query, self.connector.connect_timeout).await?;
        // What was counted meanwhile may be in the numbers of the server or not.
        let after = work.counted();
        for (name, counted) in &after {
            let before = own.entry(name.clone()).or_insert(None);
            *before = before.filter(|before| Some(*before) == *counted);
        }
        let row = instance.first().ok_or_else(|| {
            SourceError::new(Reason::Protocol, format!("{}: no row about the server", self.connector.label()))
        })?;
        let found = self.reader.read(row, &databases, &own).map_err(|error| self.error(&error))?;
        work.retain(|name| found.databases.iter().any(|other| other.name == name));
        Ok(found)
    }

    /// The last known facts, or what the connection itself reports, if reading the catalogs failed with `error`.
    pub(super) fn found_without_catalogs(
        &self,
        known: Option<&ServerProbe>,
        error: &SourceError,
    ) -> Result<ServerProbe, SourceError> {
        tracing::debug!(server = self.connector.label(), %error, "cannot read the system catalogs");
        let pooled = self.pooled()?;
        let connection = &pooled.connection;
        let from_connection = |database: &str| ServerFacts {
            version: facts::version_of(connection.parameter("server_version").unwrap_or_default()),
            database: database.to_owned(),
            user: self.connector.user().to_owned(),
            ..ServerFacts::default()
        };
        let mut found = known.cloned().unwrap_or_else(|| ServerProbe {
            facts: from_connection(self.connector.database_name(pooled.purpose.database())),
            ..ServerProbe::default()
        });
        found.lag_seconds = None;
        found.databases.iter_mut().for_each(|other| other.changes = None);
        let advice = format!("cannot read the system catalogs ({}): planning with the last known facts", error.reason);
        if !found.notes.advice.contains(&advice) {
            found.notes.advice.push(advice);
        }
        Ok(found)
    }
}
