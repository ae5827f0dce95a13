//! sql_exporter: a collector file, or a configuration that has collectors in it.

use std::collections::BTreeMap;

use engine::YamlNode;

use super::sql_metric::SqlMetric;
use crate::collector::{CollectorDraft, RowSource, ServerVersions, TIMEOUT};
use crate::duration;
use crate::error::ImportError;
use crate::fields::Entries;
use crate::report::ImportReport;
use crate::statement;

const KEYS: [&str; 4] = ["collector_name", "min_interval", "metrics", "queries"];
/// Keys of a configuration that have nothing to do with its collectors.
const CONFIGURATION: [(&str, &str); 4] = [
    ("target", "the connection is not imported: set --url or PG_EXPORTER_URL"),
    ("jobs", "connections are not imported: set --url or PG_EXPORTER_URL"),
    ("collector_files", "the files are not read: import them by their names"),
    ("global", "its settings are not imported, except min_interval: see --scrape-timeout and --max-connections"),
];

/// The collectors of a file.
///
/// # Errors
/// If it has none.
pub(crate) fn read(place: &str, root: &YamlNode) -> Result<(Vec<CollectorDraft>, ImportReport), ImportError> {
    let expected = "a collector with collector_name and metrics, or collectors";
    let wrong = || ImportError::Format { place: place.to_owned(), expected };
    let file = Entries::of(root).ok_or_else(wrong)?;
    let mut report = ImportReport::new(place);
    if file.get("collector_name").is_some() && file.get("metrics").is_some() {
        let collectors = read_collector(&file, None, &mut report);
        return Ok((collectors, report));
    }
    let interval = file.map("global").and_then(|global| global.text("min_interval"));
    let found: Vec<Entries<'_>> = file.list("collectors").iter().filter_map(Entries::of).collect();
    let found: Vec<_> = found.into_iter().filter(|collector| collector.get("metrics").is_some()).collect();
    if found.is_empty() {
        return Err(wrong());
    }
    for (key, text) in CONFIGURATION {
        if file.get(key).is_some() {
            report.changed(file.place(key), format!("{key}: {text}"));
        }
    }
    let collectors = found.iter().flat_map(|collector| read_collector(collector, interval, &mut report)).collect();
    Ok((collectors, report))
}

/// The collectors of one: one for each metric, of which those with the same `query_ref` share the query.
fn read_collector(fields: &Entries<'_>, interval: Option<&str>, report: &mut ImportReport) -> Vec<CollectorDraft> {
    let name = fields.text("collector_name").unwrap_or("collector");
    fields.report_others(&KEYS, name, report);
    let interval = fields.text("min_interval").or(interval);
    let ttl = interval.and_then(duration::seconds);
    if let (Some(text), None) = (interval, ttl) {
        report.lost(fields.place("min_interval"), format!("{name}: min_interval {text}: set ttl in seconds"));
    }
    let queries = named_queries(fields);
    let mut owners: BTreeMap<&str, String> = BTreeMap::new();
    let mut collectors = Vec::new();
    for metric in fields.list("metrics").iter().filter_map(Entries::of) {
        let found = SqlMetric::read(&metric, report).and_then(|metric| {
            let (sql, at) = match metric.reference {
                Some(reference) => (queries.get(reference).copied(), metric.at),
                None => (metric.query, metric.at),
            };
            match sql.ok_or("it has no query").and_then(statement::single) {
                Ok(sql) => Some((metric, sql)),
                Err(why) => {
                    report.lost(at, format!("{}: {why}", metric.name));
                    None
                }
            }
        });
        report.query(found.is_some());
        let Some((metric, sql)) = found else { continue };
        let ask = ask(&metric, sql, &mut owners, report);
        collectors.push(CollectorDraft {
            key: metric.name.to_owned(),
            prefix: metric.prefix.to_owned(),
            description: String::new(),
            ask,
            predicate: None,
            tags: vec!["cluster".to_owned()],
            ttl: ttl.unwrap_or(0),
            timeout: TIMEOUT,
            versions: ServerVersions::default(),
            skip: false,
            columns: metric.columns,
        });
    }
    collectors
}

/// The texts of `queries` by their names.
fn named_queries<'a>(fields: &Entries<'a>) -> BTreeMap<&'a str, &'a str> {
    let queries = fields.list("queries").iter().filter_map(Entries::of);
    queries.filter_map(|query| Some((query.text("query_name")?, query.text("query")?))).collect()
}

/// Where the metric's rows come from: the first one of a named query has it, the others share it.
fn ask<'a>(
    metric: &SqlMetric<'a>,
    sql: &str,
    owners: &mut BTreeMap<&'a str, String>,
    report: &mut ImportReport,
) -> RowSource {
    if let Some(rows) = &metric.rows {
        if let Some(reference) = metric.reference {
            report.changed(metric.at, format!("{}: runs the query {reference} for itself", metric.name));
        }
        return RowSource::From(format!("{}{rows}", statement::as_subquery(sql)));
    }
    let Some(reference) = metric.reference else {
        let has_expressions = metric.columns.iter().any(|column| column.expression.is_some());
        return if has_expressions {
            RowSource::From(statement::as_subquery(sql))
        } else {
            RowSource::Statement(sql.to_owned())
        };
    };
    if let Some(owner) = owners.get(reference) {
        return RowSource::QueryOf(owner.clone());
    }
    owners.insert(reference, metric.name.to_owned());
    RowSource::From(statement::as_subquery(sql))
}
