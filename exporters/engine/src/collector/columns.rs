//! The columns of a collector: what each is for, and that their names fit together.

use super::diagnostic::Diagnostics;
use super::fields::Fields;
use super::keys::COLUMN;
use super::top::read_other;
use super::yaml::{Kind, Node, Position};
use super::{Ask, Collector, Column, Usage};
use crate::names::{is_label_name, is_metric_name};

/// Reads `metrics` into the collector's columns and checks them together.
pub(super) fn read_columns(
    collector: &mut Collector,
    position: Position,
    metrics: Option<&Node>,
    diagnostics: &mut Diagnostics,
) {
    let items: &[Node] = match metrics.map(|node| &node.kind) {
        Some(Kind::List(items)) => items,
        Some(_) => {
            let node = metrics.map_or(position, |node| node.position);
            diagnostics.error(
                node,
                format!(
                    "metrics of branch {}: expected a list of columns, as in `- name: {{ usage: GAUGE }}`",
                    collector.key
                ),
            );
            return;
        }
        None => &[],
    };
    let before = diagnostics.errors.len();
    for item in items {
        read_columns_of(item, &mut collector.columns, diagnostics);
    }
    if diagnostics.errors.len() > before {
        return;
    }
    check_names(collector, diagnostics);
    for column in collector.columns.iter().filter(|column| column.expression.is_some()) {
        if matches!(collector.ask, Ask::Query(_)) {
            diagnostics.error(
                column.position,
                format!("column {}: expr belongs to the from form, this branch has a query", column.name),
            );
        }
    }
}

/// The column of an item; older releases of pg_exporter take several columns in one, so long as each is a map.
fn read_columns_of(item: &Node, columns: &mut Vec<Column>, diagnostics: &mut Diagnostics) {
    let message = || format!("expected one column, as in `- name: {{ usage: GAUGE }}`, found {}", describe(item));
    let entries: &[(Node, Node)] = match &item.kind {
        Kind::Map(entries) => entries,
        _ => &[],
    };
    if entries.len() > 1 && entries.iter().all(|(_, body)| matches!(body.kind, Kind::Map(_))) {
        diagnostics.tolerable(item.position, message(), "each is read as a column");
    } else if entries.len() != 1 {
        diagnostics.error(item.position, message());
        return;
    }
    columns.extend(entries.iter().filter_map(|(key, body)| read_column(key, body, diagnostics)));
}

fn read_column(key: &Node, body: &Node, diagnostics: &mut Diagnostics) -> Option<Column> {
    let Some(name) = key.scalar() else {
        diagnostics.error(key.position, format!("expected the name of a column, found {}", key.describe()));
        return None;
    };
    let Kind::Map(entries) = &body.kind else {
        diagnostics
            .error(body.position, format!("column {name}: expected a map with usage, found {}", body.describe()));
        return None;
    };
    let (entries, tail) = split_description(name, entries, diagnostics);
    let fields = Fields::of(entries.into_iter(), &format!("column {name}"), &COLUMN, diagnostics);
    let column_name = fields.text("name").unwrap_or_else(|| name.to_owned());
    let mut usage = read_usage(name, key.position, &fields, diagnostics)?;
    let buckets = read_buckets(name, key.position, &mut usage, &fields, diagnostics);
    let versions = fields.versions();
    if let Some((at, message)) = fields.empty_range(versions) {
        diagnostics.error(at, message);
    }
    Some(Column {
        exposed: fields.text("rename").unwrap_or_else(|| column_name.clone()),
        name: column_name,
        usage,
        scale: fields.number("scale"),
        default: fields.number("default"),
        buckets,
        other: read_other(name, usage, &fields, diagnostics),
        description: fields.text("description").unwrap_or_default() + &tail,
        is_statement: read_redact(name, usage, &fields, diagnostics),
        expression: fields.text("expr"),
        versions,
        position: key.position,
    })
}

fn describe(item: &Node) -> String {
    match &item.kind {
        Kind::Map(entries) => {
            let keys: Vec<_> = entries.iter().map(|(key, _)| key.scalar().unwrap_or("?")).collect();
            format!("a map with the keys {}", keys.join(", "))
        }
        _ => item.describe(),
    }
}

/// In `{ usage: GAUGE, description: one, two }` YAML sees a key `two` without a value. Published configurations are full
/// of it, so such keys, after a description, are read as the rest of it, with a warning.
fn split_description<'a>(
    column: &str,
    entries: &'a [(Node, Node)],
    diagnostics: &mut Diagnostics,
) -> (Vec<(&'a Node, &'a Node)>, String) {
    let mut kept = Vec::new();
    let mut tail = String::new();
    let mut described = false;
    for (key, value) in entries {
        if described && matches!(value.kind, Kind::Null) {
            let part = key.scalar().unwrap_or_default();
            diagnostics.warning(
                key.position,
                format!("column {column}: read \", {part}\" as part of the description: quote it"),
            );
            tail.push_str(", ");
            tail.push_str(part);
            continue;
        }
        described |= key.scalar() == Some("description");
        kept.push((key, value));
    }
    (kept, tail)
}

