//! Which lines of a log a collector counts, and where its cells come from.

use logs::{Field, Line};
use regex::{Captures, Regex};

use crate::facts::LogProgram;

/// Which lines of a log a collector counts.
#[derive(Debug, Clone)]
pub(crate) struct LogLines {
    pub program: LogProgram,
    /// Whether a line counts for the statements, too, that a rate of sampling left out of the log.
    pub is_weighted: bool,
    /// All must hold; those that cost least come first.
    pub(super) conditions: Vec<Condition>,
    /// For each column of the collector, where its cells come from.
    pub(super) cells: Vec<Cell>,
}

/// What must hold for a field of a line.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub field: Field,
    pub wanted: Wanted,
}

#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// One of these texts.
    Texts(Vec<String>),
    /// A match of this pattern.
    Pattern(Regex),
}

/// Where a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Field(Field),
    /// A named group of the pattern of a condition.
    Group {
        condition: usize,
        group: usize,
    },
    /// 1: lines are counted.
    One,
}

/// A line that all conditions hold for, with the groups of each.
pub(super) struct SelectedLine<'a> {
    line: &'a Line<'a>,
    captures: Vec<Option<Captures<'a>>>,
}

impl LogLines {
    /// How many lines this one counts for.
    pub fn weight(&self, line: &Line<'_>) -> f64 {
        let weight = line.get(Field::Weight).filter(|_| self.is_weighted);
        weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0)
    }

    /// The line, if all conditions hold for it.
    pub(super) fn select<'a>(&self, line: &'a Line<'a>) -> Option<SelectedLine<'a>> {
        let mut captures = Vec::new();
        for Condition { field, wanted } in &self.conditions {
            let text = line.get(*field)?;
            let (holds, found) = match wanted {
                Wanted::Texts(texts) => (texts.iter().any(|wanted| wanted == text), None),
                // Most lines do not match, and finding groups takes several times as long.
                Wanted::Pattern(pattern) if !pattern.is_match(text) => (false, None),
                Wanted::Pattern(pattern) if pattern.captures_len() == 1 => (true, None),
                Wanted::Pattern(pattern) => (true, pattern.captures(text)),
            };
            if !holds {
                return None;
            }
            captures.push(found);
        }
        Some(SelectedLine { line, captures })
    }
}

impl<'a> SelectedLine<'a> {
    /// The text of a cell; `None` if the line has none.
    pub fn text(&self, cell: Cell) -> Option<&'a str> {
        match cell {
            Cell::Field(field) => self.line.get(field),
            Cell::Group { condition, group } => {
                let found = self.captures.get(condition)?.as_ref()?.get(group)?;
                Some(found.as_str())
            }
            Cell::One => None,
        }
    }
}
