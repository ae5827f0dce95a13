//! What is known about a server: its version, role, database, extensions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use crate::error::SourceError;

/// A program whose log can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogProgram {
    /// PostgreSQL.
    Postgres,
    /// Patroni.
    Patroni,
    /// PgBouncer.
    Pgbouncer,
    /// pgBackRest.
    Pgbackrest,
}

impl LogProgram {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Postgres, Self::Patroni, Self::Pgbouncer, Self::Pgbackrest];

    /// Its name in collector files, metrics and names of files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Patroni => "patroni",
            Self::Pgbouncer => "pgbouncer",
            Self::Pgbackrest => "pgbackrest",
        }
    }
}

/// Where the log of a program is, or why it cannot be read and what to do.
#[derive(Debug, Clone)]
pub struct LogLocation {
    /// The program.
    pub program: LogProgram,
    /// The files and their format.
    pub found: Result<(logs::Place, logs::Format), String>,
    /// Which statements and plans are in it.
    pub sampling: logs::Sampling,
}

/// A server version as one number: `major·10000 + minor` from PostgreSQL 10 on (`170004`), and
/// `major·10000 + minor·100 + patch` below it and for PgBouncer and pgBackRest (`90624`, `12401`, `25500`).
///
/// 0 is "unknown"; an unknown version is inside every range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u32);

impl Version {
    /// Reads `14`, `140000`, `090600`, `9.6`, `14.2`, `1.24`, `1.24.1` or `12400`.
    ///
    /// A leading zero does not make the number octal. A whole number below 1000 is a major version.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u32>().ok()).flatten()
        });
        let major = parts.next()??;
        let Some(minor) = parts.next() else {
            let short = major < 1000;
            return Some(Self(if short { major.checked_mul(10_000)? } else { major }));
        };
        let (minor, patch) = (minor?, parts.next().unwrap_or(Some(0))?);
        if parts.next().is_some() || major >= 1000 || minor >= 100 || patch >= 100 {
            return None;
        }
        let rest = if major >= 10 { minor } else { minor * 100 + patch };
        Some(Self(major * 10_000 + rest))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, rest) = (self.0 / 10_000, self.0 % 10_000);
        match (self.0, major) {
            (0, _) => f.write_str("unknown"),
            (_, 10..) => write!(f, "{major}.{rest}"),
            _ => write!(f, "{major}.{}.{}", rest / 100, rest % 100),
        }
    }
}

/// A range of versions: `min` is inside, `max` is not; a missing bound is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VersionRange {
    /// The first version inside.
    pub min: Option<Version>,
    /// The first version outside.
    pub max: Option<Version>,
}

impl VersionRange {
    /// Whether `version` is inside; an unknown version always is.
    pub fn contains(&self, version: Version) -> bool {
        version.0 == 0 || (self.min.is_none_or(|min| version >= min) && self.max.is_none_or(|max| version < max))
    }

    /// Whether some version is inside both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let below = |a: Option<Version>, b: Option<Version>| !matches!((a, b), (Some(a), Some(b)) if a >= b);
        below(self.min, other.max) && below(other.min, self.max)
    }

    /// Whether no version can be inside.
    pub fn is_empty(&self) -> bool {
        matches!((self.min, self.max), (Some(min), Some(max)) if min >= max)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (None, None) => f.write_str("all versions"),
            (Some(min), None) => write!(f, "{min} and later"),
            (None, Some(max)) => write!(f, "before {max}"),
            (Some(min), Some(max)) => write!(f, "{min} to before {max}"),
        }
    }
}

/// Whether a server takes writes or replays another one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// Not in recovery.
    #[default]
    Primary,
    /// In recovery.
    Standby,
    /// Of what has no such role, as a backup repository.
    Neither,
}

impl Role {
    /// The word that pages and health endpoints use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "replica",
            Self::Neither => "without a role",
        }
    }
}

