//! The bytes of one file to its events.

use memchr::memchr;

use crate::formats::csv::Quotes;
use crate::formats::events::{Kind, OpenEvent};
use crate::formats::format::Format;
use crate::formats::shortened::Shortened;
use crate::line::Line;

/// Decodes the bytes of one file, which come in pieces of any size. Memory is bounded, whatever they are.
#[derive(Debug)]
pub struct Decoder {
    format: Format,
    file_name: String,
    quotes: Quotes,
    /// The line that has no end yet.
    open_line: Shortened,
    /// The event that may go on.
    open_event: OpenEvent,
    /// An event was complete because nothing followed; what continues it now is part of it.
    is_event_handed_on: bool,
    not_understood: u64,
}

impl Decoder {
    /// Starts at the beginning of a line of a file.
    pub fn new(format: Format, file_name: &str) -> Self {
        Self {
            open_line: Shortened::new(format.texts()),
            open_event: OpenEvent::default(),
            quotes: Quotes::START,
            is_event_handed_on: true,
            not_understood: 0,
            file_name: file_name.to_owned(),
            format,
        }
    }

    /// Decodes the next bytes of the file, and hands on each event that is complete.
    pub fn feed(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&Line<'_>)) {
        while let Some(end) = self.line_end(bytes) {
            let (line, rest) = bytes.split_at(end);
            if self.open_line.is_empty() {
                self.line(without_newline(line), end as u64, each);
            } else {
                let mut open = std::mem::replace(&mut self.open_line, Shortened::new(self.format.texts()));
                open.push(line);
                self.line(without_newline(open.kept()), open.bytes(), each);
                open.clear();
                self.open_line = open;
            }
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.open_line.push(bytes);
        }
    }

    /// Hands on the event that could go on, because nothing was written after it for a while.
    pub fn flush(&mut self, each: &mut dyn FnMut(&Line<'_>)) {
        self.end_event(each);
        self.is_event_handed_on = true;
    }

    /// Whether [`Decoder::flush`] has something to hand on.
    pub fn is_waiting(&self) -> bool {
        !self.open_event.is_empty()
    }

    /// Bytes at the end of those fed that belong to no event that was handed on: a restart has to read them again.
    pub fn pending(&self) -> u64 {
        self.open_event.bytes() + self.open_line.bytes()
    }

    /// Lines that could not be parsed, since the last call.
    pub fn take_not_understood(&mut self) -> u64 {
        std::mem::take(&mut self.not_understood)
    }

    fn line_end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.format {
            Format::Csv => self.quotes.end(bytes),
            _ => memchr(b'\n', bytes).map(|at| at + 1),
        }
    }

