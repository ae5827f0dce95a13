//! Why a file could not be imported.

use std::path::PathBuf;

use thiserror::Error;

/// What was tried, on what, and what was found.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A file could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file is not YAML.
    #[error("{place}:{line}:{column}: {error}")]
    Yaml {
        /// The file.
        place: String,
        /// Where it stops being YAML.
        line: u64,
        /// See `line`.
        column: u64,
        /// What was found there.
        error: String,
    },
    /// A file is YAML of another kind.
    #[error("{place}: expected {expected}: is FORMAT right?")]
    Format {
        /// The file.
        place: String,
        /// What a file of the format has.
        expected: &'static str,
    },
    /// Two files would be written to one.
    #[error("{} is written twice: two of the files have the same name", .0.display())]
    SameName(PathBuf),
}
