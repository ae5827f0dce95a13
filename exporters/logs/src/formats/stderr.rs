//! PostgreSQL's log of destination `stderr`: an event is a line, its continuations, and lines such as DETAIL and STATEMENT.

use std::borrow::Cow;

use crate::formats::events::Kind;
use crate::formats::prefix::LinePrefix;
use crate::line::{Field, Line};
use crate::severity::Severity;

/// What a line is.
pub fn kind(prefix: &LinePrefix, line: &str) -> Kind {
    if line.starts_with('\t') {
        return Kind::Continues;
    }
    match prefix.split(line).map(|found| found.severity) {
        Some(Severity::Message(_)) => Kind::Starts,
        Some(Severity::Part(_)) => Kind::Continues,
        None => Kind::Other,
    }
}

/// Parses the lines of one event.
pub fn parse<'a>(prefix: &LinePrefix, event: &'a str) -> Option<Line<'a>> {
    let mut line = Line::default();
    let mut rest = event;
    let mut is_first = true;
    while !rest.is_empty() {
        let (text, after) = part(rest);
        let found = prefix.split(text);
        match found {
            Some(found) => match found.severity {
                Severity::Message(severity) if is_first => {
                    prefix.set_fields(&found.captures, &mut line);
                    line.set(Field::Severity, severity);
                    let message = without_code(found.text, &mut line);
                    line.set(Field::Message, joined(message));
                }
                Severity::Part(Some(field)) => line.set(field, joined(found.text)),
                Severity::Message(_) | Severity::Part(None) => {}
            },
            None if is_first => return None,
            None => {}
        }
        is_first = false;
        rest = after;
    }
    (!is_first).then_some(line)
}

/// The first line with its continuations, and what follows.
fn part(text: &str) -> (&str, &str) {
    let mut end = 0;
    loop {
        end = memchr::memchr(b'\n', &text.as_bytes()[end..]).map_or(text.len(), |at| end + at + 1);
        if !text[end..].starts_with('\t') {
            let (part, rest) = text.split_at(end);
            return (part.strip_suffix('\n').unwrap_or(part), rest);
        }
    }
}

/// Takes the SQLSTATE from a message of `log_error_verbosity = verbose`.
fn without_code<'a>(text: &'a str, line: &mut Line<'a>) -> &'a str {
    let is_code =
        |code: &&str| code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    match text.split_once(": ").filter(|(code, _)| is_code(code)) {
        Some((code, message)) => {
            line.set(Field::Code, code);
            message
        }
        None => text,
    }
}

/// The text without the tabs of its continuation lines.
fn joined(text: &str) -> Cow<'_, str> {
    if text.contains("\n\t") { Cow::Owned(text.replace("\n\t", "\n")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_the_lines_of_an_event() {
        let prefix = LinePrefix::new("%m [%p] %q%u@%d ").unwrap();
        let event = concat!(
            "2026-11-30 18:00:00.123 UTC [7] bob@shop ERROR:  42703: column \"a\" does not exist\n",
            "2026-11-30 18:00:00.123 UTC [7] bob@shop DETAIL:  none\n",
            "2026-11-30 18:00:00.123 UTC [7] bob@shop LOCATION:  errorMissingColumn, parse_relation.c:1\n",
            "2026-11-30 18:00:00.123 UTC [7] bob@shop STATEMENT:  select a\n\tfrom b\n\n",
        );
        let line = parse(&prefix, event).unwrap();
        assert_eq!(line.get(Field::Severity), Some("ERROR"));
        assert_eq!(line.get(Field::Code), Some("42703"));
        assert_eq!(line.get(Field::Message), Some("column \"a\" does not exist"));
        assert_eq!(line.get(Field::Detail), Some("none"));
        assert_eq!(line.get(Field::Query), Some("select a\nfrom b"));
        assert_eq!(line.get(Field::Datname), Some("shop"));
        assert_eq!(parse(&prefix, "cp: cannot stat\n"), None);
    }

    #[test]
    fn tells_starts_from_continuations() {
        let prefix = LinePrefix::new("").unwrap();
        assert_eq!(kind(&prefix, "LOG:  a"), Kind::Starts);
        assert_eq!(kind(&prefix, "TIPP:  a"), Kind::Continues);
        assert_eq!(kind(&prefix, "\ta"), Kind::Continues);
        assert_eq!(kind(&prefix, "a"), Kind::Other);
    }
}
