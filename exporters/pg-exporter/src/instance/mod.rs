//! The probe of the server as a whole, in its main database: other databases and what has happened in them, roles,
//! replication lag, limits of connections.

mod activity;
mod budget;
pub(crate) mod own_work;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use engine::{Detail, OtherDatabase, ServerNotes};
use parking_lot::Mutex;
use pgclient::Connection;
use tokio_postgres::{Error, Row};

use self::activity::{Activity, Reading, ServerReading};
use self::budget::{ServerLimits, budget};
use self::own_work::Counted;
use crate::databases::Discovery;
use crate::decode::raw;
use crate::facts::version_of;
use crate::text_encoding::utf8;
use crate::tracking::{self, SettingSet};

pub(crate) use self::budget::{FEW, MOST};

/// The server as a whole, the settings that leave a trace of this session, and whether it is a superuser's. One row.
pub(crate) static SQL: LazyLock<String> = LazyLock::new(|| {
    let (values, superuser) = (tracking::values_expression(), "pg_catalog.current_setting('is_superuser') = 'on'");
    format!("SELECT server.*, {values}, {superuser} FROM ({SERVER}) server")
});

/// Roles, lag, limits, and what changes the meaning of results in every database.
///
/// Our own sessions are those of the same user with the same application name. A reader of Aurora is in recovery, and refuses
/// the functions about WAL.
const SERVER: &str = "\
SELECT ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r
              WHERE r.rolname ~ '^pg_' AND pg_catalog.pg_has_role(r.oid, 'USAGE') ORDER BY r.rolname),
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() OR aurora.here THEN NULL
            WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver w WHERE w.status = 'streaming') THEN 0
            -- A role without pg_read_all_stats does not see the status.
            WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver w WHERE w.pid IS NOT NULL AND w.status IS NULL) THEN NULL
            ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END::float8,
       pg_catalog.current_setting('max_connections')::int8
         - pg_catalog.current_setting('superuser_reserved_connections')::int8
         - coalesce(pg_catalog.current_setting('reserved_connections', true)::int8, 0),
       (SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL) a
         WHERE a.datid <> 0 AND (a.usesysid <> me.oid OR a.application_name <> pg_catalog.current_setting('application_name'))),
       me.rolconnlimit::int8,
       concat_ws(' ', pg_catalog.pg_postmaster_start_time(), pg_catalog.pg_conf_load_time(), pg_catalog.pg_is_in_recovery(),
                 CASE WHEN pg_catalog.pg_is_in_recovery() AND NOT aurora.here THEN pg_catalog.pg_last_wal_replay_lsn() END),
       extract(epoch FROM pg_catalog.current_setting('autovacuum_naptime')::interval)::float8,
       extract(epoch FROM pg_catalog.pg_conf_load_time())::float8
  FROM pg_catalog.pg_roles me,
       (SELECT pg_catalog.to_regproc('pg_catalog.aurora_version') IS NOT NULL) aurora(here)
 WHERE me.rolname = session_user";

/// Why a database cannot be read; NULL if it can.
const OBSTACLE: &str = "\
CASE WHEN d.datconnlimit = -2 THEN 'DROP DATABASE was interrupted'
     WHEN NOT d.datallowconn THEN 'it has ALLOW_CONNECTIONS false'
     WHEN d.datconnlimit = 0 THEN 'it has CONNECTION LIMIT 0'
     WHEN NOT pg_catalog.has_database_privilege(d.oid, 'CONNECT') THEN 'the role has no privilege CONNECT on it' END";

/// The other databases. One row for each.
pub(crate) static DATABASES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT d.datname::text, {OBSTACLE} FROM pg_catalog.pg_database d
          WHERE NOT d.datistemplate AND d.datname <> pg_catalog.current_database() ORDER BY d.datname"
    )
});

