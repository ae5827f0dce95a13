//! The web configuration and the files that it names: reads them, and notices that one has changed.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::error::ListenError;

/// One read of the web configuration: which files were opened, and the warnings for the operator.
pub(super) struct WatchedFiles {
    path: PathBuf,
    /// Whether the files are read for the first time, when one may be a pipe.
    first: bool,
    opened: Vec<(PathBuf, Option<Stamp>)>,
    /// A read failed although the file is there and may be read, as when file descriptors run out.
    interrupted: bool,
    /// Settings that are accepted but cannot be applied as written.
    pub(super) warnings: Vec<String>,
}

impl WatchedFiles {
    /// A read that starts at the web configuration at `path`; nothing is read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, first: true, opened: Vec::new(), interrupted: false, warnings: Vec::new() }
    }

    /// Another read of the same files; nothing is read yet.
    pub(super) fn again(&self) -> Self {
        Self { first: false, ..Self::new(self.path.clone()) }
    }

    /// The web configuration file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the web configuration itself.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read_config(&mut self) -> Result<Vec<u8>, ListenError> {
        self.read(self.path.clone())
    }

    /// Reads a file the web configuration names; a relative path is relative to the web configuration.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read_beside(&mut self, file: &Path) -> Result<Vec<u8>, ListenError> {
        let path = self.path.parent().map_or_else(|| file.to_owned(), |folder| folder.join(file));
        self.read(path)
    }

    fn read(&mut self, path: PathBuf) -> Result<Vec<u8>, ListenError> {
        // The stamp comes first: a change during the read is then noticed at the next check.
        let stamp = Stamp::of(&path);
        let content = if self.first { files::read_file_or_pipe(&path) } else { files::read(&path) };
        self.opened.push((path.clone(), stamp));
        content.map_err(|source| {
            self.interrupted |= is_passing(&source);
            ListenError::Read { path, source }
        })
    }

    /// The error that a setting is wrong.
    pub(super) fn wrong(&self, message: impl Into<String>) -> ListenError {
        ListenError::Setting { path: self.path.clone(), message: message.into() }
    }

    /// Notes something for the log.
    pub(super) fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(message.into());
    }

    /// Whether another read may have another result: a file that was opened, or failed to open, has changed.
    pub(super) fn is_outdated(&self) -> bool {
        self.interrupted || self.opened.iter().any(|(path, stamp)| Stamp::of(path) != *stamp)
    }
}

/// Whether the same file may be read a moment later: a error of the system that is about the process, not the file.
fn is_passing(error: &io::Error) -> bool {
    error.raw_os_error().is_some() && !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

/// What a file looks like from outside. The time of change also moves when a file's owner or mode does, so a file that
/// could not be read is tried again once it may be.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    changed_s: i64,
    changed_ns: i64,
    length_bytes: u64,
}

impl Stamp {
    /// `None` if there is no such file, or none that may be looked at. A pipe counts as none: it is read once, and looks
    /// different with everything that is written to it.
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok().filter(|found| !found.file_type().is_fifo())?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            changed_s: found.ctime(),
            changed_ns: found.ctime_nsec(),
            length_bytes: found.len(),
        })
    }
}
