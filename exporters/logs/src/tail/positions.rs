//! How far the files of a log were read, as a value that can be saved.

use serde::{Deserialize, Serialize};

use crate::tail::identity::{FileId, Head};

/// How far the files of one log were read. A [`Follower`](crate::Follower) resumes there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// Files that were written last at this time or before, and are not listed, were read to their end: nanoseconds since 1970.
    pub(crate) horizon: u64,
    pub(crate) files: Vec<Position>,
}

/// How far one file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub name: String,
    pub id: FileId,
    pub head: Head,
    /// The end of the last event that was handed on.
    pub offset: u64,
    /// What it contains was read from another file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_copy: bool,
}
