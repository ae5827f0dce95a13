//! Why samples are dropped.

use crate::rows::CellError;

/// Why samples were dropped; the word is the value of the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum DropReason {
    Duplicate,
    Unreadable,
    Utf8,
    Cap,
    Missing,
    Type,
}

impl DropReason {
    pub fn word(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Unreadable => "unreadable",
            Self::Utf8 => "utf8",
            Self::Cap => "cap",
            Self::Missing => "missing",
            Self::Type => "type",
        }
    }
}

impl From<CellError> for DropReason {
    fn from(broken: CellError) -> Self {
        match broken {
            CellError::Utf8 => Self::Utf8,
            CellError::Unreadable => Self::Unreadable,
            CellError::TooLarge => Self::Cap,
        }
    }
}
