//! The supported major versions of PostgreSQL.

use std::fmt;

/// A major version of PostgreSQL that the lab can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Major {
    V14,
    V15,
    V16,
    V17,
    V18,
    V19,
}

impl Major {
    /// All of them, oldest first.
    pub const ALL: [Major; 6] = [Major::V14, Major::V15, Major::V16, Major::V17, Major::V18, Major::V19];

    /// The newest one that is released and not only a candidate: what a test uses that is not about versions.
    pub const NEWEST: Major = Major::V18;

    /// Its number: 17 for `V17`.
    pub const fn number(self) -> u32 {
        match self {
            Major::V14 => 14,
            Major::V15 => 15,
            Major::V16 => 16,
            Major::V17 => 17,
            Major::V18 => 18,
            Major::V19 => 19,
        }
    }
}

impl fmt::Display for Major {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(out)
    }
}
