//! A service as its file describes it.

use std::time::Duration;

use pgclient::Target;

use super::table_name::TableName;

/// The role that a service promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromisedRole {
    Primary,
    Standby,
    Any,
}

impl PromisedRole {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Primary, Self::Standby, Self::Any];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::Any => "any",
        }
    }

    /// Whether a server with this role keeps the promise.
    pub(crate) fn accepts(self, in_recovery: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Primary => !in_recovery,
            Self::Standby => in_recovery,
        }
    }
}

/// What a probe does about a row that has to arrive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Canary {
    /// It writes the row of this service.
    Writes(TableName),
    /// It reads the row that the probes of another service write.
    Reads { of: String, table: TableName },
}

/// A service: where clients connect, and what they are promised there.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// The value of the label `service`.
    pub name: String,
    pub target: Target,
    pub role: PromisedRole,
    /// The system identifier of its cluster; `None`: that of the exporter's own server.
    pub system_identifier: Option<String>,
    pub interval: Duration,
    pub timeout: Duration,
    /// How far a standby may be behind the primary.
    pub max_lag: Option<Duration>,
    pub canary: Option<Canary>,
    /// Tells whether the description in the file has changed.
    pub fingerprint: u64,
}
