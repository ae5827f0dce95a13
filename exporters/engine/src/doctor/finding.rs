//! From the rows of a rule to its finding.

use serde::{Serialize, Serializer};

use super::condition::Columns;
use super::rule::{Rule, Severity};
use crate::redact;
use crate::rows::{Rows, Value};

/// How many objects of a finding are shown; more are counted.
const MOST_OBJECTS: usize = 20;
/// The columns of a row that are no evidence: what to do about it, and where.
const FIX: &str = "fix";
const DATABASE: &str = "database";

/// What a rule found, in all databases.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub name: String,
    pub severity: Severity,
    pub summary: String,
    pub why: String,
    /// Where to paste the fixes.
    pub fix_in: &'static str,
    pub source: String,
    /// How many objects it is about.
    pub count: usize,
    /// The first of them.
    pub objects: Vec<Object>,
}

/// One object that is not as it should be.
#[derive(Debug, Serialize)]
pub(crate) struct Object {
    /// The database that it is in and its fix is for; `None` where that does not matter.
    pub database: Option<String>,
    #[serde(serialize_with = "as_map")]
    pub evidence: Vec<(String, Cell)>,
    pub fix: Option<String>,
}

/// A value of the evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

fn as_map<S: Serializer>(evidence: &[(String, Cell)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(evidence.iter().map(|(name, value)| (name, value)))
}

impl Finding {
    /// One without an object.
    pub fn new(rule: &Rule) -> Self {
        Self {
            name: rule.name.clone(),
            severity: rule.severity,
            summary: rule.summary.clone(),
            why: rule.why.clone(),
            fix_in: rule.fix_in,
            source: rule.source.clone(),
            count: 0,
            objects: Vec::new(),
        }
    }

    /// Adds the rows of one database that the rule's conditions hold for. `joined` is the row to add to each.
    pub fn add(&mut self, rule: &Rule, rows: &Rows, joined: &Rows, database: Option<&str>) {
        self.count += rows.dropped;
        let beside = joined.iter().next();
        for row in rows.iter() {
            let columns = |name: &str| {
                let of = |rows: &Rows| rows.columns.iter().position(|column| column == name);
                of(rows).map(|at| row.get(at)).or_else(|| Some(beside?.get(of(joined)?)))
            };
            if !rule.when.iter().all(|condition| condition.holds(&columns)) {
                continue;
            }
            self.count += 1;
            if self.objects.len() < MOST_OBJECTS {
                self.objects.push(object(rule, &rows.columns, &columns, database));
            }
        }
    }
}

fn object(rule: &Rule, names: &[String], columns: &Columns<'_>, database: Option<&str>) -> Object {
    let text = |name: &str| {
        let text = columns(name)?.label().ok()?.into_owned();
        (!text.is_empty()).then_some(text)
    };
    let shown = if rule.evidence.is_empty() { names } else { rule.evidence.as_slice() };
    let is_evidence = |name: &&String| *name != FIX && (*name != DATABASE || rule.evidence.contains(name));
    let cell = |name: &String| Some((name.clone(), cell(&columns(name)?)));
    let own = if rule.evidence.is_empty() { text(DATABASE) } else { None };
    Object {
        database: own.or_else(|| database.map(str::to_owned)),
        evidence: shown.iter().filter(is_evidence).filter_map(cell).collect(),
        fix: text(FIX).or_else(|| rule.fix.as_ref().map(|template| template.fill(columns))),
    }
}

/// The value without passwords; what cannot be read is as good as NULL.
fn cell(value: &Value<'_>) -> Cell {
    match value {
        Value::Null | Value::Invalid(_) => Cell::Null,
        Value::Bool(value) => Cell::Bool(*value),
        Value::Int(value) => Cell::Int(*value),
        Value::Float(value) => Cell::Float(*value),
        Value::Text(text) => Cell::Text(redact::secrets(text).into_owned()),
    }
}
