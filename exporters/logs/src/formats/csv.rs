//! Records of PostgreSQL's csvlog. A quoted column can contain newlines.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::line::{Field, Line};

/// The columns in their order; later releases add columns at the end.
const COLUMNS: [Option<Field>; 26] = [
    Some(Field::Timestamp),
    Some(Field::User),
    Some(Field::Datname),
    Some(Field::Pid),
    Some(Field::RemoteHost),
    Some(Field::SessionId),
    None,
    Some(Field::Command),
    None,
    None,
    None,
    Some(Field::Severity),
    Some(Field::Code),
    Some(Field::Message),
    Some(Field::Detail),
    Some(Field::Hint),
    Some(Field::InternalQuery),
    None,
    Some(Field::Context),
    Some(Field::Query),
    None,
    None,
    Some(Field::ApplicationName),
    Some(Field::BackendType),
    None,
    Some(Field::QueryId),
];
/// The columns before `application_name`, which every release has.
const FEWEST_COLUMNS: usize = 22;

/// Parses one record; `None` if it is not one of PostgreSQL.
pub fn parse(record: &str) -> Option<Line<'_>> {
    let mut line = Line::default();
    let mut rest = Some(record);
    let mut count = 0;
    while let Some(text) = rest {
        let (value, after) = column(text)?;
        if let Some(field) = COLUMNS.get(count).copied().flatten() {
            line.set(field, value);
        }
        count += 1;
        rest = after;
    }
    let host = line.get(Field::RemoteHost).and_then(|host| host.rsplit_once(':')).map(|(host, _)| host.to_owned());
    if let Some(host) = host {
        line.set(Field::RemoteHost, host);
    }
    (count >= FEWEST_COLUMNS && line.get(Field::Severity).is_some()).then_some(line)
}

/// The first column, and what is after its comma.
fn column(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = memchr(b',', text.as_bytes());
        return Some(match end {
            Some(end) => (Cow::Borrowed(&text[..end]), Some(&text[end + 1..])),
            None => (Cow::Borrowed(text), None),
        });
    };
    let bytes = quoted.as_bytes();
    let (mut at, mut has_quotes) = (0, false);
    let end = loop {
        let quote = at + memchr(b'"', &bytes[at..])?;
        if bytes.get(quote + 1) != Some(&b'"') {
            break quote;
        }
        has_quotes = true;
        at = quote + 2;
    };
    let value = &quoted[..end];
    let value = if has_quotes { Cow::Owned(value.replace("\"\"", "\"")) } else { Cow::Borrowed(value) };
    match bytes.get(end + 1) {
        None => Some((value, None)),
        Some(b',') => Some((value, Some(&quoted[end + 2..]))),
        Some(_) => None,
    }
}

/// Finds the ends of records in a stream of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Quotes {
    is_inside: bool,
    previous: u8,
    /// A quote was where none can be: a record was not written to its end, or is read from its middle.
    is_broken: bool,
}

impl Quotes {
    /// At the start of a record.
    pub const START: Self = Self { is_inside: false, previous: b'\n', is_broken: false };

    /// The number of bytes up to the end of the record, its newline included; `None` if it goes on after `bytes`.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(found) = memchr2(b'"', b'\n', &bytes[at..]) {
            let before = if found > 0 { bytes[at + found - 1] } else { self.previous };
            at += found + 1;
            if self.ends_at(bytes[at - 1], before) {
                *self = Self::START;
                return Some(at);
            }
            self.previous = bytes[at - 1];
        }
        self.previous = bytes.last().copied().unwrap_or(self.previous);
        None
    }

    fn ends_at(&mut self, byte: u8, before: u8) -> bool {
        if byte == b'\n' {
            return !self.is_inside || self.is_broken;
        }
        // Two quotes in a quoted text leave and enter it again.
        self.is_broken |= !self.is_inside && !matches!(before, b',' | b'\n' | b'"');
        self.is_inside = !self.is_inside;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = concat!(
        r#"2026-11-23 03:17:42.000 UTC,"app","shop",8,"10.0.0.1:5000",6742.8,1,"SELECT",2026-11-23 03:17:41 UTC,3/4,0,"#,
        "ERROR,42703,\"well, \"\"quoted\"\"\",,,,,,\"select\n 1\",8,,\"psql\",\"client backend\",,-77"
    );

    fn records(text: &str, chunk: usize) -> Vec<String> {
        let mut quotes = Quotes::START;
        let (mut found, mut open) = (Vec::new(), String::new());
        for mut bytes in text.as_bytes().chunks(chunk) {
            while let Some(end) = quotes.end(bytes) {
                open += str::from_utf8(&bytes[..end]).unwrap();
                found.push(std::mem::take(&mut open));
                bytes = &bytes[end..];
            }
            open += str::from_utf8(bytes).unwrap();
        }
        assert_eq!(open, "");
        found
    }

    #[test]
    fn reads_a_record_of_several_lines() {
        let line = parse(RECORD).unwrap();
        assert_eq!(line.get(Field::Message), Some("well, \"quoted\""));
        assert_eq!(line.get(Field::Query), Some("select\n 1"));
        assert_eq!(line.get(Field::RemoteHost), Some("10.0.0.1"));
        assert_eq!(line.get(Field::QueryId), Some("-77"));
        assert_eq!(parse("a,b"), None);
        assert_eq!(parse("\"a"), None);
    }

    #[test]
    fn splits_records_of_any_chunk() {
        let text = format!("{RECORD}\n{RECORD}\n\"\",\"\"\n");
        for chunk in 1..RECORD.len() {
            assert_eq!(records(&text, chunk), [format!("{RECORD}\n"), format!("{RECORD}\n"), "\"\",\"\"\n".to_owned()]);
        }
    }

    #[test]
    fn finds_the_next_record_after_one_that_is_cut() {
        let cut = RECORD.find("quoted").unwrap();
        let found = records(&format!("{}{RECORD}\n{RECORD}\n{RECORD}\n", &RECORD[..cut]), 7);
        assert_eq!(found.last().unwrap(), &format!("{RECORD}\n"));
        assert!(found.len() >= 3, "{found:?}");
    }
}
