//! A collector as it is written to a file: the part of the format that the files of other exporters need.

/// One collector.
#[derive(Debug, Clone)]
pub(crate) struct CollectorDraft {
    /// Its name in the file, which is unique.
    pub key: String,
    /// What its metrics begin with.
    pub prefix: String,
    pub description: String,
    pub ask: RowSource,
    /// The query that decides whether it runs.
    pub predicate: Option<String>,
    pub tags: Vec<String>,
    /// Seconds for which a result is served again.
    pub ttl: u64,
    /// Seconds that the query may run.
    pub timeout: u64,
    pub versions: ServerVersions,
    /// Whether it is written and never runs.
    pub skip: bool,
    pub columns: Vec<ColumnDraft>,
}

/// Where its rows come from.
#[derive(Debug, Clone)]
pub(crate) enum RowSource {
    /// This statement.
    Statement(String),
    /// What follows FROM; the select list is made of the columns.
    From(String),
    /// The query of the collector with this key.
    QueryOf(String),
}

/// The versions of the server in which it runs, as numbers such as 140000; the maximum is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ServerVersions {
    pub min: Option<u32>,
    pub max: Option<u32>,
}

/// One column of the result.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDraft {
    /// Its name in the result.
    pub name: String,
    pub usage: ColumnUsage,
    /// Name of the label, or of the metric after the prefix, if it is not the column's.
    pub rename: Option<String>,
    /// Its select expression.
    pub expression: Option<String>,
    pub description: String,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnUsage {
    Label,
    Gauge,
    Counter,
    Discard,
}

/// Seconds that a query may run if its file does not say: other exporters have no limit but the scrape's.
pub(crate) const TIMEOUT: u64 = 10;

impl CollectorDraft {
    /// Names of its metrics after the prefix.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        let is_metric = |column: &&ColumnDraft| matches!(column.usage, ColumnUsage::Gauge | ColumnUsage::Counter);
        self.columns.iter().filter(is_metric).map(ColumnDraft::exposed)
    }
}

impl RowSource {
    /// Its SQL, if it has some of its own.
    pub fn sql(&self) -> Option<&str> {
        match self {
            Self::Statement(sql) | Self::From(sql) => Some(sql),
            Self::QueryOf(_) => None,
        }
    }
}

impl ColumnDraft {
    pub fn new(name: impl Into<String>, usage: ColumnUsage) -> Self {
        Self { name: name.into(), usage, rename: None, expression: None, description: String::new() }
    }

    /// The label's name, or the metric's after the prefix.
    pub fn exposed(&self) -> &str {
        self.rename.as_deref().unwrap_or(&self.name)
    }
}

impl ColumnUsage {
    pub fn word(self) -> &'static str {
        match self {
            Self::Label => "LABEL",
            Self::Gauge => "GAUGE",
            Self::Counter => "COUNTER",
            Self::Discard => "DISCARD",
        }
    }
}

/// The text as a literal of SQL.
pub(crate) fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    // Right whatever standard_conforming_strings is.
    if text.contains('\\') { format!("E{}", quoted.replace('\\', "\\\\")) } else { quoted }
}

/// The name as a quoted identifier of SQL.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
