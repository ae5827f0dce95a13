//! Events of several lines: what is read so far of the one that may go on.

use crate::line::MAX_TEXT;

/// The most bytes that are kept of an event.
const MAX_EVENT: usize = 4 * MAX_TEXT;

/// What a line is to the events around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first of an event.
    Starts,
    /// It belongs to the event before.
    Continues,
    /// Neither: text of another program.
    Other,
    /// A separator, which says nothing.
    Nothing,
}

/// The lines of the event that is being read.
#[derive(Debug, Clone, Default)]
pub struct OpenEvent {
    kept: Vec<u8>,
    bytes: u64,
}

impl OpenEvent {
    /// Starts an event, or continues it; `bytes` is what the line takes in its file.
    pub fn push(&mut self, line: &[u8], bytes: u64) {
        self.bytes += bytes;
        let room = MAX_EVENT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&line[..line.len().min(room)]);
        self.kept.push(b'\n');
    }

    /// What is kept.
    pub fn kept(&self) -> &[u8] {
        self.kept.strip_suffix(b"\n").unwrap_or(&self.kept)
    }

    /// Bytes of its lines in their file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Forgets the event.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.kept.shrink_to(MAX_TEXT);
        self.bytes = 0;
    }
}