fn read_usage(column: &str, position: Position, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Usage> {
    if fields.get("usage").is_none() {
        let expected = COLUMN.key("usage").map(|key| key.kind.expected()).unwrap_or_default();
        diagnostics.error(position, format!("column {column} has no usage: expected {expected}"));
    }
    match fields.word(&COLUMN, "usage")? {
        "LABEL" => Some(Usage::Label),
        "GAUGE" => Some(Usage::Gauge),
        "COUNTER" => Some(Usage::Counter),
        "HISTOGRAM" => Some(Usage::Histogram),
        _ => Some(Usage::Discard),
    }
}

/// Reads `redact` of a column: what beside passwords is kept out of a label.
fn read_redact(column: &str, usage: Usage, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> bool {
    let Some(node) = fields.get("redact") else { return false };
    if usage != Usage::Label {
        diagnostics.error(node.position, format!("column {column}: redact belongs to a LABEL"));
    }
    true
}

fn read_buckets(
    column: &str,
    position: Position,
    usage: &mut Usage,
    fields: &Fields<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<f64> {
    let nodes = fields.list("bucket");
    let at = fields.get("bucket").map_or(position, |node| node.position);
    let mut bounds: Vec<f64> = Vec::new();
    for node in nodes {
        let bound = node.scalar().and_then(|text| text.parse::<f64>().ok()).filter(|bound| bound.is_finite());
        match (bound, bounds.last()) {
            (Some(bound), Some(last)) if bound <= *last => diagnostics.error(
                node.position,
                format!("column {column}: expected bounds that increase, found {} after {last}", node.describe()),
            ),
            (Some(bound), _) => bounds.push(bound),
            (None, _) => diagnostics.error(
                node.position,
                format!("column {column}: expected a finite number as a bound, found {}", node.describe()),
            ),
        }
    }
    let is_list = fields.get("bucket").is_none_or(|node| matches!(node.kind, Kind::List(_)));
    match usage {
        // Releases before 1.4 know the usage and export nothing of such a column.
        Usage::Histogram if nodes.is_empty() && is_list => {
            let message = format!("column {column}: a HISTOGRAM needs bucket, a list of upper bounds");
            diagnostics.tolerable(at, message, "the column is left out");
            *usage = Usage::Discard;
        }
        Usage::Histogram => {}
        _ if !nodes.is_empty() => {
            let message = format!("column {column}: bucket belongs to a HISTOGRAM only");
            diagnostics.tolerable(at, message, "bucket is ignored");
            bounds.clear();
        }
        _ => {}
    }
    bounds
}

/// No two columns, labels or metrics of one version may share a name, and every name must be legal.
fn check_names(collector: &Collector, diagnostics: &mut Diagnostics) {
    let histogram = collector.columns.iter().any(|column| column.usage == Usage::Histogram);
    for (at, column) in collector.columns.iter().enumerate() {
        let name = &column.exposed;
        match column.usage {
            Usage::Discard => {}
            Usage::Label if !is_label_name(name) => {
                diagnostics.error(
                    column.position,
                    format!(
                        "\"{name}\" cannot name a label: expected ASCII letters, digits and _, not a digit or __ first"
                    ),
                );
            }
            Usage::Label if name == "le" && histogram => {
                diagnostics.error(column.position, "the label le belongs to the histogram of this branch");
            }
            Usage::Label => {}
            // A bad prefix has been told already, once for all of them.
            _ if is_metric_name(&collector.name) && !is_metric_name(&format!("{}_{name}", collector.name)) => {
                diagnostics.error(
                    column.position,
                    format!(
                        "\"{}_{name}\" cannot name a metric: expected ASCII letters, digits, _ and :",
                        collector.name
                    ),
                );
            }
            _ => {}
        }
        for earlier in collector.columns[..at].iter().filter(|earlier| earlier.versions.overlaps(&column.versions)) {
            if earlier.name == column.name {
                let (name, line) = (&column.name, earlier.position.line);
                let why = if earlier.versions == column.versions {
                    String::new()
                } else {
                    format!(": their versions overlap, {} here and {} there", column.versions, earlier.versions)
                };
                diagnostics.error(column.position, format!("column {name} is there already, at line {line}{why}"));
            } else if (earlier.usage == Usage::Label) == (column.usage == Usage::Label)
                && shares_a_name(collector, earlier, column)
            {
                let line = earlier.position.line;
                diagnostics.error(
                    column.position,
                    format!(
                        "column {} gives {name}, which column {} at line {line} gives already",
                        column.name, earlier.name
                    ),
                );
            }
        }
    }
}

fn shares_a_name(collector: &Collector, one: &Column, other: &Column) -> bool {
    if one.usage == Usage::Label {
        return one.exposed == other.exposed;
    }
    let names = |column| -> Vec<String> {
        let families = collector.families_of(column);
        families
            .into_iter()
            .flat_map(|family| std::iter::once(family.name.clone()).chain(family.sample_names()))
            .collect()
    };
    let mine = names(one);
    names(other).iter().any(|name| mine.contains(name))
}
