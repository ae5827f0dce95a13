//! The formats: each file turns the YAML of one exporter into collectors, and reports what differs.

mod config_map;
mod pgwatch;
mod queries;
mod query_column;
mod sql_exporter;
mod sql_metric;

use clap::ValueEnum;
use engine::YamlNode;

use crate::collector::CollectorDraft;
use crate::error::ImportError;
use crate::report::ImportReport;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceFormat {
    /// queries.yaml of --extend.query-path
    #[value(name = "postgres_exporter")]
    PostgresExporter,
    /// A collector file, or a configuration with collectors
    #[value(name = "sql_exporter")]
    SqlExporter,
    /// metrics.yaml with metrics and presets
    #[value(name = "pgwatch")]
    Pgwatch,
    /// A ConfigMap with queries, or the queries themselves
    #[value(name = "cloudnative-pg")]
    CloudNativePg,
}

impl SourceFormat {
    /// The name that the command line has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PostgresExporter => "postgres_exporter",
            Self::SqlExporter => "sql_exporter",
            Self::Pgwatch => "pgwatch",
            Self::CloudNativePg => "cloudnative-pg",
        }
    }

    /// The collectors of a file.
    ///
    /// # Errors
    /// If the file is not of this format.
    pub fn read(self, place: &str, root: &YamlNode) -> Result<(Vec<CollectorDraft>, ImportReport), ImportError> {
        match self {
            Self::PostgresExporter => queries::read(queries::Dialect::PostgresExporter, place, root),
            Self::CloudNativePg => config_map::read(place, root),
            Self::SqlExporter => sql_exporter::read(place, root),
            Self::Pgwatch => pgwatch::read(place, root),
        }
    }
}
