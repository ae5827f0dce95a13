//! What a connection is for.

/// What a connection is for: the pool gives it to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The database that the exporter was pointed at.
    Main,
    /// The same for health endpoints, so that their answer does not wait for a query of a scrape.
    Health,
    /// Another database.
    Other(String),
}

impl Purpose {
    /// For a database, or for the main one.
    pub(crate) fn of(database: Option<&str>) -> Self {
        database.map_or(Self::Main, |name| Self::Other(name.to_owned()))
    }

    /// The database, if it is not the main one.
    pub(crate) fn database(&self) -> Option<&str> {
        match self {
            Self::Main | Self::Health => None,
            Self::Other(name) => Some(name),
        }
    }

    /// Whether its place is kept from other databases.
    pub(crate) fn is_kept_back(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}
