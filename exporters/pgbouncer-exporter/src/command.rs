//! Parses the `query` of a collector: a SHOW command, and the shape of its rows.

use std::fmt;

/// A console command and the shape of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// As sent to the console: `SHOW POOLS`.
    pub(crate) text: String,
    pub(crate) shape: Shape,
}

/// The shape of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The rows as they are.
    Rows,
    /// `AS COLUMNS`: rows with a name and a value become one row with a column for each name.
    Columns,
    /// `GROUP BY a, b`: one row for each combination of these columns, with counts, sums and maxima.
    Groups(Vec<String>),
}

/// Why a `query` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    /// Not a SHOW command: it could change the pooler.
    #[error(
        "\"{0}\" is not allowed: expected SHOW and one word, optionally followed by AS COLUMNS or GROUP BY column, …"
    )]
    NotShow(String),
    #[error("SHOW FDS is not allowed: it exposes passwords and blocks the pooler")]
    Descriptors,
}

impl Command {
    /// Parses `SHOW WORD [AS COLUMNS | GROUP BY column, …] [;]`; keywords in any case.
    ///
    /// # Errors
    /// On anything else, so that no collector file can pause or stop a pooler.
    pub(crate) fn parse(query: &str) -> Result<Self, CommandError> {
        let query = query.trim().trim_end_matches(';').trim_end();
        let refused = || CommandError::NotShow(query.to_owned());
        let words: Vec<&str> = query.split_whitespace().collect();
        let is = |at: usize, word: &str| words.get(at).is_some_and(|found| found.eq_ignore_ascii_case(word));
        let subject = words.get(1).filter(|word| is_name(word) && is(0, "SHOW")).ok_or_else(refused)?;
        if subject.eq_ignore_ascii_case("FDS") {
            return Err(CommandError::Descriptors);
        }
        let shape = match words.len() {
            2 => Shape::Rows,
            4 if is(2, "AS") && is(3, "COLUMNS") => Shape::Columns,
            5.. if is(2, "GROUP") && is(3, "BY") => {
                let list = words[4..].join(" ");
                let columns: Vec<String> = list.split(',').map(|column| column.trim().to_owned()).collect();
                if !columns.iter().all(|column| is_name(column)) {
                    return Err(refused());
                }
                Shape::Groups(columns)
            }
            _ => return Err(refused()),
        };
        Ok(Self { text: format!("SHOW {subject}"), shape })
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_commands_and_shapes() {
        let groups = |columns: &[&str]| Shape::Groups(columns.iter().map(|column| (*column).to_owned()).collect());
        for (query, text, shape) in [
            ("SHOW POOLS;", "SHOW POOLS", Shape::Rows),
            ("show stats_totals", "SHOW stats_totals", Shape::Rows),
            ("SHOW CONFIG AS COLUMNS", "SHOW CONFIG", Shape::Columns),
            ("SHOW CLIENTS\n GROUP BY database, user ,state ;", "SHOW CLIENTS", groups(&["database", "user", "state"])),
        ] {
            assert_eq!(Command::parse(query), Ok(Command { text: text.to_owned(), shape }), "{query}");
        }
    }

    #[test]
    fn refuses_commands_that_change_a_pooler() {
        for query in [
            "",
            "SHOW",
            "PAUSE",
            "SHUTDOWN;",
            "SHOW POOLS; PAUSE",
            "SHOW POOLS;PAUSE",
            "SELECT 1",
            "SHOW CLIENTS GROUP BY",
            "SHOW CLIENTS GROUP BY a b",
            "SHOW CLIENTS GROUP BY a,",
            "SHOW CONFIG AS ROWS",
        ] {
            let refused = CommandError::NotShow(query.trim_end_matches(';').to_owned());
            assert_eq!(Command::parse(query), Err(refused), "{query}");
        }
        assert_eq!(Command::parse("show fds"), Err(CommandError::Descriptors));
    }
}
