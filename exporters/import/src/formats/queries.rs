//! The queries of postgres_exporter and of CloudNativePG, which has them from it.

use engine::{Position, YamlNode};

use super::query_column;
use crate::collector::{CollectorDraft, RowSource, ServerVersions, TIMEOUT};
use crate::error::ImportError;
use crate::fields::Entries;
use crate::report::ImportReport;
use crate::statement;
use crate::versions;

/// Whose queries they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    PostgresExporter,
    CloudNativePg,
}

const KEYS: [&str; 5] = ["query", "metrics", "master", "cache_seconds", "runonserver"];
/// What CloudNativePG has beside these.
const MORE_KEYS: [&str; 4] = ["name", "predicate_query", "primary", "target_databases"];

/// The collectors of a map from names to queries.
///
/// # Errors
/// If it is none.
pub(crate) fn read(
    dialect: Dialect,
    place: &str,
    root: &YamlNode,
) -> Result<(Vec<CollectorDraft>, ImportReport), ImportError> {
    let expected = "a map of queries, each with query and metrics";
    let queries = Entries::of(root).ok_or(ImportError::Format { place: place.to_owned(), expected })?;
    let is_query = |node: &YamlNode| Entries::of(node).is_some_and(|fields| fields.get("query").is_some());
    if !queries.entries().any(|(_, _, body)| is_query(body)) {
        return Err(ImportError::Format { place: place.to_owned(), expected });
    }
    let (mut report, mut collectors) = (ImportReport::new(place), Vec::new());
    let runs_in_main = |(_, _, body): &(&str, Position, &YamlNode)| {
        Entries::of(body).is_some_and(|fields| fields.list("target_databases").is_empty())
    };
    if let Some((_, at, _)) = queries.entries().find(runs_in_main).filter(|_| dialect == Dialect::CloudNativePg) {
        let text =
            "without target_databases a query runs in the database of the connection URL: name the application's there";
        report.changed(at, text);
    }
    for (name, at, body) in queries.entries() {
        let found = UserQuery { dialect, name, at }.read(body, &mut report);
        report.query(!found.is_empty());
        collectors.extend(found);
    }
    Ok((collectors, report))
}

/// A query that is being read.
struct UserQuery<'a> {
    dialect: Dialect,
    name: &'a str,
    at: Position,
}

/// What did not carry over: where, and why.
type Lost = (Position, String);

