//! The probe of a server: everything about it in one statement.

use std::collections::BTreeSet;
use std::error::Error;

use engine::{Extension, Role, ServerFacts, ServerNotes, ServerProbe, Version};
use postgres_types::{FromSql, Kind, Type};
use tokio_postgres::Row;

use crate::databases::Discovery;

/// Everything that planning depends on, and the lag. Names are cast to text, whatever their encoding.
pub(crate) const SQL: &str = "\
SELECT pg_catalog.current_setting('server_version_num')::int4,
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_database()::text,
       current_user::text,
       ARRAY(SELECT e.extname::text FROM pg_catalog.pg_extension e ORDER BY e.oid),
       ARRAY(SELECT e.extversion FROM pg_catalog.pg_extension e ORDER BY e.oid),
       ARRAY(SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY e.oid),
       ARRAY(SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp)'),
       ARRAY(SELECT d.datname::text FROM pg_catalog.pg_database d
              WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit NOT IN (0, -2)
                AND d.datname <> pg_catalog.current_database() AND pg_catalog.has_database_privilege(d.oid, 'CONNECT')
              ORDER BY d.datname),
       ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r
              WHERE r.rolname ~ '^pg_' AND pg_catalog.pg_has_role(r.oid, 'USAGE') ORDER BY r.rolname),
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN NULL
            WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver w WHERE w.status = 'streaming') THEN 0
            ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END::float8,
       pg_catalog.current_setting('is_superuser') = 'on',
       pg_catalog.current_setting('pg_stat_statements.track', true)";

/// How the result of [`SQL`] is read.
#[derive(Debug)]
pub(crate) struct FactsReader {
    /// Which other databases are read.
    pub discovery: Discovery,
    /// Whether to omit the warning about a superuser.
    pub allow_superuser: bool,
}

impl FactsReader {
    /// Reads the row of [`SQL`].
    ///
    /// # Errors
    /// If the row has another shape.
    pub(crate) fn read(&self, row: &Row) -> Result<ServerProbe, tokio_postgres::Error> {
        let mut found = read(row)?;
        found.databases = self.discovery.select(found.databases);
        let superuser = row.try_get::<_, bool>(11)?;
        if !self.allow_superuser {
            let warning = superuser_warning(&found.facts.user, superuser, &found.notes.roles);
            found.notes.advice.extend(warning);
        }
        Ok(found)
    }
}

fn read(row: &Row) -> Result<ServerProbe, tokio_postgres::Error> {
    let names = |at: usize| row.try_get::<_, Vec<Name>>(at).map(|names| names.into_iter().map(|name| name.0));
    let version: i32 = row.try_get(0)?;
    let standby: bool = row.try_get(1)?;
    let user = row.try_get::<_, Name>(3)?.0;
    let versions = names(5)?.map(|version| Version::parse(&version).unwrap_or_default());
    let extension = |((name, version), schema)| (name, Extension { schema, version });
    let roles: BTreeSet<String> = names(9)?.collect();
    let advice = advice(&user, &roles);
    let facts = ServerFacts {
        version: Version(u32::try_from(version).unwrap_or_default()),
        role: if standby { Role::Standby } else { Role::Primary },
        database: row.try_get::<_, Name>(2)?.0,
        extensions: names(4)?.zip(versions).zip(names(6)?).map(extension).collect(),
        schemas: names(7)?.collect(),
        user,
    };
    Ok(ServerProbe {
        facts,
        // A database whose name is not UTF-8 cannot be connected to.
        databases: names(8)?.filter(|name| !name.contains(char::REPLACEMENT_CHARACTER)).collect(),
        lag_seconds: row.try_get(10)?,
        notes: ServerNotes { advice, roles, details: Vec::new() },
        fault: None,
    })
}

/// The version in `server_version`, such as `17.6 (Debian 17.6-1)`, `9.6.24` or `19rc1`.
pub(crate) fn version_of(server_version: &str) -> Version {
    let end = server_version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(server_version.len());
    Version::parse(server_version[..end].trim_end_matches('.')).unwrap_or_default()
}

/// Whether pg_stat_statements counts the statements of the session that gave this row.
///
/// # Errors
/// If the row has another shape.
pub(crate) fn is_tracked(row: &Row) -> Result<bool, tokio_postgres::Error> {
    let track: Option<String> = row.try_get(12)?;
    // Without the library the setting does not exist, or is a custom one with any value.
    Ok(track.is_some_and(|track| matches!(&*track, "top" | "all")))
}

/// What the role lacks for the collectors.
fn advice(user: &str, roles: &BTreeSet<String>) -> Vec<String> {
    let needed = "pg_monitor";
    if roles.contains(needed) {
        return Vec::new();
    }
    let user = user.replace('"', "\"\"");
    vec![format!(
        "the role is not a member of {needed}, so some collectors fail or are incomplete: GRANT {needed} TO \"{user}\";"
    )]
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

/// A name as text. In a database with encoding SQL_ASCII it may be any bytes.
struct Name(String);

impl<'a> FromSql<'a> for Name {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TEXT || *ty == Type::NAME || *ty.kind() == Kind::Pseudo
    }
}
