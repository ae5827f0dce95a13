//! The revision and the date of the build, found by this crate's build script.
//!
//! They change with every commit, so only the programs depend on this crate: a commit rebuilds nothing else.

#[cfg(test)]
mod date;

/// The variable `EXPORTER_REVISION` of the build, else the commit of the git checkout, else `unknown`.
pub const REVISION: &str = env!("BUILD_REVISION");

/// The day of `SOURCE_DATE_EPOCH`, else of the commit, in UTC, as `2026-11-29`; else `unknown`.
pub const DATE: &str = env!("BUILD_DATE");
