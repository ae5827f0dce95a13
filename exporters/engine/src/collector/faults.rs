//! Faults of collector files: each with its place, all at once.

use std::fmt;
use std::sync::Arc;

use super::yaml::Place;

/// One fault in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub file: Arc<str>,
    /// Line 0 means the file as a whole.
    pub place: Place,
    pub message: String,
    /// The line of the file that it is about.
    pub line: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        if line == 0 {
            return write!(f, "{}: {}", self.file, self.message);
        }
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        if !self.line.is_empty() {
            // Tabs stay tabs, so that the caret stands under its character in any terminal.
            let indent: String = self
                .line
                .chars()
                .take(column.saturating_sub(1) as usize)
                .map(|c| if c == '\t' { c } else { ' ' })
                .collect();
            write!(f, "\n    {}\n    {indent}^", self.line)?;
        }
        Ok(())
    }
}

/// Faults and warnings of one file while it is read.
#[derive(Debug)]
pub(crate) struct Faults {
    pub file: Arc<str>,
    pub errors: Vec<Fault>,
    pub warnings: Vec<Fault>,
    lines: Vec<String>,
}

impl Faults {
    pub fn new(file: &str, text: &str) -> Self {
        let lines = text.lines().map(str::to_owned).collect();
        Self { file: file.into(), errors: Vec::new(), warnings: Vec::new(), lines }
    }

    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        let fault = self.fault(place, message.into());
        self.errors.push(fault);
    }

    pub fn warning(&mut self, place: Place, message: impl Into<String>) {
        let fault = self.fault(place, message.into());
        self.warnings.push(fault);
    }

    fn fault(&self, place: Place, message: String) -> Fault {
        let line = (place.line as usize).checked_sub(1).and_then(|at| self.lines.get(at)).cloned().unwrap_or_default();
        Fault { file: self.file.clone(), place, message, line }
    }
}
