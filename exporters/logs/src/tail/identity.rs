//! Which file is which: by its inode, and by its first bytes, because inodes are reused, and files are copied and truncated.

use std::fs::{File, Metadata};
use std::io::Result;
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::{Deserialize, Serialize};

/// The most bytes that count. Log lines begin with a time, so two files differ in them.
const MAX_LENGTH: usize = 256;
/// Fewer bytes than a line of a log has do not identify a file.
const FEWEST_BYTES: usize = 100;

/// A file, whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Of a file that was found or opened.
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A checksum of the first bytes of a file that were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    length: usize,
    crc: u32,
}

impl Head {
    /// Of a file of which `read` bytes were read.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn of(file: &File, read: u64) -> Result<Self> {
        let length = usize::try_from(read).unwrap_or(MAX_LENGTH).min(MAX_LENGTH);
        let mut bytes = [0; MAX_LENGTH];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..length], filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(Self::default().extended(0, &bytes[..filled]))
    }

    /// With bytes that were read at `offset`.
    pub fn extended(self, offset: u64, bytes: &[u8]) -> Self {
        if offset != self.length as u64 || self.length == MAX_LENGTH {
            return self;
        }
        let more = &bytes[..bytes.len().min(MAX_LENGTH - self.length)];
        let mut hasher = crc32fast::Hasher::new_with_initial_len(self.crc, self.length as u64);
        hasher.update(more);
        Self { length: self.length + more.len(), crc: hasher.finalize() }
    }

    /// Whether the file begins like this.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn begins(&self, file: &File) -> Result<bool> {
        Ok(*self == Self::of(file, self.length as u64)?)
    }

    /// Whether no byte was read.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether it is long enough that no other file has it.
    pub fn identifies(&self) -> bool {
        self.length >= FEWEST_BYTES
    }
}
