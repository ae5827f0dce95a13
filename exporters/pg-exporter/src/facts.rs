//! The probe of one database: everything that planning depends on, in one statement.

use std::error::Error;

use engine::{Extension, ServerFacts, Version};
use postgres_types::{FromSql, Kind, Type};
use tokio_postgres::Row;

/// Everything that planning depends on, the role aside. Names are cast to text, whatever their encoding.
pub(crate) const SQL: &str = "\
SELECT pg_catalog.current_setting('server_version_num')::int4,
       pg_catalog.current_database()::text,
       current_user::text,
       e.names, e.versions, e.schemas,
       ARRAY(SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp)'),
       pg_catalog.current_setting('is_superuser') = 'on'
  FROM (SELECT array_agg(e.extname::text) AS names, array_agg(e.extversion) AS versions, array_agg(n.nspname::text) AS schemas
          FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace) e";

/// What the statement tells beside the facts.
pub(crate) struct DatabaseProbe {
    pub(crate) facts: ServerFacts,
    pub(crate) superuser: bool,
}

/// Reads the row of [`SQL`].
///
/// # Errors
/// If the row has another shape.
pub(crate) fn read(row: &Row) -> Result<DatabaseProbe, tokio_postgres::Error> {
    let names = |at: usize| {
        let names = row.try_get::<_, Option<Vec<Name>>>(at)?.unwrap_or_default();
        Ok::<_, tokio_postgres::Error>(names.into_iter().map(|name| name.0))
    };
    let version: i32 = row.try_get(0)?;
    let versions = names(4)?.map(|version| Version::parse(&version).unwrap_or_default());
    let extension = |((name, version), schema)| (name, Extension { schema, version });
    let facts = ServerFacts {
        version: Version(u32::try_from(version).unwrap_or_default()),
        database: row.try_get::<_, Name>(1)?.0,
        user: row.try_get::<_, Name>(2)?.0,
        extensions: names(3)?.zip(versions).zip(names(5)?).map(extension).collect(),
        schemas: names(6)?.collect(),
        ..ServerFacts::default()
    };
    Ok(DatabaseProbe { facts, superuser: row.try_get(7)? })
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
