//! What lines about durations say besides their text: how many executions they stand for, and the shape of a plan.

mod history;
mod sampling;

use plan_shape::{PlanError, PlanShape};

pub use self::history::PlanHistory;
pub use self::sampling::Sampling;
use crate::line::{Field, Line};

/// Describes the lines of one server that tell the duration of a statement.
#[derive(Debug, Default)]
pub struct Statements {
    /// What the server logs now.
    pub sampling: Sampling,
    /// The last plan of each query.
    pub plans: PlanHistory,
}

impl Statements {
    /// The line with its weight; if it has a plan, also with the plan's shape. `None` for any other line.
    pub fn describe<'a>(&mut self, line: &Line<'a>) -> Option<Line<'a>> {
        let rest = line.get(Field::Message)?.strip_prefix("duration: ")?;
        let (milliseconds, rest) = rest.split_once(" ms  ")?;
        let milliseconds: f64 = milliseconds.parse().ok()?;
        let mut described = line.clone();
        let weight = match rest.strip_prefix("plan:\n") {
            Some(plan) => {
                self.describe_plan(line, plan, &mut described);
                self.sampling.plan_weight()
            }
            None => self.sampling.statement_weight(milliseconds),
        };
        described.set(Field::Weight, weight.to_string());
        Some(described)
    }

    fn describe_plan(&mut self, line: &Line<'_>, plan: &str, described: &mut Line<'_>) {
        match PlanShape::read(plan) {
            Ok(shape) => {
                // A statement inside of a function has the query id of the one that called it, but for its plan.
                let query = shape.query_id.map(|id| id.to_string());
                let query = query.as_deref().or_else(|| line.get(Field::QueryId)).unwrap_or_default();
                // Without compute_query_id nobody can tell one statement from another.
                if !matches!(query, "" | "0") {
                    let is_changed = self.plans.note(line.get(Field::Datname).unwrap_or_default(), query, shape.id);
                    described.set(Field::PlanChanged, if is_changed { "1" } else { "0" });
                }
                described.set(Field::QueryId, query.to_owned());
                described.set(Field::Plan, shape.id.to_string());
                described.set(Field::PlanShape, shape.text);
            }
            Err(error) => described.set(Field::PlanProblem, word(&error)),
        }
    }
}

fn word(error: &PlanError) -> &'static str {
    match error {
        PlanError::CutOff => "cut_off",
        PlanError::NotAPlan => "not_json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(statements: &mut Statements, message: &str, fields: &[Field]) -> Option<Vec<String>> {
        let mut line = Line::default();
        line.set(Field::Message, message);
        line.set(Field::Datname, "shop");
        line.set(Field::QueryId, "7");
        let described = statements.describe(&line)?;
        Some(fields.iter().map(|field| described.get(*field).unwrap_or("none").to_owned()).collect())
    }

    #[test]
    fn a_statement_gets_its_weight() {
        let sampling = Sampling { min_duration_sample: Some(1.0), statement_rate: 0.1, ..Sampling::default() };
        let mut statements = Statements { sampling, ..Statements::default() };
        let mut weight = |message: &str| described(&mut statements, message, &[Field::Weight, Field::Plan]);
        assert_eq!(weight("duration: 2.500 ms  statement: select 1").unwrap(), ["10", "none"]);
        assert_eq!(weight("duration: 2.500 ms  execute <unnamed>: select 1").unwrap(), ["10", "none"]);
        // log_duration alone: no text, so nobody knows of what.
        assert_eq!(weight("duration: 2.500 ms"), None);
        assert_eq!(weight("connection received"), None);
        assert_eq!(weight("duration: x ms  statement: a"), None);
    }

    #[test]
    fn a_plan_gets_its_shape_and_whether_it_changed() {
        let mut statements = Statements::default();
        statements.sampling.plan_rate = 0.01;
        let fields = [Field::PlanShape, Field::PlanChanged, Field::Weight, Field::QueryId, Field::PlanProblem];
        let mut plan =
            |plan: &str| described(&mut statements, &format!("duration: 1.5 ms  plan:\n{plan}"), &fields).unwrap();
        let seq = r#"{"Query Text":"select 'secret'","Plan":{"Node Type":"Seq Scan","Relation Name":"t","Alias":"t"}}"#;
        let index = seq.replace("Seq", "Index");
        assert_eq!(plan(seq), ["Seq Scan t", "0", "100", "7", "none"]);
        assert_eq!(plan(&index), ["Index Scan t", "1", "100", "7", "none"]);
        assert_eq!(plan(&index), ["Index Scan t", "0", "100", "7", "none"]);
        // It has its own id: that of the line is the function's.
        assert_eq!(
            plan(&seq.replace(r#""Plan""#, r#""Query Identifier":-9,"Plan""#)),
            ["Seq Scan t", "0", "100", "-9", "none"]
        );
        assert_eq!(plan(&seq[..40]), ["none", "none", "100", "7", "cut_off"]);
        assert_eq!(plan("Query Text: select 1\nResult"), ["none", "none", "100", "7", "not_json"]);
    }
}
