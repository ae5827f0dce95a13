//! Details of what another collector exposes, such as the text of a statement: each is queried once and kept while it is
//! exposed.
//!
//! A query may cost the server far more than what it returns: pg_stat_statements reads all texts to return one. So while
//! every scrape needs new details, they are queried at growing intervals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use reason::Reason;

use crate::error::SourceError;
use crate::rows::{RowSink, Rows, Value};

/// The pause after a query. It doubles each time the next query is needed as soon as the pause is over, and is reset when
/// nothing new was needed for as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// What one collector has looked up in one database.
#[derive(Debug, Default)]
pub(crate) struct Details {
    columns: Vec<String>,
    /// The cells of its rows by the value that was asked for; none if there was no answer.
    cells: BTreeMap<String, Vec<Value<'static>>>,
    /// When the last pause ends, and how long it is.
    pause: Option<(Instant, Duration)>,
}

impl Details {
    /// Forgets what is no longer wanted, and returns the values whose details are missing.
    pub fn missing(&mut self, wanted: &BTreeSet<String>) -> Vec<String> {
        self.cells.retain(|value, _| wanted.contains(value));
        wanted.iter().filter(|value| !self.cells.contains_key(*value)).cloned().collect()
    }

    /// Whether a query may be sent now; then the next pause begins.
    pub fn may_ask(&mut self, now: Instant) -> bool {
        let next = match self.pause {
            Some((end, _)) if now < end => return false,
            Some((end, length)) if now - end < length => (length * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.pause = Some((now + next, next));
        true
    }

    /// Takes the answer for `asked`; each row says in the column `label` which of them it belongs to.
    ///
    /// # Errors
    /// `shape` when the answer does not have that column.
    pub fn take(&mut self, asked: Vec<String>, answer: &Rows, label: &str) -> Result<(), SourceError> {
        let at = answer.columns.iter().rposition(|column| column == label);
        let at = match at {
            Some(at) => at,
            None if answer.is_empty() => 0,
            None => return Err(SourceError::new(Reason::Shape, format!("column {label} is missing from the answer"))),
        };
        if !answer.is_empty() {
            self.columns.clone_from(&answer.columns);
        }
        self.cells.extend(asked.into_iter().map(|value| (value, Vec::new())));
        for row in answer.iter() {
            if let Some(cells) = self.cells.get_mut(&*row.get(at).label().unwrap_or_default()) {
                cells.extend(row.values().map(Value::into_owned));
            }
        }
        Ok(())
    }

    /// Hands over all rows that are kept.
    pub fn feed(&self, sink: &mut dyn RowSink) {
        let names: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        if self.cells.values().any(|cells| !cells.is_empty()) {
            sink.columns(&names);
        }
        for row in self.cells.values().flat_map(|cells| cells.chunks_exact(names.len().max(1))) {
            sink.row(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(values: &[&str]) -> BTreeSet<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn answer(texts: &[(&str, &str)]) -> Rows {
        let mut rows = Rows::default();
        let cells: Vec<Value> =
            texts.iter().flat_map(|(query, sql)| [*query, *sql]).map(|text| Value::Text(text.into())).collect();
        rows.table(&["query".to_owned(), "text".to_owned()], &cells);
        rows
    }

    /// The texts of the rows that are kept.
    fn kept(details: &Details) -> Vec<String> {
        let mut rows = Rows::default();
        details.feed(&mut rows);
        rows.iter().map(|row| row.get(1).label().unwrap().into_owned()).collect()
    }

    #[test]
    fn pauses_grow_while_there_is_always_something_new() {
        let mut details = Details::default();
        let begin = Instant::now();
        let mut asked = (0..3600).filter(|second| details.may_ask(begin + Duration::from_secs(*second)));
        assert_eq!(asked.by_ref().take(8).collect::<Vec<_>>(), [0, 10, 30, 70, 150, 310, 630, 1230]);
        assert_eq!(asked.collect::<Vec<_>>(), [1830, 2430, 3030]);
        // The pause ends at 3630; after as long without a question it is short again.
        let asked = (4300..4330).filter(|second| details.may_ask(begin + Duration::from_secs(*second)));
        assert_eq!(asked.collect::<Vec<_>>(), [4300, 4310]);
    }

    #[test]
    fn each_value_is_asked_for_once_and_kept_while_it_is_wanted() {
        let mut details = Details::default();
        let asked = details.missing(&wanted(&["1", "2", "3"]));
        assert_eq!(asked, ["1", "2", "3"]);
        // "3" is not known there, "9" was not asked for.
        details.take(asked, &answer(&[("1", "begin"), ("2", "end"), ("9", "no")]), "query").unwrap();
        assert_eq!(kept(&details), ["begin", "end"]);
        assert_eq!(details.missing(&wanted(&["1", "2", "3"])), Vec::<String>::new());
        assert_eq!(details.missing(&wanted(&["2", "4"])), ["4"]);
        assert_eq!(kept(&details), ["end"]);
        details.take(vec!["4".into()], &Rows::default(), "query").unwrap();
        assert_eq!(details.missing(&wanted(&["1", "2", "4"])), ["1"]);
        assert_eq!(details.take(vec!["1".into()], &answer(&[("1", "x")]), "id").unwrap_err().reason, Reason::Shape);
    }
}
