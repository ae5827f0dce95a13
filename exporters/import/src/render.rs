//! Collectors as YAML, in the form of the shipped ones.

use crate::collector::{CollectorDraft, ColumnDraft, ColumnUsage, RowSource};

/// The text of a file.
pub(crate) fn file(about: &str, collectors: &[CollectorDraft], search_path: &[String]) -> String {
    let mut text = format!("# {about}\n");
    for collector in collectors {
        write_collector(&mut text, collector, search_path);
    }
    text
}

fn write_collector(text: &mut String, collector: &CollectorDraft, search_path: &[String]) {
    let CollectorDraft { key, prefix, description, ask, predicate, tags, ttl, timeout, versions, skip, columns } =
        collector;
    text.push_str(&format!("{}:\n", scalar(key)));
    let mut entry = |key: &str, value: String| text.push_str(&format!("  {key}: {value}\n"));
    if prefix != key {
        entry("name", scalar(prefix));
    }
    if !description.is_empty() {
        entry("desc", scalar(description));
    }
    match ask {
        RowSource::Statement(sql) => entry("query", block(sql, 4)),
        RowSource::From(sql) => entry("from", block(sql, 4)),
        RowSource::QueryOf(other) => entry("query_of", scalar(other)),
    }
    if let Some(query) = predicate {
        entry("predicate_queries", format!("[{{ predicate_query: {} }}]", quoted(query.trim())));
    }
    // A collector with query_of takes all of this from the other one.
    if !matches!(ask, RowSource::QueryOf(_)) {
        for (key, list) in [("search_path", search_path), ("tags", tags)] {
            if !list.is_empty() {
                entry(key, format!("[{}]", list.iter().map(|item| flow(item)).collect::<Vec<_>>().join(", ")));
            }
        }
        if *ttl > 0 {
            entry("ttl", ttl.to_string());
        }
        entry("timeout", timeout.to_string());
        for (key, bound) in [("min_version", versions.min), ("max_version", versions.max)] {
            if let Some(bound) = bound {
                entry(key, bound.to_string());
            }
        }
    }
    if *skip {
        entry("skip", "true".to_owned());
    }
    text.push_str("  metrics:\n");
    for column in columns {
        write_column(text, column);
    }
}

fn write_column(text: &mut String, column: &ColumnDraft) {
    text.push_str(&format!("    - {}:\n", scalar(&column.name)));
    let mut entry = |key: &str, value: String| text.push_str(&format!("        {key}: {value}\n"));
    entry("usage", column.usage.word().to_owned());
    if let Some(rename) = column.rename.as_ref().filter(|rename| **rename != column.name) {
        entry("rename", scalar(rename));
    }
    if let Some(expression) = column.expression.as_ref().filter(|_| column.usage != ColumnUsage::Discard) {
        entry("expr", block(expression, 10));
    }
    if !column.description.is_empty() {
        entry("description", scalar(&column.description));
    }
}

/// A text of several lines as a block that is indented by so many blanks, else a scalar.
fn block(text: &str, indent: usize) -> String {
    let text = text.trim();
    let is_plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    if !text.contains('\n') || !text.chars().all(is_plain) {
        return scalar(text);
    }
    let blanks = " ".repeat(indent);
    let lines = text.lines().map(|line| if line.trim().is_empty() { String::new() } else { format!("{blanks}{line}") });
    format!("|\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// A scalar: bare where YAML reads it as the text that it is, else in quotes.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_bare = |c: char| c.is_ascii_alphanumeric() || " _./()*=<>+,;|'\"-".contains(c);
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(is_bare)
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if bare { text.to_owned() } else { quoted(text) }
}

/// A scalar inside `[…]`.
fn flow(text: &str) -> String {
    if text.contains([',', '[', ']', '{', '}']) { quoted(text) } else { scalar(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if character.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_yaml_would_read_otherwise() {
        for (text, expected) in [
            ("pg_jobs", "pg_jobs"),
            ("SELECT count(*) AS n FROM t WHERE a = 'b'", "SELECT count(*) AS n FROM t WHERE a = 'b'"),
            ("on", "\"on\""),
            ("a: b", "\"a: b\""),
            ("1", "\"1\""),
            ("a \"b\" # \\c", "\"a \\\"b\\\" # \\\\c\""),
            ("a\nb\u{7}", "\"a\\nb\\u0007\""),
        ] {
            assert_eq!(scalar(text), expected);
        }
        assert_eq!(flow("dbname:a,b"), "\"dbname:a,b\"");
        assert_eq!(block(" a\n\n   b ", 4), "|\n    a\n\n       b");
    }
}
