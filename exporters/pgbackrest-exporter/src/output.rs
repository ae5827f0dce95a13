//! Reads the output of pgBackRest: the document, warnings, errors.
//!
//! Up to 2.52, warnings and errors go to standard error; from 2.53 on they may be on standard output, warnings before the
//! JSON, and no option prevents that. So the document is the last array that begins a line, and every line with a level
//! before or after it is an error or a warning. They may quote the configuration, so they are [redacted](crate::redact).

use std::borrow::Cow;
use std::os::unix::process::ExitStatusExt;

use engine::Reason;

use crate::command::ProcessOutput;
use crate::document::{Found, NoDocument, find};
use crate::redact::{self, OMITTED};

/// The maximum number of warnings; more lines are something else.
const MAX_WARNINGS: usize = 100;

/// Why an output contains no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("exit code {code}: {text}")]
    Exit { code: i32, text: String },
    #[error("terminated by signal {signal}: {text}")]
    Signal { signal: i32, text: String },
    #[error("{source}: {text}")]
    Json { source: NoDocument, text: String },
}

impl OutputError {
    /// The reason for metrics.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Exit { .. } => Reason::Exit,
            Self::Signal { .. } => Reason::Signal,
            Self::Json { .. } => Reason::Json,
        }
    }
}

/// A document as text, and the warnings that were printed with it.
#[derive(Debug)]
pub(crate) struct Document {
    pub json: String,
    pub warnings: Vec<String>,
}

/// Why a run failed, from what it printed.
pub(crate) fn failure(output: ProcessOutput) -> OutputError {
    let [stdout, stderr] = [output.stdout, output.stderr].map(into_text);
    let text = message(&stdout, &stderr);
    match (output.status.code(), output.status.signal()) {
        (Some(code), _) => OutputError::Exit { code, text },
        (None, signal) => OutputError::Signal { signal: signal.unwrap_or_default(), text },
    }
}

/// Finds the document.
pub(crate) fn document(output: ProcessOutput) -> Result<Document, OutputError> {
    if !output.status.success() {
        return Err(failure(output));
    }
    let [stdout, stderr] = [output.stdout, output.stderr].map(into_text);
    let text = || message(&stdout, &stderr);
    let Found { before, json, after } = find(&stdout).map_err(|source| OutputError::Json { source, text: text() })?;
    let warnings = messages([&stderr, before, &after]);
    let (start, length) = (before.len(), json.len());
    let json = match json {
        Cow::Owned(repaired) => repaired,
        Cow::Borrowed(_) => cut(stdout, start, length),
    };
    Ok(Document { json, warnings })
}

/// A part of a text, in its memory.
fn cut(mut text: String, start: usize, length: usize) -> String {
    text.truncate(start + length);
    text.drain(..start);
    text.shrink_to_fit();
    text
}

/// The text, with U+FFFD for bytes that are not UTF-8.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The first error or warning.
fn message(stdout: &str, stderr: &str) -> String {
    let messages = messages([stderr, stdout]);
    messages.into_iter().next().unwrap_or_else(|| no_message(stdout, stderr).to_owned())
}

/// The text for an output without errors.
fn no_message(stdout: &str, stderr: &str) -> &'static str {
    if stdout.trim().is_empty() && stderr.trim().is_empty() { "no error message" } else { OMITTED }
}

/// Redacted errors and warnings, errors first, without the time and process at the start of log lines.
fn messages<const N: usize>(outputs: [&str; N]) -> Vec<String> {
    let lines = outputs.into_iter().flat_map(str::lines).filter(|line| !line.starts_with('['));
    let mut messages: Vec<String> = Vec::new();
    for line in lines {
        let Some(text) = redact::line(without_prefix(line.trim())) else { continue };
        let has_room = messages.len() < if text.starts_with("ERROR") { 2 * MAX_WARNINGS } else { MAX_WARNINGS };
        if has_room && !messages.contains(&text) {
            messages.push(text);
        }
    }
    messages.sort_by_key(|text| !text.starts_with("ERROR"));
    messages
}

/// Removes the start of `2026-11-24 08:37:12.505 P00  ERROR: [031]: text`, before the level.
fn without_prefix(line: &str) -> &str {
    let level = ["ERROR:", "WARN:"].iter().filter_map(|level| line.find(level)).min();
    &line[level.unwrap_or_default()..]
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;

    fn output(code: i32, stdout: &str, stderr: &str) -> ProcessOutput {
        let status = ExitStatus::from_raw(code << 8);
        ProcessOutput { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn finds_document_in_last_line_with_bracket() {
        let found = document(output(
            0,
            "P00   WARN: configuration file contains invalid option 'x'\n[1]\n[{\"name\":\"a\"}]\n",
            "",
        ))
        .unwrap();
        assert_eq!(found.json, r#"[{"name":"a"}]"#);
        assert_eq!(found.warnings, ["WARN: configuration file contains an invalid option"]);
    }

    #[test]
    fn keeps_digits_of_unsigned_64_bit_numbers() {
        let found = document(output(0, r#"[{"system-id":18446744073709551615}]"#, "")).unwrap();
        assert_eq!(found.json, r#"[{"system-id":18446744073709551615}]"#);
    }

    #[test]
    fn replaces_control_and_invalid_characters() {
        let mut found = output(0, "", "");
        found.stdout = b"[{\"message\":\"quoted: \x01\xff\t.\"}]\n".to_vec();
        let found = document(found).unwrap();
        assert_eq!(found.json, "[{\"message\":\"quoted: \u{fffd}\u{fffd}\u{fffd}.\"}]");
    }

    #[test]
    fn finds_error_on_either_output() {
        let line = "2026-11-24 08:37:12.505 P00  ERROR: [055]: unable to open missing file '/x' for read\n";
        for (stdout, stderr) in [(line, ""), ("", line)] {
            let error = document(output(55, stdout, stderr)).unwrap_err();
            assert_eq!(error.to_string(), "exit code 55: ERROR: [055]: unable to open missing file for read");
        }
    }

    #[test]
    fn rejects_other_output_without_panic() {
        let deep = "[".repeat(1_000_000);
        for (stdout, reason) in
            [("", "json"), ("hello\n", "json"), ("[{]\n", "json"), (&*deep, "json"), ("[\u{0}]", "json")]
        {
            assert_eq!(document(output(0, stdout, "")).unwrap_err().reason().as_str(), reason);
        }
        assert!(
            document(ProcessOutput { status: ExitStatus::from_raw(9), stdout: vec![], stderr: vec![0xff] }).is_err()
        );
    }

    #[test]
    fn finds_error_among_many_lines() {
        let garbage: String = (0..300_000).map(|n| format!("{n}\n")).collect();
        let warnings: String = (0..300).map(|n| format!("WARN: {n}\n")).collect();
        let messages = messages([&*(garbage + &warnings + "P00  ERROR: [031]: no command found\n")]);
        assert_eq!(messages, ["ERROR: [031]: no command found".to_owned(), format!("WARN: {OMITTED}")]);
    }
}
