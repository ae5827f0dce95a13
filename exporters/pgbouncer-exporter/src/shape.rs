//! Converts the result of a console command, which is all text, to the rows of a collector.

use std::collections::HashMap;

use engine::{CellError, Value};
use pgclient::{ConsoleResult, NotUtf8, TextCell};

use crate::command::Shape;

/// Columns and cells for the engine.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ConsoleTable {
    pub(crate) columns: Vec<String>,
    /// Row after row.
    pub(crate) cells: Vec<Value<'static>>,
}

/// Converts `result` to the requested shape.
///
/// First, a duration in two columns, `wait` in seconds and `wait_us` with the remaining microseconds, is joined in a third
/// column, `wait_seconds`. An empty text counts as NULL. One column is added: `rows` in groups, the number of rows in each,
/// and otherwise `one`, which is always 1, for metrics whose information is in their labels.
pub(crate) fn shape(mut result: ConsoleResult, shape: &Shape) -> ConsoleTable {
    join_durations(&mut result);
    match shape {
        Shape::Rows => rows(result),
        Shape::Columns => columns(result),
        Shape::Groups(by) => groups(&result, by),
    }
}

fn rows(result: ConsoleResult) -> ConsoleTable {
    let mut table = ConsoleTable { columns: result.columns, cells: Vec::new() };
    table.columns.push("one".to_owned());
    for row in result.rows {
        table.cells.extend(row.into_iter().map(value));
        table.cells.push(Value::Int(1));
    }
    table
}

/// A cell. Numbers stay text, which the engine parses.
fn value(cell: TextCell) -> Value<'static> {
    match cell {
        Ok(Some(text)) if !text.is_empty() => Value::Text(text.into()),
        Ok(_) => Value::Null,
        Err(NotUtf8) => Value::Invalid(CellError::Utf8),
    }
}

/// Names and values as columns; yes and no become booleans.
fn columns(result: ConsoleResult) -> ConsoleTable {
    let mut table = ConsoleTable { columns: vec!["one".to_owned()], cells: vec![Value::Int(1)] };
    for row in result.rows {
        let mut cells = row.into_iter();
        if let (Some(Ok(Some(name))), Some(cell)) = (cells.next(), cells.next()) {
            table.columns.push(name);
            table.cells.push(match value(cell) {
                Value::Text(text) if text == "yes" => Value::Bool(true),
                Value::Text(text) if text == "no" => Value::Bool(false),
                other => other,
            });
        }
    }
    if table.columns.len() == 1 { ConsoleTable::default() } else { table }
}

/// Aggregates of the rows in a group.
#[derive(Debug, Clone)]
struct RowGroup {
    rows: i64,
    /// Sum and maximum of each column that is not grouped by, if it has numbers.
    numbers: Vec<Option<(f64, f64)>>,
}

/// One row for each combination of the columns `by`, in the order of the result; this version may lack some of them. Every
/// other column `c` becomes `sum_c` and `max_c`, NULL if it has no numbers.
fn groups(result: &ConsoleResult, by: &[String]) -> ConsoleTable {
    let (keys, others): (Vec<usize>, Vec<usize>) =
        (0..result.columns.len()).partition(|at| by.contains(&result.columns[*at]));
    let mut index: HashMap<Vec<&TextCell>, usize> = HashMap::new();
    let mut found: Vec<(Vec<&TextCell>, RowGroup)> = Vec::new();
    for row in &result.rows {
        let key: Vec<&TextCell> = keys.iter().map(|at| &row[*at]).collect();
        let at = *index.entry(key).or_insert_with_key(|key| {
            found.push((key.clone(), RowGroup { rows: 0, numbers: vec![None; others.len()] }));
            found.len() - 1
        });
        found[at].1.add(others.iter().map(|at| number(&row[*at])));
    }
    let name = |at: &usize| result.columns[*at].as_str();
    let mut columns: Vec<String> = keys.iter().map(|at| name(at).to_owned()).collect();
    columns.push("rows".to_owned());
    columns.extend(others.iter().flat_map(|at| [format!("sum_{}", name(at)), format!("max_{}", name(at))]));
    let mut cells = Vec::with_capacity(columns.len() * found.len());
    for (key, group) in found {
        cells.extend(key.into_iter().cloned().map(value));
        cells.push(Value::Int(group.rows));
        cells.extend(group.numbers.into_iter().flat_map(|number| match number {
            Some((sum, max)) => [Value::Float(sum), Value::Float(max)],
            None => [Value::Null, Value::Null],
        }));
    }
    ConsoleTable { columns, cells }
}

