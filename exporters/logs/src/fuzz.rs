//! A check for the target in `fuzz/`: any bytes of a log are decoded the same in pieces of any size.

use std::sync::OnceLock;

use crate::formats::{Decoder, Format};
use crate::line::{Field, Line, MAX_TEXT};

/// Each format decodes the bytes without a panic, to the same events whole and in pieces.
///
/// # Panics
/// It does not.
pub fn log_file(input: &[u8]) {
    static FORMATS: OnceLock<Vec<Format>> = OnceLock::new();
    for format in FORMATS.get_or_init(formats) {
        let whole = decoded(format, input, input.len().max(1));
        assert_eq!(whole, decoded(format, input, 5), "{format:?}");
    }
}

fn formats() -> Vec<Format> {
    let prefixes = ["", "%m [%p] ", "%t [%p]: user=%u,db=%d,app=%a,client=%h ", "%m [%-6p] %q%u@%d %Q "];
    let others = [Format::Json, Format::Csv, Format::patroni(), Format::pgbouncer(), Format::pgbackrest()];
    prefixes.iter().filter_map(|prefix| Format::stderr(prefix)).chain(others).collect()
}

fn decoded(format: &Format, input: &[u8], size: usize) -> (Vec<String>, u64) {
    let mut decoder = Decoder::new(format.clone(), "main-backup.log");
    let mut found = Vec::new();
    let mut each = |line: &Line<'_>| {
        assert!(Field::ALL.iter().all(|field| line.get(*field).is_none_or(|text| text.len() <= MAX_TEXT)));
        found.push(format!("{line:?}"));
    };
    for piece in input.chunks(size) {
        decoder.feed(piece, &mut each);
    }
    decoder.flush(&mut each);
    assert!(decoder.pending() <= input.len() as u64);
    (found, decoder.take_not_understood())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_files() {
        replay::replay("log_file", 300, log_file);
    }
}