/// The same with what has happened in each of them.
pub(crate) static ACTIVE_DATABASES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "\
SELECT d.datname::text, {OBSTACLE}, d.oid,
       pg_catalog.pg_stat_get_db_xact_commit(d.oid) + pg_catalog.pg_stat_get_db_xact_rollback(d.oid),
       ARRAY[pg_catalog.pg_stat_get_db_tuples_inserted(d.oid), pg_catalog.pg_stat_get_db_tuples_updated(d.oid),
             pg_catalog.pg_stat_get_db_tuples_deleted(d.oid),
             coalesce(extract(epoch FROM pg_catalog.pg_stat_get_db_stat_reset_time(d.oid)) * 1000000, 0)::int8],
       pg_catalog.pg_stat_get_db_sessions(d.oid), s.sessions, s.changed, coalesce(s.busy, false)
  FROM pg_catalog.pg_database d
  LEFT JOIN (SELECT a.datid, count(*) AS sessions, (extract(epoch FROM max(a.state_change)) * 1000000)::int8 AS changed,
                    bool_or(a.state IS DISTINCT FROM 'idle') AS busy
               FROM pg_catalog.pg_stat_get_activity(NULL) a
               JOIN pg_catalog.pg_roles me ON me.rolname = session_user
              WHERE a.usesysid <> me.oid OR a.application_name <> pg_catalog.current_setting('application_name')
              GROUP BY a.datid) s ON s.datid = d.oid
 WHERE NOT d.datistemplate AND d.datname <> pg_catalog.current_database()
 ORDER BY d.datname"
    )
});

/// Whether a session can be told to report its statistics, as from 15 on, so that our own transactions are known to be among
/// those that the server counts.
pub(crate) fn reports_on_request(connection: &Connection) -> bool {
    version_of(connection.parameter("server_version").unwrap_or_default()).0 >= 150_000
}

/// Reads the probe of the server as a whole, and remembers what one probe must know of the last.
pub(crate) struct InstanceReader {
    discovery: Discovery,
    allow_superuser: bool,
    activity: Mutex<Activity>,
    /// Why databases cannot be read, as last seen.
    unreadable: Mutex<BTreeMap<String, String>>,
}

/// What the probe of the server as a whole found.
pub(crate) struct Instance {
    pub(crate) databases: Vec<OtherDatabase>,
    /// Those of the other databases that cannot be read, and why.
    pub(crate) unreadable: Vec<Detail>,
    /// Databases that cannot be connected to, since their names are not UTF-8.
    pub(crate) unreachable: Vec<String>,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) lag_seconds: Option<f64>,
    /// How many connections the exporter may have, if it was given no number.
    pub(crate) budget: usize,
    /// The settings that leave a trace of the session.
    pub(crate) tracing: SettingSet,
    pub(crate) superuser: bool,
    /// When the server's configuration was loaded, in seconds.
    pub(crate) config_loaded: f64,
}

impl InstanceReader {
    pub(crate) fn new(discovery: Discovery, allow_superuser: bool) -> Self {
        Self { discovery, allow_superuser, activity: Mutex::default(), unreadable: Mutex::default() }
    }

    /// Those of the databases that are to be read.
    pub(crate) fn select(&self, databases: Vec<String>) -> Vec<String> {
        self.discovery.select(databases)
    }

    /// Reads the row of [`SQL`] and those of [`DATABASES`] or [`ACTIVE_DATABASES`]. `own` is the exporter's own work
    /// by database, when the rows were read.
    ///
    /// # Errors
    /// If a row has another shape.
    pub(crate) fn read(
        &self,
        row: &Row,
        databases: &[Row],
        own: &HashMap<String, Option<Counted>>,
    ) -> Result<Instance, Error> {
        let values: Vec<Option<String>> = row.try_get(8)?;
        let roles: BTreeSet<String> = row.try_get::<_, Vec<String>>(0)?.into_iter().collect();
        let (readable, unreadable): (Vec<&Row>, Vec<&Row>) =
            databases.iter().partition(|row| matches!(row.try_get(1), Ok(None::<&str>)));
        let (mut names, mut unreachable) = (Vec::new(), Vec::new());
        for row in &readable {
            let name = raw(row, 0)?.unwrap_or_default();
            // The driver connects to names in UTF-8 only, whatever the encoding of this database.
            let list = if std::str::from_utf8(name).is_ok() { &mut names } else { &mut unreachable };
            list.push(utf8(name).into_owned());
        }
        let server = ServerReading {
            state: format!(
                "{} {}",
                row.try_get::<_, String>(5)?,
                roles.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
            ),
            naptime: Duration::try_from_secs_f64(row.try_get(6)?).unwrap_or_default(),
        };
        let readings =
            readable.iter().filter(|row| row.len() > 2).map(|row| reading(row)).collect::<Result<Vec<_>, Error>>()?;
        let changes = self.activity.lock().note(Instant::now(), server, readings, own);
        let other = |name: String| OtherDatabase { changes: changes.get(&name).copied(), name };
        Ok(Instance {
            databases: self.discovery.select(names).into_iter().map(other).collect(),
            unreadable: self.unreadable(&unreadable)?,
            unreachable: self.discovery.select(unreachable),
            lag_seconds: row.try_get(1)?,
            budget: budget(ServerLimits {
                connections: row.try_get(2)?,
                used_by_others: row.try_get(3)?,
                role: row.try_get(4)?,
            }),
            roles,
            tracing: tracking::tracing(&values),
            superuser: row.try_get(9)?,
            config_loaded: row.try_get(7)?,
        })
    }

