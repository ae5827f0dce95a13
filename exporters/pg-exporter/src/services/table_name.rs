//! The name of a table in a services file.

use std::fmt;

/// PostgreSQL cuts longer names off.
const LONGEST_PART: usize = 63;

/// A table with its schema, as the file names it: upper and lower case count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableName {
    schema: String,
    table: String,
}

impl TableName {
    /// Reads `schema.table`; `None` if it is anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (schema, table) = text.split_once('.')?;
        (is_identifier(schema) && is_identifier(table))
            .then(|| Self { schema: schema.to_owned(), table: table.to_owned() })
    }

    /// The name in SQL.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\".\"{}\"", self.schema, self.table)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// No character of it has to be escaped between quotes.
fn is_identifier(part: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=LONGEST_PART).contains(&part.len())
        && part.chars().all(is_allowed)
        && !part.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_two_identifiers_and_nothing_else() {
        let name = TableName::parse("monitor.Canary_2").unwrap();
        assert_eq!(
            (name.to_string().as_str(), name.quoted().as_str()),
            ("monitor.Canary_2", "\"monitor\".\"Canary_2\"")
        );
        let long = format!("monitor.{}", "a".repeat(LONGEST_PART + 1));
        for text in [
            "",
            "canary",
            ".canary",
            "monitor.",
            "db.monitor.canary",
            "monitor.2",
            "a b.c",
            "a.\"b\"",
            "a.b;c",
            "a.é",
            &long,
        ] {
            assert_eq!(TableName::parse(text), None, "{text}");
        }
    }
}
