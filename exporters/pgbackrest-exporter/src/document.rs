//! The JSON in an output of pgBackRest, read in pieces: a stanza or a backup that cannot be read costs only itself.
//!
//! Backups stay text until they are needed: as values of jq they take ten times the memory.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jaq_json::Val;
use jq::json::{string, text};
use serde_json::value::RawValue;

use crate::repair::repair;

/// How many lines that start with a bracket are tried, from the last one backward.
const MAX_CANDIDATES: usize = 16;

/// A stanza whose backups are still text.
pub(crate) struct Stanza<'a> {
    pub name: String,
    /// The stanza without `backup`.
    pub fields: Val,
    pub backups: Vec<&'a RawValue>,
}

/// Why an output has no JSON.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoDocument {
    #[error("no JSON in the output (no line starts with '[')")]
    Absent,
    #[error("invalid JSON: {0}")]
    Invalid(serde_json::Error),
}

/// A document of another format.
#[derive(Debug, thiserror::Error)]
#[error("unknown JSON format: expected an array of stanzas with names")]
pub(crate) struct UnknownFormat;

/// An output with JSON.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub before: &'a str,
    pub json: Cow<'a, str>,
    pub after: Cow<'a, str>,
}

/// Finds the JSON in an output: an array that begins at the start of a line, on one line or on many. Of several the last
/// counts.
pub(crate) fn find(output: &str) -> Result<Found<'_>, NoDocument> {
    let lines = output.rmatch_indices('[').map(|(at, _)| at).filter(|at| *at == 0 || output[..*at].ends_with('\n'));
    let mut last_error = None;
    for start in lines.take(MAX_CANDIDATES) {
        let (before, rest) = output.split_at(start);
        match array_length(rest) {
            Ok(length) => {
                let (json, after) = rest.split_at(length);
                return Ok(Found { before, json: json.into(), after: after.into() });
            }
            Err(error) => {
                let mut json = repair(rest);
                if let Ok(length) = array_length(&json) {
                    let after = json.split_off(length);
                    return Ok(Found { before, json: json.into(), after: after.into() });
                }
                last_error.get_or_insert(error);
            }
        }
    }
    Err(last_error.map_or(NoDocument::Absent, NoDocument::Invalid))
}

/// The length of the array at the start of the text, which has to end its line.
fn array_length(text: &str) -> Result<usize, serde_json::Error> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    if let Some(Err(error)) = values.next() {
        return Err(error);
    }
    let length = values.byte_offset();
    let rest_of_line = text[length..].lines().next().unwrap_or_default();
    // The error for characters after a value.
    serde_json::from_str::<&RawValue>(&format!("[]{rest_of_line}"))?;
    Ok(length)
}

/// The stanzas of a document, and how many of its elements are none.
pub(crate) fn stanzas(document: &str) -> Result<(Vec<Stanza<'_>>, usize), UnknownFormat> {
    let elements = elements(document);
    let stanzas: Vec<_> = elements.iter().filter_map(|element| stanza(element)).collect();
    let unreadable = elements.len() - stanzas.len();
    if stanzas.is_empty() && unreadable > 0 { Err(UnknownFormat) } else { Ok((stanzas, unreadable)) }
}

fn stanza<'a>(element: &'a RawValue) -> Option<Stanza<'a>> {
    let mut members: BTreeMap<String, &'a RawValue> = serde_json::from_str(element.get()).ok()?;
    let backups = members.remove("backup").map(|list| elements(list.get())).unwrap_or_default();
    let fields = members.into_iter().filter_map(|(name, raw)| Some((string(&name), value(raw)?))).collect();
    let fields = Val::obj(fields);
    Some(Stanza { name: text(&fields, "name")?, fields, backups })
}

/// The elements of an array; none for any other value.
fn elements(text: &str) -> Vec<&RawValue> {
    serde_json::from_str(text).unwrap_or_default()
}

/// A value of jq; `None` if it is nested too deeply.
pub(crate) fn value(raw: &RawValue) -> Option<Val> {
    // serde_json limits the nesting; a few megabytes of brackets would exhaust the stack otherwise.
    serde_json::from_str(raw.get()).or_else(|_| serde_json::from_str(&repair(raw.get()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_last_array_on_one_line_or_many() {
        for (output, expected) in [
            ("P00   WARN: x\n[1]\n[{\"name\":\"a\"}]\n", "[{\"name\":\"a\"}]"),
            ("WARN: x\n[\n  {\n    \"name\": \"a\"\n  }\n]\nWARN: y\n", "[\n  {\n    \"name\": \"a\"\n  }\n]"),
            ("[\r\n\t{}\r\n]\r\n", "[\r\n\t{}\r\n]"),
            ("[{\"name\":\"a\"}]\n[note] not JSON\n[1] x\n", "[{\"name\":\"a\"}]"),
            ("[]", "[]"),
        ] {
            assert_eq!(find(output).unwrap().json, expected, "{output}");
        }
    }

    #[test]
    fn repairs_array_and_keeps_what_is_around_it() {
        let found = find("WARN: x\n[\"a\x01\"]\nWARN: y\n").unwrap();
        assert_eq!((found.before, &*found.json, &*found.after), ("WARN: x\n", "[\"a\u{fffd}\"]", "\nWARN: y\n"));
    }

    #[test]
    fn rejects_other_output() {
        let deep = "[".repeat(1_000_000);
        for output in ["", "hello\n", " [1]\n", "[{]\n", &deep, "[\u{0}]", "[1", "[1]x"] {
            assert!(find(output).is_err(), "{output:.9}");
        }
    }

    #[test]
    fn element_that_is_no_stanza_costs_itself() {
        let (stanzas, unreadable) =
            stanzas(r#"[1,{"name":2},{"name":"a","x":1e999,"backup":[{"b":1},[]]},[]]"#).unwrap();
        assert_eq!((stanzas.len(), unreadable), (1, 3));
        assert_eq!((&*stanzas[0].name, stanzas[0].backups.len()), ("a", 2));
    }

    #[test]
    fn value_that_is_nested_too_deeply_is_left_out() {
        let deep = format!("[{{\"name\":\"a\",\"x\":{}{}}}]", "[".repeat(100_000), "]".repeat(100_000));
        let (stanzas, _) = stanzas(&deep).unwrap();
        assert_eq!(stanzas[0].fields.to_string(), r#"{"name":"a"}"#);
    }
}