    fn line(&mut self, line: &[u8], bytes: u64, each: &mut dyn FnMut(&Line<'_>)) {
        if self.format.is_one_record() {
            if !line.is_empty() {
                self.event(line, each);
            }
            return;
        }
        match self.format.kind(&String::from_utf8_lossy(line)) {
            Kind::Starts => {
                self.end_event(each);
                self.is_event_handed_on = false;
                self.open_event.push(line, bytes);
            }
            Kind::Continues if !self.open_event.is_empty() => self.open_event.push(line, bytes),
            Kind::Continues if self.is_event_handed_on => {}
            Kind::Continues | Kind::Other => {
                self.end_event(each);
                self.not_understood += 1;
            }
            Kind::Nothing => self.end_event(each),
        }
    }

    fn end_event(&mut self, each: &mut dyn FnMut(&Line<'_>)) {
        if !self.open_event.is_empty() {
            let mut event = std::mem::take(&mut self.open_event);
            self.event(event.kept(), each);
            event.clear();
            self.open_event = event;
        }
    }

    fn event(&mut self, event: &[u8], each: &mut dyn FnMut(&Line<'_>)) {
        match self.format.parse(&String::from_utf8_lossy(event), &self.file_name) {
            Some(line) => each(&line),
            None => self.not_understood += 1,
        }
    }
}

fn without_newline(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Field, MAX_TEXT};

    /// The messages, with the fields that are asked for; fed in pieces of each size.
    fn decoded(format: &Format, text: &[u8], field: Field) -> (Vec<String>, u64) {
        let mut results = Vec::new();
        for size in [1, 7, 4096, text.len().max(1)] {
            let mut decoder = Decoder::new(format.clone(), "main-backup.log");
            let mut found = Vec::new();
            let mut each = |line: &Line<'_>| found.push(line.get(field).unwrap_or_default().to_owned());
            for piece in text.chunks(size) {
                decoder.feed(piece, &mut each);
            }
            decoder.flush(&mut each);
            assert_eq!(decoder.pending(), 0);
            results.push((found, decoder.take_not_understood()));
        }
        assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
        results.remove(0)
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn decodes_json_with_broken_lines_between() {
        let text = b"{\"message\":\"a\"}\n\nnot json\n{\"message\":\"\xff\"}\r\n{\"message\":\"b\"}\n";
        assert_eq!(decoded(&Format::Json, text, Field::Message), (texts(&["a", "\u{fffd}", "b"]), 1));
    }

    #[test]
    fn decodes_stderr_events_among_other_output() {
        let format = Format::stderr("[%p] ").unwrap();
        let text = b"[1] LOG:  a\n\tb\n[1] STATEMENT:  select\ncp: cannot stat\n[2] ERROR:  c\n";
        assert_eq!(decoded(&format, text, Field::Message), (texts(&["a\nb", "c"]), 1));
        assert_eq!(decoded(&format, text, Field::Query).0, ["select", ""]);
    }

    #[test]
    fn decodes_what_continues_an_event_after_it_was_handed_on() {
        let mut decoder = Decoder::new(Format::stderr("").unwrap(), "log");
        let mut found = 0;
        decoder.feed(b"STATEMENT:  of before\nLOG:  a\n", &mut |_| found += 1);
        assert!(decoder.is_waiting());
        decoder.flush(&mut |_| found += 1);
        decoder.feed(b"DETAIL:  late\nLOG:  b\n", &mut |_| found += 1);
        decoder.flush(&mut |_| found += 1);
        assert_eq!((found, decoder.take_not_understood()), (2, 0));
    }

    #[test]
    fn decodes_pgbackrest_and_patroni() {
        let text =
            "\n-------------------PROCESS START-------------------\n2026-11-23 03:17:42.001 P00   INFO: a\n    more\n";
        assert_eq!(decoded(&Format::pgbackrest(), text.as_bytes(), Field::Stanza), (texts(&["main"]), 0));
        let text = "2026-11-23 03:17:41,658 ERROR: a\nTraceback\n  File\n2026-11-23 03:17:42,658 INFO: b\n";
        assert_eq!(decoded(&Format::patroni(), text.as_bytes(), Field::Severity), (texts(&["ERROR", "INFO"]), 0));
    }

    #[test]
    fn skips_the_rest_of_a_statement_of_ten_megabytes() {
        let long = "x".repeat(10 * 1024 * 1024);
        let mut decoder = Decoder::new(Format::Json, "log");
        let line = format!("{{\"message\":\"a\",\"statement\":\"{long}\",\"query_id\":7}}\n");
        let mut found = Vec::new();
        for piece in line.as_bytes().chunks(64 * 1024) {
            decoder.feed(piece, &mut |line| {
                found.push((line.get(Field::Query).unwrap().len(), line.get(Field::QueryId).unwrap().to_owned()));
            });
            assert!(decoder.open_line.kept().len() < 2 * MAX_TEXT);
        }
        assert_eq!(found, [(MAX_TEXT, "7".to_owned())]);
        let format = Format::stderr("").unwrap();
        let text = format!("LOG:  a\nSTATEMENT:  {long}\nLOG:  b\n");
        let mut lengths = Vec::new();
        let mut decoder = Decoder::new(format, "log");
        let mut each = |line: &Line<'_>| lengths.push(line.get(Field::Query).map(str::len));
        text.as_bytes().chunks(64 * 1024).for_each(|piece| decoder.feed(piece, &mut each));
        decoder.flush(&mut each);
        assert_eq!(lengths.len(), 2);
        assert!(lengths[0].unwrap() <= MAX_TEXT && lengths[1].is_none());
    }

    #[test]
    fn keeps_the_bytes_of_an_open_line_pending() {
        let mut decoder = Decoder::new(Format::Json, "log");
        decoder.feed(b"{\"message\":\"a\"}\n{\"mess", &mut |_| {});
        assert_eq!(decoder.pending(), 6);
        decoder.feed(b"age\":\"b\"}\n", &mut |_| {});
        assert_eq!(decoder.pending(), 0);
    }
}
