//! The kept part of a line that is read in pieces: its texts are cut, so that a line of any length needs bounded memory.

use crate::line::MAX_TEXT;

/// The most bytes that are kept of one line.
const MAX_LINE: usize = 1024 * 1024;
/// A little more than a field keeps: the last character can be cut.
const MAX_KEPT: usize = MAX_TEXT + 8;

/// The byte after a backslash; `u` has four digits to follow.
const AFTER_BACKSLASH: u8 = 5;

/// How texts are delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// JSON strings.
    Json,
    /// Quoted columns.
    Csv,
    /// The whole line is one text.
    Plain,
}

/// A line of which not all bytes are kept.
#[derive(Debug, Clone)]
pub struct Shortened {
    texts: Texts,
    kept: Vec<u8>,
    /// Bytes of the line so far, with those that are not kept.
    bytes: u64,
    /// Length of the text at whose end the line is, escape sequences as one; `None` outside of a text.
    text: Option<usize>,
    /// Bytes that are left of an escape sequence, or [`AFTER_BACKSLASH`].
    escape: u8,
}

impl Shortened {
    /// An empty line.
    pub fn new(texts: Texts) -> Self {
        Self { texts, kept: Vec::new(), bytes: 0, text: None, escape: 0 }
    }

    /// Appends bytes, without the rest of texts that are too long.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if self.texts == Texts::Plain {
            let room = MAX_KEPT.saturating_sub(self.kept.len());
            self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return;
        }
        for &byte in bytes {
            if self.keeps(byte) && self.kept.len() < MAX_LINE {
                self.kept.push(byte);
            }
        }
    }

    /// What is kept.
    pub fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Bytes of the line so far, with those that are not kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Starts the next line. Memory of a long line is given back.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.kept.shrink_to(MAX_TEXT);
        *self = Self { kept: std::mem::take(&mut self.kept), ..Self::new(self.texts) };
    }

    fn keeps(&mut self, byte: u8) -> bool {
        let Some(length) = &mut self.text else {
            self.text = (byte == b'"').then_some(0);
            return true;
        };
        if self.escape == 0 && byte == b'"' {
            self.text = None;
            return true;
        }
        // An escape sequence is kept or left out as a whole.
        let is_inside_escape = self.escape > 0;
        self.escape = match (self.escape, byte) {
            (0, b'\\') if self.texts == Texts::Json => AFTER_BACKSLASH,
            (0, _) => 0,
            (AFTER_BACKSLASH, b'u') => AFTER_BACKSLASH - 1,
            (AFTER_BACKSLASH, _) => 0,
            (left, _) => left - 1,
        };
        if !is_inside_escape || *length > MAX_KEPT {
            *length += 1;
        }
        *length <= MAX_KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(texts: Texts, parts: &[&str]) -> String {
        let mut line = Shortened::new(texts);
        for part in parts {
            line.push(part.as_bytes());
        }
        assert_eq!(line.bytes(), parts.iter().map(|part| part.len() as u64).sum::<u64>());
        String::from_utf8(line.kept().to_vec()).unwrap()
    }

    #[test]
    fn keeps_short_lines_as_they_are() {
        for texts in [Texts::Json, Texts::Csv, Texts::Plain] {
            assert_eq!(kept(texts, &[r#"{"a":"b\"#, r#""c","d":1}"#]), r#"{"a":"b\"c","d":1}"#);
        }
    }

    #[test]
    fn keeps_what_follows_a_long_text() {
        let long = "x".repeat(10 * 1024 * 1024);
        let line = kept(Texts::Json, &[r#"{"statement":""#, &long, r#"","query_id":7}"#]);
        assert_eq!(line.len(), MAX_KEPT + r#"{"statement":"","query_id":7}"#.len());
        assert!(line.ends_with(r#"x","query_id":7}"#));
        let record = kept(Texts::Csv, &["a,\"", &long, "\"\"", &long, "\",b"]);
        assert!(record.ends_with("\",b"));
        assert!(record.len() < 2 * MAX_KEPT + 20);
        assert_eq!(kept(Texts::Plain, &[&long]).len(), MAX_KEPT);
    }

    #[test]
    fn cuts_no_escape_sequence() {
        for escape in [r"\u00e9", r"\\", r#"\""#] {
            for start in 0..8 {
                let text = format!("{}{}", "x".repeat(start), escape.repeat(MAX_TEXT));
                let line = kept(Texts::Json, &[r#"{"a":""#, &text, r#"","b":"c"}"#]);
                let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert_eq!(parsed["b"], "c");
            }
        }
    }
}