    /// The databases that would be read if they could, which is logged when it changes.
    fn unreadable(&self, rows: &[&Row]) -> Result<Vec<Detail>, Error> {
        let mut obstacles = BTreeMap::new();
        for row in rows {
            let (name, obstacle) = (name_of(row)?, row.try_get::<_, String>(1)?);
            obstacles.insert(name, obstacle);
        }
        let wanted = self.discovery.select(obstacles.keys().cloned().collect());
        obstacles.retain(|name, _| wanted.contains(name));
        let mut before = self.unreadable.lock();
        for (database, obstacle) in obstacles.iter().filter(|(name, obstacle)| before.get(*name) != Some(*obstacle)) {
            tracing::info!(database, "database not read: {obstacle}");
        }
        before.clone_from(&obstacles);
        let detail = |(name, obstacle): (String, String)| Detail {
            name: format!("database {name}"),
            state: format!("not read: {obstacle}"),
            well: true,
            since: None,
        };
        Ok(obstacles.into_iter().map(detail).collect())
    }

    /// Adds what the role lacks or has too much of, and which databases are left out.
    pub(crate) fn advise(&self, notes: &mut ServerNotes, user: &str, found: &Instance) {
        notes.advice.extend(missing_role(user, &found.roles));
        if !self.allow_superuser {
            notes.advice.extend(superuser_warning(user, found.superuser, &found.roles));
        }
        notes.advice.extend(found.unreachable.iter().map(|name| {
            format!("the database {name} is not read: its name is not UTF-8. ALTER DATABASE … RENAME TO another name")
        }));
    }
}

fn reading(row: &Row) -> Result<(String, Reading), Error> {
    let sessions: Option<i64> = row.try_get(6)?;
    let changed: Option<i64> = row.try_get(7)?;
    let reading = Reading {
        oid: row.try_get(2)?,
        transactions: row.try_get(3)?,
        writes: row.try_get(4)?,
        started: row.try_get(5)?,
        sessions: sessions.map(|sessions| (sessions, changed.unwrap_or_default())),
        busy: row.try_get(8)?,
    };
    Ok((name_of(row)?, reading))
}

/// The database of a row.
fn name_of(row: &Row) -> Result<String, Error> {
    Ok(utf8(raw(row, 0)?.unwrap_or_default()).into_owned())
}

/// Whether a role with these roles sees every session and every setting.
pub(crate) fn sees_everything(roles: &BTreeSet<String>) -> bool {
    ["pg_read_all_stats", "pg_read_all_settings"].iter().all(|needed| roles.contains(*needed))
}

/// What the role lacks for the collectors.
fn missing_role(user: &str, roles: &BTreeSet<String>) -> Option<String> {
    let needed = "pg_monitor";
    let user = user.replace('"', "\"\"");
    (!roles.contains(needed)).then(|| {
        format!(
            "the role is not a member of {needed}, so some collectors fail or are incomplete: GRANT {needed} TO \"{user}\";"
        )
    })
}

/// Roles whose members can run programs or write files as the server's operating system user, and so become superuser.
const SUPERUSER_EQUIVALENTS: [&str; 2] = ["pg_execute_server_program", "pg_write_server_files"];

/// A warning if the role is effectively a superuser: code of others that a collector calls runs with its privileges.
fn superuser_warning(user: &str, superuser: bool, roles: &BTreeSet<String>) -> Option<String> {
    let member = SUPERUSER_EQUIVALENTS.into_iter().find(|role| roles.contains(*role));
    let what = match member {
        _ if superuser => "is a superuser".to_owned(),
        Some(role) => format!("is a member of {role}, which is equivalent to superuser"),
        None => return None,
    };
    Some(format!(
        "WARNING: the role {user} {what}. If a collector calls a function of another database owner, that function runs \
         as superuser: connect as a role with pg_monitor only (collectors/pg/grants.sql), or start with --allow-superuser"
    ))
}
