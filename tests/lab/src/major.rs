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
}

impl Major {
    /// All of them, oldest first.
    pub const ALL: [Major; 5] = [Major::V14, Major::V15, Major::V16, Major::V17, Major::V18];

    /// The newest one.
    pub const NEWEST: Major = Major::V18;

    /// Its number: 17 for `V17`.
    pub const fn number(self) -> u32 {
        match self {
            Major::V14 => 14,
            Major::V15 => 15,
            Major::V16 => 16,
            Major::V17 => 17,
            Major::V18 => 18,
        }
    }
}

impl fmt::Display for Major {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(out)
    }
}
