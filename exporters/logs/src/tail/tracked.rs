//! One file of a log that is known: which it is, and how far it was read.

use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use crate::formats::Decoder;
use crate::tail::identity::{FileId, Head};
use crate::tail::positions::Position;

/// How far back a line is searched whose end is not written yet.
const MAX_OPEN_LINE: u64 = 64 * 1024;

/// A file of a log, and how far it was read.
#[derive(Debug)]
pub struct Tracked {
    pub name: String,
    pub id: FileId,
    pub head: Head,
    /// Bytes that the decoder has.
    pub read: u64,
    /// As it was found last; 0 if it was not.
    pub size: u64,
    pub modified: u64,
    /// What it contains was read from another file.
    pub is_copy: bool,
    /// It has no name in its folder any more.
    pub is_gone: bool,
    pub decoder: Decoder,
    pub last_growth: Instant,
    handle: Option<File>,
}

impl Tracked {
    /// A file that was read up to `read`.
    pub fn new(name: &str, id: FileId, head: Head, read: u64, decoder: Decoder) -> Self {
        Self {
            name: name.to_owned(),
            id,
            head,
            read,
            size: 0,
            modified: 0,
            is_copy: false,
            is_gone: false,
            decoder,
            last_growth: Instant::now(),
            handle: None,
        }
    }

    /// The end of the last event that was handed on.
    pub fn committed(&self) -> u64 {
        self.read - self.decoder.pending()
    }

    /// As it is saved.
    pub fn position(&self) -> Position {
        let (name, is_copy) = (self.name.clone(), self.is_copy);
        Position { name, id: self.id, head: self.head, offset: self.committed(), is_copy }
    }

    /// Whether the file is open. An open file can be read after it was deleted.
    pub fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    /// Bytes that are not read.
    pub fn unread(&self) -> u64 {
        if self.is_copy { 0 } else { self.size.saturating_sub(self.read) }
    }

    /// Closes the file.
    pub fn close(&mut self) {
        self.handle = None;
    }

    /// The opened file; `None` if another one has its name by now.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(&mut self, directory: &Path) -> Result<Option<&File>> {
        if self.handle.is_none() {
            let (file, metadata) = files::open(&directory.join(&self.name))?;
            self.handle = (FileId::of(&metadata) == self.id).then_some(file);
        }
        Ok(self.handle.as_ref())
    }

    /// Reads the next bytes; 0 at the end.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn read(&mut self, directory: &Path, buffer: &mut [u8]) -> Result<usize> {
        let at = self.read;
        let Some(file) = self.open(directory)? else { return Ok(0) };
        let count = file.read_at(buffer, at)?;
        if count > 0 {
            self.head = self.head.extended(at, &buffer[..count]);
            self.read += count as u64;
            self.size = self.size.max(self.read);
            self.last_growth = Instant::now();
        }
        Ok(count)
    }

    /// Starts again: the file was truncated, or is another one with the same inode.
    pub fn restart(&mut self, decoder: Decoder) {
        (self.read, self.head, self.decoder, self.is_copy) = (0, Head::default(), decoder, false);
    }

    /// Starts at the end of what is there, which is no news: after its last whole line.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn skip_to_end(&mut self, directory: &Path) -> Result<()> {
        let size = self.size;
        let Some(file) = self.open(directory)? else { return Ok(()) };
        let mut bytes = vec![0; usize::try_from(size.min(MAX_OPEN_LINE)).unwrap_or(0)];
        let start = size - bytes.len() as u64;
        file.read_exact_at(&mut bytes, start)?;
        let end = memchr::memrchr(b'\n', &bytes).map_or(size, |at| start + at as u64 + 1);
        self.head = Head::of(file, end)?;
        self.read = end;
        Ok(())
    }
}
