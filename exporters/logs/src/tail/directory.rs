//! Where a log is, and which files are there.

use std::fmt;
use std::fs::{self, Metadata};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::tail::identity::FileId;

/// The most files of a folder that are looked at.
const MAX_ENTRIES: usize = 10_000;
/// Files that are archived: their content was read before.
const COMPRESSED: [&str; 7] = [".gz", ".xz", ".bz2", ".zst", ".lz4", ".lzma", ".Z"];

/// Which files of a folder belong to a log.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// One name.
    Name(String),
    /// All names that match.
    Glob(GlobMatcher),
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Glob(glob) => f.write_str(glob.glob().glob()),
        }
    }
}

impl Pattern {
    /// A glob: `*`, `?`, `[…]`, `{…,…}`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn glob(pattern: &str) -> std::result::Result<Self, globset::Error> {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build()?;
        Ok(Self::Glob(glob.compile_matcher()))
    }

    /// The names that PostgreSQL makes of `log_filename`, with this suffix in place of `.log`, if any.
    ///
    /// # Errors
    /// The name has no valid glob.
    pub fn log_filename(log_filename: &str, suffix: Option<&str>) -> std::result::Result<Self, globset::Error> {
        let mut pattern = String::new();
        let mut rest = log_filename.chars();
        while let Some(next) = rest.next() {
            match next {
                '%' if rest.next() == Some('%') => pattern.push('%'),
                // One field of the time.
                '%' => pattern.push('*'),
                '*' | '?' | '[' | ']' | '{' | '}' | '\\' => pattern.extend(['\\', next]),
                _ => pattern.push(next),
            }
        }
        if let Some(suffix) = suffix {
            pattern = format!("{}{suffix}", pattern.strip_suffix(".log").unwrap_or(&pattern));
        }
        Self::glob(&pattern)
    }

    /// Whether a file with this name belongs to the log.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Glob(glob) => glob.is_match(name) && !is_compressed(name),
        }
    }

    /// Whether it is or was a file of the log, or is a copy of one.
    fn is_related(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => name.starts_with(wanted.trim_end_matches(".log")) && !is_compressed(name),
            Self::Glob(_) => !is_compressed(name),
        }
    }
}

fn is_compressed(name: &str) -> bool {
    COMPRESSED.iter().any(|ending| name.ends_with(ending))
}

/// The files of one log.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder.
    pub directory: PathBuf,
    /// Names in it.
    pub pattern: Pattern,
}

impl Place {
    /// One file, and those that it is rotated to.
    ///
    /// # Errors
    /// The path names no file.
    pub fn file(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(ErrorKind::InvalidFilename)?;
        let directory = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { directory: directory.to_owned(), pattern: Pattern::Name(name.to_owned()) })
    }

    /// What a user names: a folder, of which the names that match `pattern`, or one file.
    ///
    /// # Errors
    /// The path names no file, or the pattern is no glob.
    pub fn given(path: &Path, pattern: &str) -> Result<Self> {
        if !path.is_dir() {
            return Self::file(path);
        }
        let pattern = Pattern::glob(pattern).map_err(Error::other)?;
        Ok(Self { directory: path.to_owned(), pattern })
    }

    /// Whether the folder can be read, and the newest file in it.
    ///
    /// # Errors
    /// Errors of the system, with the path.
    pub fn check(&self) -> Result<()> {
        let described = |path: &Path, error: &Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
        let entries = self.entries().map_err(|error| described(&self.directory, &error))?;
        let files = entries.iter().filter(|entry| self.pattern.matches(&entry.name));
        let Some(newest) = files.max_by_key(|entry| entry.modified) else { return Ok(()) };
        let path = self.directory.join(&newest.name);
        files::open(&path).map(drop).map_err(|error| described(&path, &error))
    }

    /// The regular files that belong to the log, or did under another name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)?.take(MAX_ENTRIES) {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if !self.pattern.is_related(&name) {
                continue;
            }
            // It can be gone by now.
            let Ok(metadata) = fs::metadata(self.directory.join(&name)) else { continue };
            if metadata.is_file() {
                found.push(Entry::new(name, &metadata));
            }
        }
        Ok(found)
    }
}

/// A regular file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub id: FileId,
    pub size: u64,
    /// Time of the last write, in nanoseconds since 1970.
    pub modified: u64,
}

impl Entry {
    fn new(name: String, metadata: &Metadata) -> Self {
        Self { name, id: FileId::of(metadata), size: metadata.len(), modified: modified(metadata) }
    }
}

fn modified(metadata: &Metadata) -> u64 {
    let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(metadata.mtime_nsec()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_names_of_log_filename() {
        let json = Pattern::log_filename("postgresql-%Y-%m-%d_%H%M%S.log", Some(".json")).unwrap();
        assert!(json.matches("postgresql-2026-11-30_180000.json"));
        for other in ["postgresql-2026-11-30_180000.log", "postgresql-2026.json.gz", "a.json"] {
            assert!(!json.matches(other), "{other}");
        }
        let odd = Pattern::log_filename("100%%[a]", Some(".csv")).unwrap();
        assert!(odd.matches("100%[a].csv") && !odd.matches("100%a.csv"));
        assert!(Pattern::log_filename("server.log", None).unwrap().matches("server.log"));
    }

    #[test]
    fn takes_the_folder_of_a_file() {
        let place = Place::file(Path::new("pgbouncer.log")).unwrap();
        assert_eq!(place.directory, Path::new("."));
        assert!(place.pattern.is_related("pgbouncer.log.1") && place.pattern.is_related("pgbouncer-20261130.log"));
        assert!(!place.pattern.is_related("pgbouncer.log.2.gz") && !place.pattern.is_related("other.log"));
        assert!(Place::file(Path::new("/")).is_err());
    }
}
