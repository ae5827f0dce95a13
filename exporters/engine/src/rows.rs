//! The rows of a query on their way from a source to the samples.
//!
//! A source hands each row to a [`RowSink`] as it arrives, as borrowed values. The encoder is such a sink and keeps no
//! values. [`Rows`] is one too, for what needs the whole result: a `top`, a look-up, a predicate.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::printable::Printable;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL, or a missing value.
    Null,
    /// A boolean: the sample 0 or 1, the label `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; timestamps are Unix seconds, intervals are seconds.
    Float(f64),
    /// Text: the label as it is, or a sample if it reads as a number.
    Text(Cow<'a, str>),
    /// A cell that could not be read.
    Invalid(CellError),
}

/// For messages: text in quotes, and on one line.
impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Text(text) => write!(f, "\"{}\"", Printable(text)),
            Self::Invalid(CellError::Utf8) => f.write_str("text that is not UTF-8"),
            Self::Invalid(CellError::Unreadable) => f.write_str("a value of another type"),
            other => f.write_str(&other.label().unwrap_or_default()),
        }
    }
}

impl Value<'_> {
    /// The value as that of a label; NULL is empty.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) fn label(&self) -> Result<Cow<'_, str>, CellError> {
        Ok(match self {
            Self::Null => "".into(),
            Self::Bool(value) => if *value { "true" } else { "false" }.into(),
            Self::Int(value) => itoa::Buffer::new().format(*value).to_owned().into(),
            Self::Float(value) => float_text(*value, &mut zmij::Buffer::new()).to_owned().into(),
            Self::Text(text) => (&**text).into(),
            Self::Invalid(broken) => return Err(*broken),
        })
    }

    /// The value as a number; NULL is none.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn number(&self) -> Result<Option<f64>, CellError> {
        Ok(Some(match self {
            Self::Null => return Ok(None),
            Self::Bool(value) => f64::from(*value),
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            Self::Text(text) => text.trim().parse().map_err(|_| CellError::Unreadable)?,
            Self::Invalid(broken) => return Err(*broken),
        }))
    }

    /// The same with a text of its own.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::Text(text) => Value::Text(text.into_owned().into()),
            Self::Invalid(broken) => Value::Invalid(broken),
        }
    }
}

/// A number as every exposition format writes it.
pub(crate) fn float_text(value: f64, buffer: &mut zmij::Buffer) -> &str {
    if value.is_nan() {
        "NaN"
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }
    } else {
        let text = buffer.format(value);
        text.strip_suffix(".0").unwrap_or(text)
    }
}

/// Why a cell could not be read; the word is the value of the label `reason` of the dropped samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellError {
    /// Text that is not valid UTF-8.
    Utf8,
    /// A value of a type, or in a form, that cannot be read.
    Unreadable,
    /// A value of a row that is too large to be received.
    TooLarge,
}

/// Takes the rows of one query as they arrive.
///
/// A query that fails after some rows has no result: its sink is dropped, and another try gets a new one.
pub trait RowSink: Send {
    /// Takes the names of the columns, once, before the first row. A result without rows has none.
    fn columns(&mut self, names: &[&str]);

    /// Takes a row: as many cells as there are columns.
    fn row(&mut self, cells: &[Value<'_>]);

    /// Takes a whole result, its cells row after row.
    fn table(&mut self, columns: &[String], cells: &[Value<'_>]) {
        if cells.is_empty() {
            return;
        }
        self.columns(&columns.iter().map(String::as_str).collect::<Vec<_>>());
        cells.chunks_exact(columns.len().max(1)).for_each(|row| self.row(row));
    }

    /// Takes note of rows that the source could not read, and of the error of the first one.
    fn unreadable(&mut self, _rows: usize, _error: &str) {}
}

/// What a query has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fetched {
    /// How many bytes the server sent for its rows.
    pub received_bytes: u64,
    /// How long the source worked on it, the wait behind other queries of the same batch aside.
    pub took: Duration,
    /// How long ago the source read what the rows are made of.
    pub age: Duration,
}

/// A whole result. All texts are in one place, so that a cell takes no memory of its own.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    cells: Vec<Cell>,
    texts: String,
    /// The most memory that it takes, if there is a limit. Further rows are dropped.
    most_bytes: Option<usize>,
    /// How many rows were dropped.
    pub dropped: usize,
}

/// A [`Value`] whose text is a part of the result's texts.
#[derive(Debug)]
enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text { start: usize, length: u32 },
    Invalid(CellError),
}

impl RowSink for Rows {
    fn columns(&mut self, names: &[&str]) {
        self.columns = names.iter().map(|name| (*name).to_owned()).collect();
    }

    fn row(&mut self, cells: &[Value<'_>]) {
        let texts: usize = cells.iter().map(|cell| if let Value::Text(text) = cell { text.len() } else { 0 }).sum();
        let length = (self.cells.len() + cells.len()) * size_of::<Cell>() + self.texts.len() + texts;
        if self.dropped > 0 || self.most_bytes.is_some_and(|most| length > most) {
            self.dropped += 1;
            return;
        }
        self.cells.reserve(cells.len());
        for value in cells {
            let cell = self.cell(value);
            self.cells.push(cell);
        }
    }
}

impl Rows {
    /// An empty result that takes so much memory at most.
    pub fn within(most_bytes: usize) -> Self {
        Self { most_bytes: Some(most_bytes), ..Self::default() }
    }

    fn cell(&mut self, value: &Value<'_>) -> Cell {
        match value {
            Value::Null => Cell::Null,
            Value::Bool(value) => Cell::Bool(*value),
            Value::Int(value) => Cell::Int(*value),
            Value::Float(value) => Cell::Float(*value),
            Value::Text(text) => match u32::try_from(text.len()) {
                Ok(length) => {
                    let start = self.texts.len();
                    self.texts.push_str(text);
                    Cell::Text { start, length }
                }
                Err(_) => Cell::Invalid(CellError::Unreadable),
            },
            Value::Invalid(broken) => Cell::Invalid(*broken),
        }
    }

    /// The rows in their order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.cells.chunks_exact(self.columns.len().max(1)).map(|cells| Row { cells, texts: &self.texts })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.cells.len() / self.columns.len().max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

/// One of the rows of a whole result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    cells: &'a [Cell],
    texts: &'a str,
}

impl<'a> Row<'a> {
    /// The value in a column.
    pub fn get(&self, column: usize) -> Value<'a> {
        match &self.cells[column] {
            Cell::Null => Value::Null,
            Cell::Bool(value) => Value::Bool(*value),
            Cell::Int(value) => Value::Int(*value),
            Cell::Float(value) => Value::Float(*value),
            Cell::Text { start, length } => Value::Text(self.texts[*start..start + *length as usize].into()),
            Cell::Invalid(broken) => Value::Invalid(*broken),
        }
    }

    /// All its values.
    pub fn values(self) -> impl Iterator<Item = Value<'a>> {
        (0..self.cells.len()).map(move |column| self.get(column))
    }
}
