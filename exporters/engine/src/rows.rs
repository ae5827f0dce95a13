//! What a query gives back, before it becomes samples.

use std::time::Duration;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL, or nothing there.
    Null,
    /// A truth value: the sample 0 or 1, the label `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; points in time are Unix seconds, intervals are seconds.
    Float(f64),
    /// Text: the label as it is, or a sample if it reads as a number.
    Text(String),
    /// A cell that could not be read.
    Broken(Broken),
}

/// Why a cell could not be read; the word is the value of the label `reason` of the dropped samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
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
    /// How long the source worked on them, the wait behind other queries of the same flight aside.
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
