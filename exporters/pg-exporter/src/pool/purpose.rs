//! What a connection is for.

/// What a connection is for: the pool lends it for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The main database, which the exporter was pointed at.
    Main,
    /// The main database for a sample: on the connection that scrapes use, while they do not.
    Sample,
    /// The main database for health endpoints, so that they do not wait for a query of a scrape.
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
            Self::Main | Self::Sample | Self::Health => None,
            Self::Other(name) => Some(name),
        }
    }

    /// Whether its slot is reserved, so that other databases cannot take it.
    pub(crate) fn is_reserved(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}
