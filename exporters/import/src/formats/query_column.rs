//! The columns of a query of postgres_exporter or CloudNativePG.

use engine::{Position, YamlNode};

use crate::collector::{ColumnDraft, ColumnUsage, identifier, literal};
use crate::fields::Entries;
use crate::report::ImportReport;

const KEYS: [&str; 5] = ["usage", "description", "metric_mapping", "name", "pg_version"];

/// The columns of the list `metrics`.
pub(crate) fn read(query: &str, items: &[YamlNode], report: &mut ImportReport) -> Vec<ColumnDraft> {
    let entries = items.iter().filter_map(Entries::of).flat_map(|item| item.entries());
    let mut columns: Vec<ColumnDraft> = Vec::new();
    for (name, at, body) in entries {
        let what = format!("{query}, column {name}");
        match Entries::of(body).ok_or_else(|| "it has no usage".to_owned()).and_then(|fields| {
            fields.report_others(&KEYS, &what, report);
            column(name, &fields, at, &what, report)
        }) {
            Ok(column) => columns.push(column),
            Err(why) => report.lost(at, format!("{what}: {why}")),
        }
    }
    columns
}

/// One column, or why it has no equivalent.
fn column(
    name: &str,
    fields: &Entries<'_>,
    at: Position,
    what: &str,
    report: &mut ImportReport,
) -> Result<ColumnDraft, String> {
    let usage = fields.text("usage").ok_or("it has no usage")?.to_uppercase();
    if fields.get("pg_version").is_some() {
        report
            .changed(fields.place("pg_version"), format!("{what}: pg_version is ignored, as the other exporter does"));
    }
    let mut column = ColumnDraft {
        rename: fields.text("name").map(str::to_owned),
        description: fields.text("description").unwrap_or_default().trim().to_owned(),
        ..ColumnDraft::new(name, ColumnUsage::Gauge)
    };
    match usage.as_str() {
        "LABEL" => column.usage = ColumnUsage::Label,
        "COUNTER" => column.usage = ColumnUsage::Counter,
        "GAUGE" => {}
        "DISCARD" => column.usage = ColumnUsage::Discard,
        "MAPPEDMETRIC" => {
            column.expression = Some(mapping(name, fields)?);
            report.changed(at, format!("{what}: MAPPEDMETRIC became a CASE expression"));
        }
        "DURATION" => {
            column.rename = Some(format!("{}_milliseconds", column.exposed()));
            column.expression = Some(milliseconds(name));
            report.changed(at, format!("{what}: DURATION became an expression of an interval"));
        }
        "HISTOGRAM" => {
            let parts = format!("{name}_bucket, {name}_sum and {name}_count");
            return Err(format!(
                "HISTOGRAM of ready-made buckets: return {parts} as COUNTER columns, a row for each bucket with the label le"
            ));
        }
        other => return Err(format!("unknown usage {other}")),
    }
    let usable = match column.usage {
        ColumnUsage::Label => engine::is_label_name(column.exposed()),
        _ => engine::is_metric_name(&format!("a_{}", column.exposed())),
    };
    if usable {
        Ok(column)
    } else {
        Err(format!("\"{}\" is no name in Prometheus: rename the column", column.exposed()))
    }
}

/// The number of each text; of another one none.
fn mapping(name: &str, fields: &Entries<'_>) -> Result<String, String> {
    let map = fields.map("metric_mapping").ok_or("MAPPEDMETRIC without metric_mapping")?;
    let mut cases = Vec::new();
    for (text, _, value) in map.entries() {
        let number =
            value.scalar().and_then(|value| value.trim().parse::<f64>().ok()).filter(|number| number.is_finite());
        let number = number.ok_or_else(|| format!("the number of {text} in metric_mapping is {}", value.describe()))?;
        cases.push(format!("WHEN {} THEN {number}", literal(text)));
    }
    if cases.is_empty() {
        return Err("metric_mapping is empty".to_owned());
    }
    Ok(format!("CASE {}::text {} END", identifier(name), cases.join(" ")))
}

/// The milliseconds of a duration as text, such as `1m30s`; -1 is none.
fn milliseconds(name: &str) -> String {
    format!("1000 * EXTRACT(epoch FROM NULLIF({}::text, '-1')::interval)", identifier(name))
}
