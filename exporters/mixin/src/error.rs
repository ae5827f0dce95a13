//! Why a mixin could not be written.

use std::path::PathBuf;

use thiserror::Error;

/// What was tried, on what, and what was found.
#[derive(Debug, Error)]
pub enum MixinError {
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
    /// A file is not what was expected.
    #[error("{name}: {error}")]
    Yaml {
        /// The file.
        name: String,
        /// What was found, and where.
        error: String,
    },
    /// The site's file names things that do not exist, or gives values that do not fit; all of them.
    #[error("{}", .0.join("\n"))]
    Site(Vec<String>),
    /// A source of ours is wrong; tests keep this from happening.
    #[error("{name}: {error}")]
    Source {
        /// The file in the program.
        name: String,
        /// What is wrong with it.
        error: String,
    },
}