impl RowGroup {
    fn add(&mut self, numbers: impl Iterator<Item = Option<f64>>) {
        self.rows += 1;
        for (known, number) in self.numbers.iter_mut().zip(numbers) {
            if let Some(number) = number {
                let (sum, max) = known.unwrap_or((0.0, number));
                *known = Some((sum + number, max.max(number)));
            }
        }
    }
}

fn number(cell: &TextCell) -> Option<f64> {
    cell.as_ref().ok()?.as_ref()?.trim().parse().ok()
}

fn join_durations(result: &mut ConsoleResult) {
    let position = |name: &str| result.columns.iter().position(|column| column == name);
    let halves: Vec<(String, usize, usize)> = result
        .columns
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some((format!("{name}_seconds"), at, position(&format!("{name}_us"))?)))
        .collect();
    for (name, seconds, microseconds) in halves {
        result.columns.push(name);
        for row in &mut result.rows {
            let whole = number(&row[seconds]).zip(number(&row[microseconds]));
            row.push(Ok(whole.map(|(seconds, microseconds)| (seconds + microseconds / 1e6).to_string())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(columns: &[&str], rows: &[&[&str]]) -> ConsoleResult {
        let cell = |text: &&str| match *text {
            "NULL" => Ok(None),
            "BYTES" => Err(NotUtf8),
            text => Ok(Some(text.to_owned())),
        };
        ConsoleResult {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
            received_bytes: 0,
        }
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn keeps_rows_and_joins_durations() {
        let answer = answer(&["user", "maxwait", "maxwait_us"], &[&["app", "2", "500000"], &["BYTES", "", "NULL"]]);
        let table = shape(answer, &Shape::Rows);
        assert_eq!(table.columns, ["user", "maxwait", "maxwait_us", "maxwait_seconds", "one"]);
        assert_eq!(table.cells[..5], [text("app"), text("2"), text("500000"), text("2.5"), Value::Int(1)]);
        let bytes = Value::Invalid(CellError::Utf8);
        assert_eq!(table.cells[5..], [bytes, Value::Null, Value::Null, Value::Null, Value::Int(1)]);
    }

    #[test]
    fn makes_columns_of_names_and_values() {
        let answer = answer(&["key", "value", "default"], &[&["paused", "no", "x"], &["pkt_buf", "4096", "4096"]]);
        let table = shape(answer, &Shape::Columns);
        assert_eq!(table.columns, ["one", "paused", "pkt_buf"]);
        assert_eq!(table.cells, [Value::Int(1), Value::Bool(false), text("4096")]);
        assert_eq!(shape(ConsoleResult::default(), &Shape::Columns), ConsoleTable::default());
    }

    #[test]
    fn aggregates_groups() {
        let columns = ["state", "user", "wait", "tls"];
        let rows: &[&[&str]] = &[
            &["idle", "a", "1", ""],
            &["idle", "BYTES", "3", ""],
            &["idle", "a", "2", ""],
            &["used", "a", "NULL", ""],
        ];
        let by = Shape::Groups(vec!["user".to_owned(), "state".to_owned(), "application_name".to_owned()]);
        let table = shape(answer(&columns, rows), &by);
        assert_eq!(table.columns, ["state", "user", "rows", "sum_wait", "max_wait", "sum_tls", "max_tls"]);
        let float = Value::Float;
        let idle = [text("idle"), text("a"), Value::Int(2), float(3.0), float(2.0), Value::Null, Value::Null];
        assert_eq!(table.cells[..7], idle);
        assert_eq!(table.cells[7..11], [text("idle"), Value::Invalid(CellError::Utf8), Value::Int(1), float(3.0)]);
        assert_eq!(table.cells[14..18], [text("used"), text("a"), Value::Int(1), Value::Null]);
    }
}
