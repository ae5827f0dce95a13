//! The formats of log files.

use std::fmt;
use std::sync::Arc;

use crate::formats::events::Kind;
use crate::formats::prefix::LinePrefix;
use crate::formats::programs::LinePattern;
use crate::formats::shortened::Texts;
use crate::formats::{csv, json, stderr};
use crate::line::{Field, Line};
use crate::severity::{self, Severity};

/// How a program writes its log.
#[derive(Debug, Clone)]
pub enum Format {
    /// PostgreSQL's `jsonlog`: one object per line.
    Json,
    /// PostgreSQL's `csvlog`: quoted columns, which contain newlines.
    Csv,
    /// PostgreSQL's `stderr` with its `log_line_prefix`.
    Stderr(Arc<LinePrefix>),
    /// One of the other programs.
    Program(Arc<LinePattern>),
}

impl Format {
    /// PostgreSQL's `stderr`; `None` if the prefix cannot be parsed.
    pub fn stderr(log_line_prefix: &str) -> Option<Self> {
        LinePrefix::new(log_line_prefix).map(|prefix| Self::Stderr(Arc::new(prefix)))
    }

    /// Patroni.
    pub fn patroni() -> Self {
        Self::Program(Arc::new(LinePattern::patroni()))
    }

    /// PgBouncer.
    pub fn pgbouncer() -> Self {
        Self::Program(Arc::new(LinePattern::pgbouncer()))
    }

    /// pgBackRest.
    pub fn pgbackrest() -> Self {
        Self::Program(Arc::new(LinePattern::pgbackrest()))
    }

    /// Whether an event is one line or record, and not several lines of which each looks for itself.
    pub(super) fn is_one_record(&self) -> bool {
        matches!(self, Self::Json | Self::Csv)
    }

    /// How long texts are cut.
    pub(super) fn texts(&self) -> Texts {
        match self {
            Self::Json => Texts::Json,
            Self::Csv => Texts::Csv,
            Self::Stderr(_) | Self::Program(_) => Texts::Plain,
        }
    }

    /// What a line is to the events around it.
    pub(super) fn kind(&self, line: &str) -> Kind {
        match self {
            Self::Json | Self::Csv => Kind::Starts,
            Self::Stderr(prefix) => stderr::kind(prefix, line),
            Self::Program(pattern) => pattern.kind(line),
        }
    }

    /// Parses one event; `None` if it is not understood.
    pub(super) fn parse<'a>(&self, event: &'a str, file_name: &'a str) -> Option<Line<'a>> {
        let mut line = match self {
            Self::Json => json::parse(event)?,
            Self::Csv => csv::parse(event)?,
            Self::Stderr(prefix) => stderr::parse(prefix, event)?,
            Self::Program(pattern) => return pattern.parse(event, file_name),
        };
        line.set_code_class();
        if let Some(Severity::Message(english)) = line.get(Field::Severity).and_then(severity::severity) {
            line.set(Field::Severity, english);
        }
        Some(line)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("jsonlog"),
            Self::Csv => f.write_str("csvlog"),
            Self::Stderr(_) => f.write_str("stderr"),
            Self::Program(_) => f.write_str("text"),
        }
    }
}
