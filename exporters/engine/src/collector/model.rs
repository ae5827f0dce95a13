//! A validated collector: one branch of a file is one query and what its columns mean.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::log_lines::LogLines;
use super::yaml::Position;
use crate::facts::{Version, VersionRange};
use crate::redact;
use crate::sql::quote;

/// One validated branch of a collector file.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    /// The branch key: unique in the catalog, the label `collector`.
    pub key: Arc<str>,
    /// The prefix of its metrics; several branches may share it.
    pub name: String,
    pub description: String,
    /// What to grant the role so that it tells all; `@user@` stands for the role.
    pub grant: Option<String>,
    /// Link to the documentation of what it reads.
    pub source: Option<String>,
    pub ask: Ask,
    /// The collector whose query it shares.
    pub query_of: Option<String>,
    /// The table of the source that has its rows, without a session.
    pub access: Option<Arc<str>>,
    /// The endpoints of a REST interface on whose answers its query runs, without a session.
    pub rest: Option<Arc<[Arc<str>]>>,
    /// The columns of all collectors that share the query; `None`: its own.
    pub selected: Option<Arc<[Column]>>,
    pub predicates: Vec<Predicate>,
    /// Schemas that its SQL looks names up in beside `pg_catalog`.
    pub search_path: Arc<[String]>,
    pub tags: Vec<String>,
    pub ttl: Duration,
    /// How often it is sampled; its counts are multiplied by the time between samples and summed up in the exporter.
    pub sample: Option<Duration>,
    /// The lines of a log that it counts, instead of rows of a query.
    pub log: Option<LogLines>,
    /// How long the last good result may be served when a fetch fails.
    pub stale: Duration,
    /// Whether its result stays the same while nothing happens in its database.
    pub of_database_only: bool,
    pub timeout: Duration,
    /// Lower goes first.
    pub priority: i64,
    pub versions: VersionRange,
    /// The extension whose version its columns' versions are; `None`: the server's.
    pub version_of: Option<String>,
    /// Its failure fails the server.
    pub fatal: bool,
    /// Loaded, never planned.
    pub skip: bool,
    /// The most series of a result; of an accumulated collector, the most label sets.
    pub max_series: Option<usize>,
    pub top: Option<Top>,
    pub lookup: Option<Lookup>,
    pub columns: Vec<Column>,
    /// File and position, for messages and pages.
    pub file: Arc<str>,
    pub position: Position,
}

/// How a collector asks.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// The whole query in the source's language.
    Query(String),
    /// What follows FROM; the select list is made of the columns.
    From(String),
}

/// Which label sets of a result are shown by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Top {
    /// The counter by whose growth they are ranked, as the result calls it.
    pub by: String,
    /// How many are shown.
    pub limit: usize,
    /// Labels that the rest keeps: it is summed for each of their values apart.
    pub per: Vec<String>,
}

/// Whose label sets a collector gives details of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// The branch; it has a top.
    pub of: String,
    /// The label, of both, by whose value details are asked for.
    pub label: String,
}

/// How a column of the rest is made of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    Sum,
    Max,
    Min,
}

/// A query that must say yes before the collector's own is run.
#[derive(Debug, Clone)]
pub(crate) struct Predicate {
    pub name: String,
    pub query: String,
    pub ttl: Duration,
    /// Why the collector is skipped when it does not hold, for a person; `@user@` is the role.
    pub reason: Option<String>,
}

/// One column of the result.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its name in the result.
    pub name: String,
    /// The label's name, or the metric's name after the prefix.
    pub exposed: String,
    pub usage: Usage,
    pub scale: Option<f64>,
    /// The value that stands for NULL, before scaling.
    pub default: Option<f64>,
    /// Upper bounds, for a histogram.
    pub buckets: Vec<f64>,
    /// How the rest beside the busiest shows it; `None`: not at all.
    pub other: Option<Fold>,
    pub description: String,
    /// Whether it is the text of a statement, which is shown without its constants.
    pub is_statement: bool,
    /// Its select expression, in the FROM form.
    pub expression: Option<String>,
    pub versions: VersionRange,
    pub position: Position,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Label,
    Gauge,
    Counter,
    Histogram,
    Discard,
}

impl Usage {
    /// The type that the exposition tells; a histogram of snapshots is exposed as gauges. [`Collector::kind_of`] knows
    /// whether it is one.
    pub fn kind(self) -> Option<MetricKind> {
        match self {
            Self::Counter => Some(MetricKind::Counter),
            Self::Gauge | Self::Histogram => Some(MetricKind::Gauge),
            Self::Label | Self::Discard => None,
        }
    }
}

