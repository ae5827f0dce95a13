//! The files of a log that are known, and what happens to them: new ones, renamed, truncated, copied and deleted ones.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use crate::formats::{Decoder, Format};
use crate::tail::directory::{Entry, Place};
use crate::tail::identity::{FileId, Head};
use crate::tail::positions::{Position, Positions};
use crate::tail::tracked::Tracked;

/// The most files that are known individually.
const MAX_FILES: usize = 256;
/// The most files that stay open.
const MAX_OPEN: usize = 8;
/// How long a file without a name is kept open for its writer, if nothing newer is written.
const KEPT_OPEN: Duration = Duration::from_secs(600);

/// The known files of one log, the one that was written first in front.
#[derive(Debug)]
pub struct Files {
    pub place: Place,
    pub list: Vec<Tracked>,
    format: Format,
    /// Files that were written last at this time or before, and are not in the list, are read.
    horizon: u64,
    /// No position was known: what is there is history.
    is_first: bool,
}

/// What a file contained that is not there any more, as far as it was not read.
struct Lost {
    name: String,
    id: FileId,
    head: Head,
    offset: u64,
}

impl Files {
    /// The files as they were saved, or those that are there.
    pub fn new(place: Place, format: Format, positions: Option<Positions>) -> Self {
        let is_first = positions.is_none();
        let Positions { horizon, files } = positions.unwrap_or_default();
        let resumed = |position: Position| {
            let decoder = Decoder::new(format.clone(), &position.name);
            let mut file = Tracked::new(&position.name, position.id, position.head, position.offset, decoder);
            file.is_copy = position.is_copy;
            file
        };
        let list = files.into_iter().map(resumed).collect();
        Self { place, list, format, horizon, is_first }
    }

    /// As they are saved.
    pub fn positions(&self) -> Positions {
        Positions { horizon: self.horizon, files: self.list.iter().map(Tracked::position).collect() }
    }

