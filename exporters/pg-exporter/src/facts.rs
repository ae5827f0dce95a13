//! The probe of one database: everything that planning depends on, in one statement.

use std::collections::HashMap;
use std::error::Error;

use engine::{Extension, ServerFacts, Version};
use postgres_types::{FromSql, Kind, Type};
use tokio_postgres::Row;

/// Everything that planning depends on, the role aside. The first row is the session's database, user and version; then each
/// schema and each extension has a row. Names are cast to text, whatever their encoding.
///
/// Each new session plans this anew: joins, aggregates and conditions would cost the server more than a few rows.
pub(crate) const SQL: &str = "\
SELECT NULL::oid, pg_catalog.current_database()::text, current_user::text,
       pg_catalog.current_setting('server_version_num')::int4
UNION ALL
SELECT n.oid, n.nspname::text, NULL, NULL FROM pg_catalog.pg_namespace n
UNION ALL
SELECT e.extnamespace, e.extname::text, e.extversion, NULL FROM pg_catalog.pg_extension e";

/// Reads the rows of [`SQL`].
///
/// # Errors
/// If a row has another shape.
pub(crate) fn read(rows: &[Row]) -> Result<ServerFacts, tokio_postgres::Error> {
    let mut facts = ServerFacts::default();
    let mut schemas = HashMap::new();
    let mut extensions = Vec::new();
    for row in rows {
        let name = row.try_get::<_, Name>(1)?.0;
        let value = row.try_get::<_, Option<Name>>(2)?.map(|value| value.0);
        match (row.try_get::<_, Option<u32>>(0)?, value) {
            (Some(oid), None) => drop(schemas.insert(oid, name)),
            (Some(oid), Some(version)) => extensions.push((name, oid, version)),
            (None, user) => {
                facts.version = Version(u32::try_from(row.try_get::<_, i32>(3)?).unwrap_or_default());
                (facts.database, facts.user) = (name, user.unwrap_or_default());
            }
        }
    }
    // All rows are of one snapshot, so its schema is among them.
    let extension = |(name, schema, version): (String, u32, String)| {
        let schema = schemas.get(&schema)?.clone();
        Some((name, Extension { schema, version: Version::parse(&version).unwrap_or_default() }))
    };
    facts.extensions = extensions.into_iter().filter_map(extension).collect();
    let is_users = |name: &String| !["pg_toast", "pg_temp"].iter().any(|prefix| name.starts_with(prefix));
    facts.schemas = schemas.into_values().filter(is_users).collect();
    Ok(facts)
}

/// The version in `server_version`, such as `17.6 (Debian 17.6-1)`, `9.6.24` or `19rc1`.
pub(crate) fn version_of(server_version: &str) -> Version {
    let end = server_version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(server_version.len());
    Version::parse(server_version[..end].trim_end_matches('.')).unwrap_or_default()
}

/// A name as text. In a database with encoding SQL_ASCII it may be any bytes.
pub(crate) struct Name(pub(crate) String);

impl<'a> FromSql<'a> for Name {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TEXT || *ty == Type::NAME || *ty.kind() == Kind::Pseudo
    }
}
