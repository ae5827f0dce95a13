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
    /// The line of the file that it is about; empty until it is shown.
    pub line: String,
}

impl Fault {
    pub fn new(file: &Arc<str>, place: Place, message: impl Into<String>) -> Self {
        Self { file: file.clone(), place, message: message.into(), line: String::new() }
    }

    /// Adds the line out of the file's text.
    pub fn show_line(&mut self, text: &str) {
        let at = usize::try_from(self.place.line).unwrap_or_default().checked_sub(1);
        self.line = at.and_then(|at| text.lines().nth(at)).unwrap_or_default().to_owned();
    }
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
}

impl Faults {
    pub fn new(file: &str) -> Self {
        Self { file: file.into(), errors: Vec::new(), warnings: Vec::new() }
    }

    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        self.errors.push(Fault::new(&self.file, place, message));
    }

    pub fn warning(&mut self, place: Place, message: impl Into<String>) {
        self.warnings.push(Fault::new(&self.file, place, message));
    }
}
