//! The rows of a query, before they become samples.

use std::borrow::Cow;
use std::time::Duration;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL, or a missing value.
    Null,
    /// A boolean: the sample 0 or 1, the label `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; timestamps are Unix seconds, intervals are seconds.
    Float(f64),
    /// Text: the label as it is, or a sample if it reads as a number.
    Text(String),
    /// A cell that could not be read.
    Invalid(CellError),
}

impl Value {
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
            Self::Text(text) => text.into(),
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
}

/// The result of one query, row by row.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Names of the columns, in the order of the cells.
    pub columns: Vec<String>,
    /// Cells, row after row; the length is a multiple of the number of columns.
    pub cells: Vec<Value>,
    /// How many bytes the server sent for them.
    pub received_bytes: u64,
    /// How long the source worked on them, the wait behind other queries of the same batch aside.
    pub took: Duration,
}

impl Rows {
    /// The rows, each a slice as long as `columns`.
    pub fn iter(&self) -> impl Iterator<Item = &[Value]> {
        self.cells.chunks_exact(self.columns.len().max(1))
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
