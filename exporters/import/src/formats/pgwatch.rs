//! pgwatch: metrics with a query for each version, and presets with their intervals.

use std::collections::BTreeMap;

use engine::{Position, YamlNode};

use crate::collector::{CollectorDraft, ColumnDraft, ColumnUsage, RowSource, ServerVersions, TIMEOUT};
use crate::error::ImportError;
use crate::fields::Entries;
use crate::report::ImportReport;
use crate::select_list::{self, OutputColumn};
use crate::statement;

const KEYS: [&str; 9] = [
    "sqls",
    "description",
    "gauges",
    "is_instance_level",
    "node_status",
    "statement_timeout_seconds",
    "storage_name",
    "init_sql",
    "is_private",
];

/// The shortest interval of each metric in a preset, in seconds.
type Intervals<'a> = BTreeMap<&'a str, u64>;

/// The collectors of a file: one for each metric and version.
///
/// # Errors
/// If it has no metrics.
pub(crate) fn read(place: &str, root: &YamlNode) -> Result<(Vec<CollectorDraft>, ImportReport), ImportError> {
    let expected = "metrics, each with sqls";
    let wrong = || ImportError::Format { place: place.to_owned(), expected };
    let file = Entries::of(root).ok_or_else(wrong)?;
    let metrics = file.map("metrics").unwrap_or(file);
    let is_metric = |node: &YamlNode| Entries::of(node).is_some_and(|fields| fields.get("sqls").is_some());
    if !metrics.entries().any(|(_, _, body)| is_metric(body)) {
        return Err(wrong());
    }
    let intervals = intervals(&file);
    let (mut report, mut collectors) = (ImportReport::new(place), Vec::new());
    report.changed(metrics.position, "the label dbname is the name of the database, not that of pgwatch's source");
    if !intervals.is_empty() {
        report.changed(file.place("presets"), "a ttl is the shortest interval that a preset has for the metric");
    }
    for (name, at, body) in metrics.entries() {
        let fields = Entries::of(body);
        let found =
            fields.map(|fields| PgwatchMetric { name, at, fields }.read(&intervals, &mut report)).unwrap_or_default();
        report.query(!found.is_empty());
        collectors.extend(found);
    }
    Ok((collectors, report))
}

fn intervals<'a>(file: &Entries<'a>) -> Intervals<'a> {
    let mut intervals = Intervals::new();
    let presets = file.map("presets");
    for (_, _, body) in presets.iter().flat_map(Entries::entries) {
        let metrics = Entries::of(body).and_then(|body| body.map("metrics"));
        for (metric, _, value) in metrics.iter().flat_map(Entries::entries) {
            let Some(seconds) = value.scalar().and_then(|text| text.trim().parse::<f64>().ok()) else { continue };
            let seconds = seconds.max(0.0) as u64;
            intervals.entry(metric).and_modify(|known| *known = seconds.min(*known)).or_insert(seconds);
        }
    }
    intervals
}

/// A metric that is being read.
struct PgwatchMetric<'a> {
    name: &'a str,
    at: Position,
    fields: Entries<'a>,
}