/// What health endpoints answer by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// Primary or standby.
    pub role: Role,
    /// Seconds that a standby's data is behind the primary, if that was asked for and is known.
    pub lag_seconds: Option<f64>,
}

/// What planning depends on: the same facts give the same plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerFacts {
    /// The server's version.
    pub version: Version,
    /// Primary or standby.
    pub role: Role,
    /// The database that this session is connected to; the value of the label `datname`.
    pub database: String,
    /// The user that this session runs as.
    pub user: String,
    /// Predefined roles that the user has the privileges of; `None` if that is not known.
    pub roles: Option<BTreeSet<String>>,
    /// Extensions of this database by name.
    pub extensions: BTreeMap<String, Extension>,
    /// Schemas of this database.
    pub schemas: BTreeSet<String>,
}

impl ServerFacts {
    /// Whether a query in this database may read other servers, so that its result changes though nothing happens here.
    pub(crate) fn reads_other_servers(&self) -> bool {
        self.extensions.keys().any(|name| name.ends_with("_fdw") || name == "dblink")
    }
}

/// What one probe of one database of a server found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerProbe {
    /// What planning depends on.
    pub facts: ServerFacts,
    /// The server's other databases that are to be read, found from the main one; empty where there is no such thing.
    pub databases: Vec<OtherDatabase>,
    /// Seconds that the standby's data is behind the primary, if it is a standby and that is known.
    pub lag_seconds: Option<f64>,
    /// What only pages show.
    pub notes: ServerNotes,
    /// Why the server does not answer now, if the source goes on with what it knew before: the server counts as down,
    /// its collectors as failed, and their rows are exposed all the same.
    pub fault: Option<SourceError>,
}

/// A database beside the main one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherDatabase {
    /// Its name.
    pub name: String,
    /// How often something was seen to happen in it, the work of the source's own sessions aside: while the number stays,
    /// earlier results still hold. `None` if the source cannot tell.
    pub changes: Option<u64>,
}

/// What the status page and `explain` show of a server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerNotes {
    /// Whether the user sees everything that collectors read; `None` where there is no such thing.
    pub privileged: Option<bool>,
    /// What should be changed on this server, as sentences.
    pub advice: Vec<String>,
    /// What the server consists of beside databases, as repositories of backups, and the state of each.
    pub details: Vec<Detail>,
}

impl ServerProbe {
    /// What health endpoints answer by.
    pub fn health(&self) -> Health {
        Health { role: self.facts.role, lag_seconds: self.lag_seconds }
    }
}

/// One thing that a server consists of, and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// What it is.
    pub name: String,
    /// How it is, in a few words.
    pub state: String,
    /// Whether that is as it should be.
    pub well: bool,
    /// Since when it is in this state.
    pub since: Option<Instant>,
}

/// An extension of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extension {
    /// The schema that its objects are in.
    pub schema: String,
    /// Its version, which may be older than what the server brings; unknown if it is written in another way.
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_every_spelling() {
        for (text, number) in [
            ("14", 140_000),
            ("140000", 140_000),
            ("090600", 90_600),
            ("9.6", 90_600),
            ("14.2", 140_002),
            ("1.24", 12_400),
            ("1.24.1", 12_401),
            ("12400", 12_400),
            ("010700", 10_700),
            ("2.55", 25_500),
            ("1.8", 10_800),
        ] {
            assert_eq!(Version::parse(text), Some(Version(number)), "{text}");
        }
        for bad in ["", "x", "1.", "-1", "1e5", "1.2.3.4", "14beta1"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_upper_bound_is_outside_and_unknown_is_inside() {
        let range = VersionRange { min: Some(Version(140_000)), max: Some(Version(180_000)) };
        assert!(range.contains(Version(140_000)) && range.contains(Version(179_999)) && range.contains(Version(0)));
        assert!(!range.contains(Version(180_000)) && !range.contains(Version(130_009)));
        assert!(!range.overlaps(&VersionRange { min: Some(Version(180_000)), max: None }));
        assert!(range.overlaps(&VersionRange::default()));
    }
}
