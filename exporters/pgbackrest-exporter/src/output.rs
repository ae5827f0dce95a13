//! What pgBackRest printed: the document, warnings, errors.
//!
//! The JSON is one line. Up to 2.52 warnings and errors go to standard error; from 2.53 on they may stand on standard
//! output, warnings in front of the JSON, and no option keeps them away. So the document is the last line that begins
//! with `[`, and every line with a level is an error or a warning. They may quote the configuration: only
//! [`sentences`] of a known form are passed on, and no line of any other kind is.

use engine::Reason;

use jaq_json::Val;

use crate::command::Output;
use crate::sentences::{self, LEFT_OUT};

/// The longest text that becomes the value of a label.
const LONGEST_TEXT: usize = 300;

/// More lines than this are no warnings but something else.
const MOST_LINES: usize = 100;

/// Why an output is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("exit code {code}: {text}")]
    Exit { code: i32, text: String },
    #[error("ended by signal {signal}: {text}")]
    Signal { signal: i32, text: String },
    #[error("printed no JSON: no line begins with [: {text}")]
    NoJson { text: String },
    #[error("the JSON cannot be read: {source}; {text}")]
    Json { source: serde_json::Error, text: String },
}

impl OutputError {
    /// One short stable word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Exit { .. } => Reason::Exit,
            Self::Signal { .. } => Reason::Signal,
            Self::NoJson { .. } | Self::Json { .. } => Reason::Json,
        }
    }
}

/// A document and what was said beside it.
#[derive(Debug)]
pub(crate) struct Document {
    pub value: Val,
    pub bytes: usize,
    pub warnings: Vec<String>,
}

/// Finds and reads the document.
pub(crate) fn document(output: &Output) -> Result<Document, OutputError> {
    use std::os::unix::process::ExitStatusExt;
    let text = || said(output).first().cloned().unwrap_or_else(|| unsaid(output).to_owned());
    match (output.status.code(), output.status.signal()) {
        (Some(0), _) => {}
        (Some(code), _) => return Err(OutputError::Exit { code, text: text() }),
        (None, signal) => return Err(OutputError::Signal { signal: signal.unwrap_or_default(), text: text() }),
    }
    let line = output.stdout.rsplit(|byte| *byte == b'\n').find(|line| line.starts_with(b"["));
    let line = line.ok_or_else(|| OutputError::NoJson { text: text() })?;
    // This reader has a limit for nested brackets; a few megabytes of them would exhaust the stack otherwise.
    let value = serde_json::from_slice(line).or_else(|_| serde_json::from_str(&legible(line)));
    let value = value.map_err(|source| OutputError::Json { source, text: text() })?;
    Ok(Document { value: sentences::document(value), bytes: line.len(), warnings: said(output) })
}

/// The line with U+FFFD for each control character, as for each byte that is no UTF-8. pgBackRest puts them into texts
/// as they are, as when a file was decrypted with the wrong pass and an error quotes what came out.
fn legible(line: &[u8]) -> String {
    let is_bad = |c: char| c < ' ';
    String::from_utf8_lossy(line).replace(is_bad, "\u{fffd}")
}

/// Instead of errors, where there are none.
fn unsaid(output: &Output) -> &'static str {
    let is_blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
    if is_blank(&output.stderr) && is_blank(&output.stdout) { "nothing was said" } else { LEFT_OUT }
}

/// Errors and warnings, errors first, without the time and process that log lines begin with and without what they quote.
pub(crate) fn said(output: &Output) -> Vec<String> {
    let lines = [&output.stderr, &output.stdout].into_iter().flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
    let lines = lines.filter(|line| !line.starts_with(b"[")).map(String::from_utf8_lossy);
    let mut said: Vec<String> = Vec::new();
    for line in lines {
        let Some(text) = sentences::line(without_prefix(line.trim())) else { continue };
        let has_room = said.len() < if text.starts_with("ERROR") { 2 * MOST_LINES } else { MOST_LINES };
        if has_room && !said.contains(&text) {
            said.push(text);
        }
    }
    said.sort_by_key(|text| !text.starts_with("ERROR"));
    said
}

/// `2026-11-24 08:37:12.505 P00  ERROR: [031]: text` begins with its level here.
fn without_prefix(line: &str) -> &str {
    let level = ["ERROR:", "WARN:"].iter().filter_map(|level| line.find(level)).min();
    &line[level.unwrap_or_default()..]
}

/// One line, of a length that a label may have.
pub(crate) fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        let status = ExitStatus::from_raw(code << 8);
        Output { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn the_document_is_the_last_line_that_begins_with_a_bracket() {
        let found = document(&output(
            0,
            "P00   WARN: configuration file contains invalid option 'x'\n[1]\n[{\"name\":\"a\"}]\n",
            "",
        ))
        .unwrap();
        assert_eq!(found.value.to_string(), r#"[{"name":"a"}]"#);
        assert_eq!(found.warnings, ["WARN: configuration file contains an invalid option"]);
    }

    #[test]
    fn numbers_of_64_bits_without_a_sign_keep_their_digits() {
        let found = document(&output(0, r#"[{"system-id":18446744073709551615}]"#, "")).unwrap();
        assert_eq!(found.value.to_string(), r#"[{"system-id":18446744073709551615}]"#);
    }

    #[test]
    fn control_characters_and_broken_characters_in_texts_cost_no_document() {
        let mut found = output(0, "", "");
        found.stdout = b"[{\"message\":\"quoted: \x01\xff\t.\"}]\n".to_vec();
        let found = document(&found).unwrap();
        assert_eq!(found.value.to_string(), "[{\"message\":\"quoted: \u{fffd}\u{fffd}\u{fffd}.\"}]");
    }

    #[test]
    fn an_error_is_told_wherever_it_was_printed() {
        let line = "2026-11-24 08:37:12.505 P00  ERROR: [055]: unable to open missing file '/x' for read\n";
        for (stdout, stderr) in [(line, ""), ("", line)] {
            let error = document(&output(55, stdout, stderr)).unwrap_err();
            assert_eq!(error.to_string(), "exit code 55: ERROR: [055]: unable to open missing file for read");
        }
    }

    #[test]
    fn what_is_no_document_is_an_error_not_a_panic() {
        let deep = "[".repeat(1_000_000);
        for (stdout, reason) in
            [("", "json"), ("hello\n", "json"), ("[{]\n", "json"), (&*deep, "json"), ("[\u{0}]", "json")]
        {
            assert_eq!(document(&output(0, stdout, "")).unwrap_err().reason().as_str(), reason);
        }
        assert!(document(&Output { status: ExitStatus::from_raw(9), stdout: vec![], stderr: vec![0xff] }).is_err());
    }

    #[test]
    fn an_error_is_found_in_any_number_of_other_lines() {
        let garbage: String = (0..300_000).map(|n| format!("{n}\n")).collect();
        let warnings: String = (0..300).map(|n| format!("WARN: {n}\n")).collect();
        let said = said(&output(1, &(garbage + &warnings + "P00  ERROR: [031]: no command found\n"), ""));
        assert_eq!(said, ["ERROR: [031]: no command found".to_owned(), format!("WARN: {LEFT_OUT}")]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short(&"ü".repeat(301)), "ü".repeat(300) + "…");
        assert_eq!(short(" a\n  b "), "a b");
    }
}
