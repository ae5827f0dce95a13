//! One metric of sql_exporter.

use engine::Position;

use crate::collector::{ColumnDraft, ColumnUsage, identifier, literal};
use crate::fields::Entries;
use crate::report::ImportReport;

const KEYS: [&str; 12] = [
    "metric_name",
    "type",
    "help",
    "key_labels",
    "static_labels",
    "value_label",
    "values",
    "query",
    "query_ref",
    "no_prepared_statement",
    "static_value",
    "timestamp_value",
];

/// A metric that can be imported.
#[derive(Debug)]
pub(crate) struct SqlMetric<'a> {
    pub name: &'a str,
    pub at: Position,
    /// The name up to its last underscore.
    pub prefix: &'a str,
    pub query: Option<&'a str>,
    pub reference: Option<&'a str>,
    /// What follows the query so that each row becomes one for each value.
    pub rows: Option<String>,
    pub columns: Vec<ColumnDraft>,
}

impl<'a> SqlMetric<'a> {
    /// Reads a metric; what has no equivalent is reported.
    pub fn read(fields: &Entries<'a>, report: &mut ImportReport) -> Option<Self> {
        let name = fields.text("metric_name").unwrap_or("metric");
        let at = fields.place("metric_name");
        fields.report_others(&KEYS, name, report);
        match parts(name, at, fields, report) {
            Ok(metric) => Some(metric),
            Err(why) => {
                report.lost(at, format!("{name}: {why}"));
                None
            }
        }
    }
}

fn parts<'a>(
    name: &'a str,
    at: Position,
    fields: &Entries<'a>,
    report: &mut ImportReport,
) -> Result<SqlMetric<'a>, String> {
    let (prefix, rest) = name
        .rsplit_once('_')
        .filter(|(prefix, rest)| !prefix.is_empty() && !rest.is_empty())
        .ok_or("a name needs an underscore here: rename the metric")?;
    if !engine::is_metric_name(name) {
        return Err("it is no name in Prometheus: rename the metric".to_owned());
    }
    let usage = match fields.text("type").map(str::to_lowercase).as_deref() {
        Some("counter") => ColumnUsage::Counter,
        Some("gauge") => ColumnUsage::Gauge,
        _ => return Err("expected type: counter or type: gauge".to_owned()),
    };
    if fields.get("timestamp_value").is_some() {
        let text = format!("{name}: timestamp_value: samples have the time of the scrape: export the time as a metric");
        report.lost(fields.place("timestamp_value"), text);
    }
    let mut columns = labels(name, fields)?;
    let help = fields.text("help").unwrap_or_default().trim().to_owned();
    let values = fields.texts("values");
    let value_label = fields.text("value_label");
    let value = |name: String, expression| ColumnDraft {
        rename: Some(rest.to_owned()),
        expression,
        description: help,
        ..ColumnDraft::new(name, usage)
    };
    let mut rows = None;
    match (values.as_slice(), value_label, fields.text("static_value")) {
        ([], _, Some(number)) => {
            let number: f64 = number.trim().parse().map_err(|_| format!("static_value {number} is no number"))?;
            columns.push(value(format!("{name}_value"), Some(number.to_string())));
        }
        ([], ..) => return Err("it has no values".to_owned()),
        ([single], None, _) => columns.push(value((*single).to_owned(), None)),
        (several, label, _) => {
            let label = label.ok_or("several values need value_label")?;
            check_label(label)?;
            rows = Some(unpivot(several));
            let column = ColumnDraft::new(format!("{name}_{label}"), ColumnUsage::Label);
            columns.push(ColumnDraft {
                rename: Some(label.to_owned()),
                expression: Some("v.value_label".to_owned()),
                ..column
            });
            columns.push(value(format!("{name}_value"), Some("v.value_number".to_owned())));
        }
    }
    let (query, reference) = (fields.text("query"), fields.text("query_ref"));
    Ok(SqlMetric { name, at, prefix, query, reference, rows, columns })
}

/// The columns of `key_labels` and `static_labels`.
fn labels(metric: &str, fields: &Entries<'_>) -> Result<Vec<ColumnDraft>, String> {
    let mut columns = Vec::new();
    for key in fields.texts("key_labels") {
        check_label(key)?;
        columns.push(ColumnDraft::new(key, ColumnUsage::Label));
    }
    let fixed = fields.map("static_labels");
    for (label, _, value) in fixed.iter().flat_map(Entries::entries) {
        check_label(label)?;
        // Metrics that share a query may give a label different values.
        columns.push(ColumnDraft {
            rename: Some(label.to_owned()),
            expression: Some(format!("{}::text", literal(value.scalar().unwrap_or_default()))),
            ..ColumnDraft::new(format!("{metric}_{label}"), ColumnUsage::Label)
        });
    }
    Ok(columns)
}

fn check_label(name: &str) -> Result<(), String> {
    if engine::is_label_name(name) {
        Ok(())
    } else {
        Err(format!("\"{name}\" is no name of a label: rename the column"))
    }
}

/// A row for each of the columns, with its name and value.
fn unpivot(columns: &[&str]) -> String {
    let rows: Vec<String> =
        columns.iter().map(|column| format!("  ({}, q.{}::float8)", literal(column), identifier(column))).collect();
    format!("\nCROSS JOIN LATERAL (VALUES\n{}\n) AS v (value_label, value_number)", rows.join(",\n"))
}
