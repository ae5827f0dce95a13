//! Reads the files of a log in the order in which they were written.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use crate::formats::Format;
use crate::line::Line;
use crate::tail::{Files, Place, Positions};

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// The most that one round reads.
const ROUND_BYTES: usize = 4 * 1024 * 1024;
/// How long after its last line an event is complete.
const REST: Duration = Duration::from_millis(200);

/// What was read since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events handed on.
    pub events: u64,
    /// Lines that could not be parsed.
    pub not_understood: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// How one round went.
#[derive(Debug, Default)]
pub struct Round {
    /// Events were handed on, or files changed: the positions are others.
    pub has_read: bool,
    /// More is there to read: the next round should follow at once.
    pub is_behind: bool,
    /// When the next round is due although nothing is written.
    pub due: Option<Duration>,
    /// The folder or the file that cannot be read, and why.
    pub problem: Option<Error>,
}

/// Follows one log.
///
/// A file is recognized by its inode and its first bytes, so it can be renamed and truncated. If a file was copied and truncated, the
/// rest of it is read from its copy. Files are read from the oldest to the newest, each to its end.
#[derive(Debug)]
pub struct Follower {
    files: Files,
    totals: Totals,
    buffer: Vec<u8>,
}

impl Follower {
    /// Starts where `positions` end, or at the end of what is there.
    pub fn new(place: Place, format: Format, positions: Option<Positions>) -> Self {
        Self { files: Files::new(place, format, positions), totals: Totals::default(), buffer: vec![0; CHUNK_BYTES] }
    }

    /// Where the log is.
    pub fn place(&self) -> &Place {
        &self.files.place
    }

    /// What was read since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Bytes that are written and not read yet.
    pub fn lag_bytes(&self) -> u64 {
        self.files.list.iter().map(|file| file.unread()).sum()
    }

    /// The name of the file that was written last.
    pub fn newest(&self) -> Option<&str> {
        self.files.list.iter().max_by_key(|file| file.modified).map(|file| file.name.as_str())
    }

    /// How far everything was read that was handed on.
    pub fn positions(&self) -> Positions {
        self.files.positions()
    }

    /// Reads what was written since the last round, at most a few megabytes of it, and hands on each event.
    pub fn round(&mut self, each: &mut dyn FnMut(&Line<'_>)) -> Round {
        let mut round = Round::default();
        match self.files.scan() {
            Ok(problem) => round.problem = problem,
            Err(error) => {
                let folder = self.files.place.directory.display();
                round.problem = Some(Error::new(error.kind(), format!("{folder}: {error}")));
                return round;
            }
        }
        let mut left = ROUND_BYTES;
        let mut events = 0;
        let mut counted = |line: &Line<'_>| {
            events += 1;
            each(line);
        };
        for at in 0..self.files.list.len() {
            match self.read(at, &mut left, &mut counted) {
                Ok(has_read) => round.has_read |= has_read,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => round.problem = Some(error),
            }
        }
        round.is_behind = left == 0;
        for file in self.files.list.iter_mut().filter(|file| file.decoder.is_waiting() && file.unread() == 0) {
            match REST.checked_sub(file.last_growth.elapsed()) {
                Some(rest) if !file.is_gone => round.due = Some(round.due.map_or(rest, |due| due.min(rest))),
                _ => {
                    file.decoder.flush(&mut counted);
                    round.has_read = true;
                }
            }
        }
        self.totals.events += events;
        self.totals.not_understood +=
            self.files.list.iter_mut().map(|file| file.decoder.take_not_understood()).sum::<u64>();
        if !round.is_behind {
            self.files.forget();
        }
        round
    }

    /// Reads one file to its end. An open file is tried even if it did not seem to grow: a newer one is read after it.
    fn read(&mut self, at: usize, left: &mut usize, each: &mut dyn FnMut(&Line<'_>)) -> std::io::Result<bool> {
        let file = &self.files.list[at];
        let is_unread = file.unread() > 0 || file.is_open();
        if !is_unread || file.is_copy {
            return Ok(false);
        }
        if file.read == 0 && self.files.is_copy(at)? {
            self.files.list[at].is_copy = true;
            return Ok(true);
        }
        let file = &mut self.files.list[at];
        let mut has_read = false;
        while *left > 0 {
            let most = self.buffer.len().min(*left);
            let count = file.read(&self.files.place.directory, &mut self.buffer[..most])?;
            if count == 0 {
                break;
            }
            has_read = true;
            *left -= count;
            self.totals.bytes += count as u64;
            file.decoder.feed(&self.buffer[..count], each);
        }
        Ok(has_read)
    }
}

#[cfg(test)]
mod tests;