impl UserQuery<'_> {
    /// The collectors that it becomes: one for each range of versions and each database that it names.
    fn read(&self, body: &YamlNode, report: &mut ImportReport) -> Vec<CollectorDraft> {
        let expected = || (self.at, format!("expected a map with query and metrics, found {}", body.describe()));
        let found = Entries::of(body).ok_or_else(expected).and_then(|fields| self.drafts(&fields, report));
        found.unwrap_or_else(|(at, why)| {
            report.lost(at, format!("{}: {why}", self.name));
            Vec::new()
        })
    }

    fn drafts(&self, fields: &Entries<'_>, report: &mut ImportReport) -> Result<Vec<CollectorDraft>, Lost> {
        let more = if self.is_of_cnpg() { &MORE_KEYS[..] } else { &[] };
        fields.report_others(&[&KEYS[..], more].concat(), self.name, report);
        let sql = fields.text("query").ok_or("it has no query").and_then(statement::single);
        let sql = sql.map_err(|why| (fields.place("query"), why.to_owned()))?;
        let ranges = fields.text("runonserver").map_or(Ok(vec![ServerVersions::default()]), versions::ranges);
        let ranges = ranges.map_err(|why| {
            let text = format!("runonserver: {why}: write the query with min_version and max_version");
            (fields.place("runonserver"), text)
        })?;
        let tags: Vec<Vec<String>> =
            self.databases(fields, sql, report)?.iter().map(|database| self.tags(fields, database)).collect();
        let draft = self.draft(fields, sql, report)?;
        let all: Vec<_> = ranges.iter().flat_map(|range| tags.iter().map(move |tags| (range, tags))).collect();
        let is_single = all.len() == 1;
        let key = |at: usize| if is_single { draft.key.clone() } else { format!("{}_{}", draft.key, at + 1) };
        let drafts = all.into_iter().enumerate().map(|(at, (versions, tags))| CollectorDraft {
            key: key(at),
            versions: *versions,
            tags: tags.clone(),
            ..draft.clone()
        });
        Ok(drafts.collect())
    }

    /// The collector without its versions and databases.
    fn draft(&self, fields: &Entries<'_>, sql: &str, report: &mut ImportReport) -> Result<CollectorDraft, Lost> {
        let columns = query_column::read(self.name, fields.list("metrics"), report);
        let needs_expressions = columns.iter().any(|column| column.expression.is_some());
        if needs_expressions && !statement::is_subquery(sql) {
            return Err((fields.place("query"), "a conversion needs a SELECT: write the query as one".to_owned()));
        }
        let name = fields.text("name").filter(|_| self.is_of_cnpg()).unwrap_or(self.name);
        let full = |name: &str| if self.is_of_cnpg() { format!("cnpg_{name}") } else { name.to_owned() };
        if !engine::is_metric_name(&full(name)) {
            return Err((self.at, "it is no name in Prometheus: rename the query".to_owned()));
        }
        let draft = CollectorDraft {
            key: full(self.name),
            prefix: full(name),
            description: String::new(),
            ask: if needs_expressions {
                RowSource::From(statement::as_subquery(sql))
            } else {
                RowSource::Statement(sql.to_owned())
            },
            predicate: fields.text("predicate_query").map(|query| query.trim().trim_end_matches(';').to_owned()),
            tags: Vec::new(),
            ttl: fields.number("cache_seconds").unwrap_or(0),
            timeout: TIMEOUT,
            versions: ServerVersions::default(),
            skip: false,
            columns,
        };
        if draft.metrics().next().is_none() {
            return Err((fields.place("metrics"), "it has no metric that can be imported".to_owned()));
        }
        Ok(draft)
    }

    fn is_of_cnpg(&self) -> bool {
        self.dialect == Dialect::CloudNativePg
    }

    /// Where it runs.
    fn databases(
        &self,
        fields: &Entries<'_>,
        sql: &str,
        report: &mut ImportReport,
    ) -> Result<Vec<TargetDatabase>, Lost> {
        let name = self.name;
        if !self.is_of_cnpg() {
            if fields.is_true("master") || !statement::names_its_database(sql) {
                return Ok(vec![TargetDatabase::Main]);
            }
            let text = "runs in every database, as with --auto-discover-databases: add the tag cluster to run it once";
            report.changed(self.at, format!("{name}: {text}"));
            return Ok(vec![TargetDatabase::Every]);
        }
        let targets = fields.texts("target_databases");
        if targets.contains(&"*") {
            return Ok(vec![TargetDatabase::Every]);
        }
        if let Some(pattern) = targets.iter().find(|target| target.contains(['*', '?', '['])) {
            let text = format!("no tag matches the pattern {pattern}: name the databases, or write \"*\"");
            return Err((fields.place("target_databases"), text));
        }
        if targets.is_empty() {
            return Ok(vec![TargetDatabase::Main]);
        }
        Ok(targets.into_iter().map(|target| TargetDatabase::Named(target.to_owned())).collect())
    }

    fn tags(&self, fields: &Entries<'_>, database: &TargetDatabase) -> Vec<String> {
        let on_primary = self.is_of_cnpg() && (fields.is_true("primary") || fields.is_true("master"));
        let database = match database {
            TargetDatabase::Every => None,
            TargetDatabase::Main => Some("cluster".to_owned()),
            TargetDatabase::Named(name) => Some(format!("dbname:{name}")),
        };
        database.into_iter().chain(on_primary.then(|| "primary".to_owned())).collect()
    }
}

/// In which databases a query runs.
#[derive(Debug, Clone)]
enum TargetDatabase {
    /// The one of the connection URL.
    Main,
    Every,
    Named(String),
}