    /// Finds out what happened. Returns what cannot be read, and why.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn scan(&mut self) -> Result<Option<Error>> {
        let entries = self.place.entries().inspect_err(|error| {
            // What is in a folder that is made later is new.
            self.is_first &= error.kind() != ErrorKind::NotFound;
        })?;
        let mut problem = None;
        let by_id: HashMap<FileId, &Entry> = entries.iter().map(|entry| (entry.id, entry)).collect();
        let mut lost = Vec::new();
        for at in 0..self.list.len() {
            match by_id.get(&self.list[at].id) {
                Some(entry) => match self.update(at, entry) {
                    Ok(truncated) => lost.extend(truncated),
                    Err(error) => problem = Some(error),
                },
                None => lost.extend(self.gone(at)),
            }
        }
        for lost in lost {
            self.rescue(&entries, &lost);
        }
        for entry in &entries {
            let is_known = self.list.iter().any(|file| file.id == entry.id);
            if !is_known && entry.modified > self.horizon && self.place.pattern.matches(&entry.name) {
                problem = self.add(entry).err().or(problem);
            }
        }
        self.is_first = false;
        self.list.sort_by_key(|file| file.modified);
        Ok(problem)
    }

    /// Whether the file contains what is read from another one. To be called before its first byte is read.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn is_copy(&mut self, at: usize) -> Result<bool> {
        let others = self.list.iter().enumerate().filter(|(other, file)| *other != at && file.head.identifies());
        let heads: Vec<Head> = others.map(|(_, file)| file.head).collect();
        let Some(file) = self.list[at].open(&self.place.directory)? else { return Ok(false) };
        for head in heads {
            if head.begins(file)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forgets the files that are gone and read, and what is too much.
    pub fn forget(&mut self) {
        let newest = self.list.iter().filter(|file| !file.is_gone && file.size > 0).map(|file| file.modified).max();
        self.list.retain(|file| {
            let is_done = newest > Some(file.modified) || file.last_growth.elapsed() > KEPT_OPEN;
            !(file.is_gone && (is_done || !file.is_open()))
        });
        let too_many = self.list.len().saturating_sub(MAX_FILES);
        let read = self.list.iter().take(too_many).take_while(|file| file.unread() == 0 && !file.decoder.is_waiting());
        let count = read.count();
        for file in self.list.drain(..count) {
            self.horizon = self.horizon.max(file.modified);
        }
        let open: Vec<usize> = (0..self.list.len()).filter(|at| self.list[*at].is_open()).collect();
        for at in open.iter().take(open.len().saturating_sub(MAX_OPEN)) {
            if self.list[*at].unread() == 0 && !self.list[*at].is_gone {
                self.list[*at].close();
            }
        }
    }

    /// Takes over what a known file is now; returns what it was before it was truncated.
    fn update(&mut self, at: usize, entry: &Entry) -> Result<Option<Lost>> {
        let file = &mut self.list[at];
        file.is_gone = false;
        file.name.clone_from(&entry.name);
        if (file.size, file.modified) == (entry.size, entry.modified) {
            return Ok(None);
        }
        let (head, read) = (file.head, file.read);
        let is_same = match file.open(&self.place.directory) {
            Ok(Some(opened)) => entry.size >= read && head.begins(opened)?,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(with_name(&error, &entry.name)),
        };
        (file.size, file.modified) = (entry.size, entry.modified);
        if is_same {
            return Ok(None);
        }
        let lost = lost(file);
        file.restart(Decoder::new(self.format.clone(), &entry.name));
        Ok(Some(lost))
    }

    /// A file that has no name any more. What is open can be read; what is not may have been copied.
    fn gone(&mut self, at: usize) -> Option<Lost> {
        let file = &mut self.list[at];
        file.is_gone = true;
        (!file.is_open()).then(|| lost(file))
    }

    /// Looks for a copy of what is lost, and continues there.
    fn rescue(&mut self, entries: &[Entry], lost: &Lost) {
        let may_be = |entry: &&Entry| entry.id != lost.id && (lost.head.identifies() || entry.name == lost.name);
        let begins_so = |entry: &&Entry| {
            let opened = files::open(&self.place.directory.join(&entry.name));
            opened.is_ok_and(|(file, _)| lost.head.begins(&file).unwrap_or(false))
        };
        if lost.head.is_empty() {
            return;
        }
        let Some(entry) = entries.iter().filter(may_be).find(begins_so) else { return };
        let known = self.list.iter().position(|file| file.id == entry.id);
        if known.is_some_and(|at| !self.list[at].is_copy) {
            return;
        }
        let decoder = Decoder::new(self.format.clone(), &entry.name);
        let mut copy = Tracked::new(&entry.name, entry.id, lost.head, lost.offset.min(entry.size), decoder);
        (copy.size, copy.modified) = (entry.size, entry.modified);
        if let Some(at) = known {
            self.list.remove(at);
        }
        // In front of the file that was truncated, even if both were written at the same moment.
        self.list.insert(0, copy);
    }

    fn add(&mut self, entry: &Entry) -> Result<()> {
        let decoder = Decoder::new(self.format.clone(), &entry.name);
        let mut file = Tracked::new(&entry.name, entry.id, Head::default(), 0, decoder);
        (file.size, file.modified) = (entry.size, entry.modified);
        let skipped = if self.is_first { file.skip_to_end(&self.place.directory) } else { Ok(()) };
        self.list.push(file);
        skipped.or_else(|error| {
            // Found at the next scan again, and then as new: only what is added to it is read.
            if let Some(file) = self.list.last_mut() {
                file.read = entry.size;
            }
            if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(with_name(&error, &entry.name)) }
        })
    }
}

fn lost(file: &Tracked) -> Lost {
    Lost { name: file.name.clone(), id: file.id, head: file.head, offset: file.committed() }
}

/// The error of a file with its name.
pub fn with_name(error: &Error, name: &str) -> Error {
    Error::new(error.kind(), format!("{name}: {error}"))
}