impl PgwatchMetric<'_> {
    fn read(&self, intervals: &Intervals<'_>, report: &mut ImportReport) -> Vec<CollectorDraft> {
        let Self { name, at, fields } = self;
        fields.report_others(&KEYS, name, report);
        if fields.text("init_sql").is_some() {
            let text = format!("{name}: init_sql is not run: run it once in each database");
            report.lost(fields.place("init_sql"), text);
        }
        let interval = intervals.get(name);
        let prefix = format!("pgwatch_{}", fields.text("storage_name").unwrap_or(name));
        let versions = self.versions(report);
        let mut collectors = Vec::new();
        for (index, (min, sql_at, sql)) in versions.iter().enumerate() {
            let max = versions.get(index + 1).map(|(next, ..)| *next);
            let Some(columns) = self.columns(sql, *sql_at, report) else { continue };
            collectors.push(CollectorDraft {
                key: format!("pgwatch_{name}_{}", min / 10_000),
                prefix: prefix.clone(),
                description: fields.text("description").unwrap_or_default().trim().replace('\n', " "),
                ask: RowSource::From(statement::as_subquery(sql)),
                predicate: None,
                tags: self.tags(),
                ttl: interval.copied().unwrap_or(0),
                timeout: fields.number("statement_timeout_seconds").filter(|limit| *limit > 0).unwrap_or(TIMEOUT),
                versions: ServerVersions { min: Some(*min), max },
                skip: false,
                columns,
            });
        }
        if interval.is_none() && !collectors.is_empty() {
            report.changed(*at, format!("{name}: no preset has it, so it runs at every scrape: set a ttl"));
        }
        if let [single] = &mut collectors[..] {
            single.key = format!("pgwatch_{name}");
        }
        collectors
    }

    /// The statement from each version on, oldest first; blank ones only end the range before.
    fn versions(&self, report: &mut ImportReport) -> Vec<(u32, Position, String)> {
        let sqls = self.fields.map("sqls");
        let mut versions = Vec::new();
        for (version, at, sql) in sqls.iter().flat_map(Entries::entries) {
            let text = sql.scalar().unwrap_or_default();
            match (version.trim().parse::<u32>().ok().filter(|major| (1..100).contains(major)), statement::single(text))
            {
                (None, _) => report.lost(at, format!("{}: sqls: {version} is no major version", self.name)),
                (Some(major), Err("the query is empty")) => versions.push((major * 10_000, at, String::new())),
                (Some(_), Err(why)) => report.lost(at, format!("{}: {why}", self.name)),
                (Some(major), Ok(sql)) => versions.push((major * 10_000, at, sql.to_owned())),
            }
        }
        versions.sort_by_key(|(version, ..)| *version);
        if sqls.is_none() || !versions.is_empty() && versions.iter().all(|(_, _, sql)| sql.is_empty()) {
            report.lost(self.at, format!("{}: it has no query: pgwatch makes this metric itself", self.name));
        }
        versions
    }

    /// The columns of a statement; `None` if it is blank or its columns are not known.
    fn columns(&self, sql: &str, at: Position, report: &mut ImportReport) -> Option<Vec<ColumnDraft>> {
        if sql.is_empty() {
            return None;
        }
        let name = self.name;
        let outputs = match select_list::columns(sql) {
            Ok(outputs) => outputs,
            Err(why) => {
                report.lost(at, format!("{name}: {why}: write its columns out"));
                return None;
            }
        };
        let mut columns = vec![ColumnDraft {
            expression: Some("pg_catalog.current_database()".to_owned()),
            description: "Database".to_owned(),
            ..ColumnDraft::new("dbname", ColumnUsage::Label)
        }];
        for OutputColumn { name: output, is_text } in outputs {
            match output {
                None => report.lost(at, format!("{name}: a column has no name: give it one with AS")),
                Some(output) if output == "epoch_ns" || output == "tag_dbname" => {}
                Some(output) if !engine::is_metric_name(&format!("a_{output}")) => {
                    report.lost(at, format!("{name}: \"{output}\" is no name in Prometheus: rename the column"));
                }
                // pgwatch exports numbers and booleans only.
                Some(output) if is_text && !output.starts_with("tag_") => {}
                Some(output) => columns.push(self.column(output)),
            }
        }
        if columns.iter().all(|column| column.usage == ColumnUsage::Label) {
            report.lost(at, format!("{name}: it has no column that is a number"));
            return None;
        }
        Some(columns)
    }

    fn column(&self, output: String) -> ColumnDraft {
        if let Some(label) = output.strip_prefix("tag_") {
            return ColumnDraft {
                rename: Some(label.to_owned()),
                ..ColumnDraft::new(output.clone(), ColumnUsage::Label)
            };
        }
        let gauges = self.fields.texts("gauges");
        let is_gauge = gauges.first() == Some(&"*") || gauges.contains(&output.as_str());
        ColumnDraft::new(output, if is_gauge { ColumnUsage::Gauge } else { ColumnUsage::Counter })
    }

    fn tags(&self) -> Vec<String> {
        let once = self.fields.is_true("is_instance_level").then_some("cluster");
        let role = self.fields.text("node_status").map(str::trim).filter(|role| matches!(*role, "primary" | "standby"));
        once.into_iter().chain(role).map(str::to_owned).collect()
    }
}