/// The type of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric family that a column makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    pub name: String,
    pub kind: MetricKind,
    pub help: String,
}

impl Collector {
    /// The columns that exist in `version`.
    pub fn columns_in(&self, version: Version) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(move |(_, column)| column.versions.contains(version))
    }

    /// The query's text for a server of `version`; macros are still to be replaced.
    pub fn text(&self, version: Version) -> String {
        match &self.ask {
            Ask::Query(query) => query.clone(),
            Ask::From(from) => {
                let columns = self.selected.as_deref().unwrap_or(&self.columns);
                let selected = |column: &&Column| column.usage != Usage::Discard && column.versions.contains(version);
                let list: Vec<String> = columns.iter().filter(selected).map(Column::select_item).collect();
                format!("SELECT {}\nFROM {from}", list.join(",\n       "))
            }
        }
    }

    /// Whether it has a column that is a metric.
    pub fn has_metric(&self) -> bool {
        self.columns.iter().any(|column| column.usage.kind().is_some())
    }

    /// Whether it has a query that can be run by itself.
    pub fn has_query(&self) -> bool {
        self.lookup.is_none() && self.log.is_none()
    }

    /// Whether its rows are summed up in the exporter, so that a scrape fetches nothing.
    pub fn is_accumulated(&self) -> bool {
        self.sample.is_some() || self.log.is_some()
    }

    /// The type of one of its columns, if that is a metric.
    fn kind_of(&self, column: &Column) -> Option<MetricKind> {
        match column.usage {
            Usage::Histogram if self.is_accumulated() => Some(MetricKind::Histogram),
            usage => usage.kind(),
        }
    }

    /// The families of one of its columns: none for labels, three for a histogram of snapshots, else one.
    pub fn families_of(&self, column: &Column) -> Vec<Family> {
        let Some(kind) = self.kind_of(column) else { return Vec::new() };
        let base = format!("{}_{}", self.name, column.exposed);
        let help = &column.description;
        if column.usage != Usage::Histogram || kind == MetricKind::Histogram {
            return vec![Family { name: base, kind, help: help.clone() }];
        }
        [("bucket", "cumulative bucket"), ("count", "observation count"), ("sum", "observation sum")]
            .map(|(suffix, what)| Family { name: format!("{base}_{suffix}"), kind, help: format!("{help} ({what})") })
            .into()
    }

    /// The position of the label column of that name among the labels of a result of `version`.
    pub fn label_place(&self, name: &str, version: Version) -> Option<usize> {
        let mut labels = self.columns_in(version).filter(|(_, column)| column.usage == Usage::Label);
        labels.position(|(_, column)| column.name == name)
    }

    /// Names of its labels, in the file's order; two columns of different versions may share one.
    pub fn labels(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for column in self.columns.iter().filter(|column| column.usage == Usage::Label) {
            if !names.contains(&column.exposed.as_str()) {
                names.push(&column.exposed);
            }
        }
        names
    }
}

impl Family {
    /// The names of its samples.
    pub fn sample_names(&self) -> Vec<String> {
        match self.kind {
            MetricKind::Histogram => ["bucket", "sum", "count"].map(|suffix| format!("{}_{suffix}", self.name)).into(),
            MetricKind::Counter | MetricKind::Gauge => vec![self.name.clone()],
        }
    }
}

impl Column {
    /// Whether a sampled collector may have it.
    pub fn is_sampled(&self) -> bool {
        matches!(self.usage, Usage::Label | Usage::Counter | Usage::Discard)
    }

    /// The names of the cells that an accumulated histogram has in a row: how much was observed up to each bound and not
    /// the one before, above the last, and the sum.
    pub fn total_cells(&self) -> impl Iterator<Item = String> {
        (0..=self.buckets.len()).map(|at| format!("{}\0{at}", self.name)).chain([format!("{}\0sum", self.name)])
    }

    /// Its item of the select list.
    pub fn select_item(&self) -> String {
        match &self.expression {
            Some(expression) => format!("{expression} AS {}", quote(&self.name)),
            None => quote(&self.name),
        }
    }

    /// A value of this label as it is shown: without passwords, and of a statement without its constants.
    pub fn shown<'a>(&self, value: &'a str) -> Cow<'a, str> {
        if self.is_statement { redact::statement(value).into() } else { redact::secrets(value) }
    }
}
