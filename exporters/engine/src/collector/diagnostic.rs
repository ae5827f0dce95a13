//! Diagnostics of collector files: each with its position, all at once.

use std::fmt;
use std::sync::Arc;

use super::yaml::Position;

/// What becomes of a branch that cannot give any metric.
pub(super) const LEFT_OUT: &str = "the branch is left out";

/// One diagnostic in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub file: Arc<str>,
    /// Line 0 means the file as a whole.
    pub position: Position,
    pub message: String,
    /// The line of the file that it is about; empty until it is shown.
    pub line: String,
}

impl Diagnostic {
    pub fn new(file: &Arc<str>, position: Position, message: impl Into<String>) -> Self {
        Self { file: file.clone(), position, message: message.into(), line: String::new() }
    }

    /// Adds the line out of the file's text.
    pub fn show_line(&mut self, text: &str) {
        let at = usize::try_from(self.position.line).unwrap_or_default().checked_sub(1);
        self.line = at.and_then(|at| text.lines().nth(at)).unwrap_or_default().to_owned();
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
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

/// A fault that cannot go wrong on a server: what it is about is left out.
///
/// Published pg_exporter configurations are full of them. Strictly read it is an error, else a warning.
#[derive(Debug, Clone)]
pub(crate) struct Tolerable {
    pub fault: Diagnostic,
    /// What is wrong and what is left out, in place of the fault's own message.
    pub warning: String,
}

impl Tolerable {
    /// The fault as a warning.
    pub fn into_warning(self) -> Diagnostic {
        Diagnostic { message: self.warning, ..self.fault }
    }
}

/// Diagnostics and warnings of one file while it is read.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    pub file: Arc<str>,
    pub errors: Vec<Diagnostic>,
    pub tolerable: Vec<Tolerable>,
    pub warnings: Vec<Diagnostic>,
    /// Branches that are in the file and are left out of its collectors.
    pub left_out: Vec<(Arc<str>, Position)>,
}

impl Diagnostics {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            errors: Vec::new(),
            tolerable: Vec::new(),
            warnings: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub fn error(&mut self, position: Position, message: impl Into<String>) {
        self.errors.push(Diagnostic::new(&self.file, position, message));
    }

    /// Notes a fault whose subject is left out; `left_out` says what that is.
    pub fn tolerable(&mut self, position: Position, message: impl Into<String>, left_out: &str) {
        let fault = Diagnostic::new(&self.file, position, message);
        let warning = format!("{}: {left_out}", fault.message);
        self.tolerable.push(Tolerable { fault, warning });
    }

    /// Turns the errors from that one on into faults whose subject is left out.
    pub fn tolerate_since(&mut self, first: usize, left_out: &str) {
        for fault in self.errors.split_off(first) {
            let warning = format!("{}: {left_out}", fault.message);
            self.tolerable.push(Tolerable { fault, warning });
        }
    }

    pub fn warning(&mut self, position: Position, message: impl Into<String>) {
        self.warnings.push(Diagnostic::new(&self.file, position, message));
    }
}
