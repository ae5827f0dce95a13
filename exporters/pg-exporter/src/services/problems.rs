//! What is wrong with a services file, with positions.

use std::fmt;

use engine::Position;

/// What is wrong with a file, with positions.
#[derive(Debug)]
pub(crate) struct Problems {
    file: String,
    found: Vec<(Position, String)>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (position, message)) in self.found.iter().enumerate() {
            let separator = if at > 0 { "\n" } else { "" };
            write!(f, "{separator}{}:{}:{}: {message}", self.file, position.line, position.column)?;
        }
        Ok(())
    }
}

impl Problems {
    /// None yet.
    pub(super) fn of(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn add(&mut self, position: Position, message: impl Into<String>) {
        self.found.push((position, message.into()));
    }
}
