//! The keys `top` and `lookup`, and what `top` asks of the columns.

use super::diagnostic::Diagnostics;
use super::fields::Fields;
use super::keys::{COLUMN, LOOKUP, TOP};
use super::{Collector, Column, Fold, Lookup, Top, Usage};

/// Reads `top`: `{ by: <counter column>, limit: <number>, per: [<label column>] }`.
pub(super) fn read_top(collector: &Collector, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Top> {
    let Some(node) = fields.get("top") else {
        let by_default = |column: &&Column| column.other.is_some() == (column.usage == Usage::Counter);
        for column in collector.columns.iter().filter(|column| !by_default(column)) {
            diagnostics.error(column.position, format!("column {}: other belongs to a branch with top", column.name));
        }
        return None;
    };
    let item = Fields::read(node, "top", &TOP, diagnostics)?;
    let has = |name: &str, usage| collector.columns.iter().any(|column| column.name == name && column.usage == usage);
    let by = item.text("by");
    let at = item.position("by", node.position);
    match by.as_deref() {
        None => diagnostics.error(node.position, "top: expected by, the COUNTER column whose growth ranks"),
        Some(by) if !has(by, Usage::Counter) => {
            diagnostics.error(at, format!("top: by: {by} is no COUNTER of this branch"))
        }
        Some(_) => {}
    }
    let limit = item.count("limit");
    if limit.is_none() && item.get("limit").is_none() {
        diagnostics.error(node.position, "top: expected limit, how many are shown by themselves");
    }
    let mut per = Vec::new();
    for node in item.list("per") {
        match node.scalar() {
            Some(name) if has(name, Usage::Label) => per.push(name.to_owned()),
            _ => diagnostics.error(node.position, format!("top: per: {} is no LABEL of this branch", node.describe())),
        }
    }
    let is_snapshot = |column: &&Column| column.usage == Usage::Histogram && !collector.is_accumulated();
    if let Some(column) = collector.columns.iter().find(is_snapshot) {
        diagnostics.error(column.position, format!("column {}: a branch with top has no HISTOGRAM", column.name));
    }
    Some(Top { by: by?, limit: limit?, per })
}

/// Reads `other` of a column: counters are summed unless it says none, gauges are left out unless it says how.
pub(super) fn read_other(
    column: &str,
    usage: Usage,
    fields: &Fields<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Fold> {
    let Some(node) = fields.get("other") else { return (usage == Usage::Counter).then_some(Fold::Sum) };
    let fold = match fields.word(&COLUMN, "other")? {
        "sum" => Some(Fold::Sum),
        "max" => Some(Fold::Max),
        "min" => Some(Fold::Min),
        _ => None,
    };
    let wrong = match usage {
        Usage::Gauge => return fold,
        Usage::Counter if matches!(fold, None | Some(Fold::Sum)) => return fold,
        Usage::Counter => format!("expected sum or none for a COUNTER, found {}", node.describe()),
        _ => "it belongs to a GAUGE or COUNTER".to_owned(),
    };
    diagnostics.error(node.position, format!("column {column}: other: {wrong}"));
    None
}

/// Reads `lookup`: `{ of: <branch with a top>, label: <label column of both> }`.
pub(super) fn read_lookup(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Lookup> {
    let node = fields.get("lookup")?;
    let item = Fields::read(node, "lookup", &LOOKUP, diagnostics)?;
    for (name, what) in [("of", "the branch whose label sets it gives details of"), ("label", "a label of both")] {
        if item.get(name).is_none() {
            diagnostics.error(node.position, format!("lookup: expected {name}, {what}"));
        }
    }
    Some(Lookup { of: item.text("of")?, label: item.text("label")? })
}
