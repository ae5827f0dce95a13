//! The probe of one database: everything that planning depends on, in one statement.

use std::collections::HashMap;

use engine::{Extension, ServerFacts, Version};
use tokio_postgres::{Error, Row};

use crate::decode::text_of;
use crate::text_encoding::TextEncoding;

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
pub(crate) fn read(rows: &[Row], encoding: TextEncoding) -> Result<ServerFacts, Error> {
    let mut facts = ServerFacts::default();
    let mut schemas = HashMap::new();
    let mut extensions = Vec::new();
    for row in rows {
        let oid: Option<u32> = row.try_get(0)?;
        // Names of databases and roles are those that a session is opened with, in UTF-8 whatever the database's encoding.
        let encoding = if oid.is_none() { TextEncoding::Utf8 } else { encoding };
        let (name, value) = (text_of(row, 1, encoding)?.unwrap_or_default(), text_of(row, 2, encoding)?);
        match (oid, value) {
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
