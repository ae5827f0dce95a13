//! From an alert's expression with parameters to the one that Prometheus evaluates.

use std::collections::BTreeMap;

use promql_parser::label::{Matcher, Matchers};
use promql_parser::parser::{self, Expr, VectorSelector};

use crate::site::Parameter;

/// The expression with each `@name@` replaced by the parameter's value.
///
/// # Errors
/// The name of a parameter that has no value.
pub fn fill(expression: &str, parameters: &BTreeMap<String, Parameter>) -> Result<String, String> {
    let mut filled = String::new();
    for (index, part) in expression.split('@').enumerate() {
        match parameters.get(part) {
            _ if index % 2 == 0 => filled.push_str(part),
            Some(value) => filled.push_str(&value.to_string()),
            None => return Err(format!("@{part}@ has no value")),
        }
    }
    Ok(filled)
}

/// The condition with a constant threshold, and where the site records a threshold for the alert, with that one.
///
/// A recorded series `pg:threshold:<alert>{severity="…"}` holds for the cluster whose label it has.
/// The expression is given with `@threshold@` in it; without that it stays as it is.
#[must_use]
pub fn overridable(expression: &str, alert: &str, severity: &str, cluster: &str) -> String {
    let Some(operator) = [" > ", " < ", " >= ", " <= "].into_iter().find(|operator| {
        expression.matches("@threshold@").count() == 1 && expression.contains(&format!("{operator}@threshold@"))
    }) else {
        return expression.to_owned();
    };
    let recorded = format!("pg:threshold:{alert}{{severity=\"{severity}\"}}");
    let by_site = expression
        .replace(&format!("{operator}@threshold@"), &format!("{operator}on ({cluster}) group_left () {recorded}"));
    format!("(\n  {}\n)\nunless on ({cluster}) {recorded}\nor (\n  {}\n)", indented(expression), indented(&by_site))
}

fn indented(text: &str) -> String {
    text.trim().replace('\n', "\n  ")
}

/// Which series of an expression a site's matchers are added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// Those that are scraped: a recording has been made of selected ones already.
    Scraped,
    /// All.
    All,
}

/// The expression with matchers, e.g. `env="prod"`, added to its series.
///
/// # Errors
/// What is wrong with the expression or the matchers.
pub fn select(expression: &str, matchers: &str, which: Selected) -> Result<String, String> {
    if matchers.trim().is_empty() {
        return Ok(expression.to_owned());
    }
    let added = match parser::parse(&format!("up{{{matchers}}}")) {
        Ok(Expr::VectorSelector(VectorSelector { matchers: Matchers { matchers, or_matchers }, .. }))
            if or_matchers.is_empty() =>
        {
            matchers
        }
        _ => return Err(format!("{matchers}: expected label matchers such as env=\"prod\"")),
    };
    let mut parsed = parser::parse(expression).map_err(|error| format!("{expression}: {error}"))?;
    add(&mut parsed, &added, which);
    Ok(parsed.prettify())
}

fn add(expression: &mut Expr, added: &[Matcher], which: Selected) {
    match expression {
        Expr::VectorSelector(selector) => add_to(selector, added, which),
        Expr::MatrixSelector(matrix) => add_to(&mut matrix.vs, added, which),
        Expr::Paren(paren) => add(&mut paren.expr, added, which),
        Expr::Unary(unary) => add(&mut unary.expr, added, which),
        Expr::Subquery(subquery) => add(&mut subquery.expr, added, which),
        Expr::Aggregate(aggregate) => add(&mut aggregate.expr, added, which),
        Expr::Binary(binary) => {
            add(&mut binary.lhs, added, which);
            add(&mut binary.rhs, added, which);
        }
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| add(argument, added, which)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn add_to(selector: &mut VectorSelector, added: &[Matcher], which: Selected) {
    let name = selector.name.as_deref().unwrap_or_default();
    let is_recording = name.contains(':');
    if !name.starts_with("pg:threshold:") && (which == Selected::All || !is_recording) {
        selector.matchers.matchers.extend_from_slice(added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_parameters() {
        let values = BTreeMap::from([("threshold".to_owned(), Parameter::Float(0.8))]);
        assert_eq!(fill("a / b > @threshold@ and c", &values), Ok("a / b > 0.8 and c".to_owned()));
        assert_eq!(fill("a > @limit@", &values), Err("@limit@ has no value".to_owned()));
    }

    #[test]
    fn recorded_thresholds_replace_the_constant() {
        let given = overridable("a > @threshold@", "A", "warning", "cls");
        assert_eq!(
            given,
            "(\n  a > @threshold@\n)\nunless on (cls) pg:threshold:A{severity=\"warning\"}\nor (\n  \
             a > on (cls) group_left () pg:threshold:A{severity=\"warning\"}\n)"
        );
    }

    #[test]
    fn matchers_reach_scraped_series_only() {
        let selected = select("a{x=\"1\"} > on (cls) pg:cls:b", "env=\"prod\"", Selected::Scraped).unwrap();
        assert_eq!(selected.replace(char::is_whitespace, ""), r#"a{env="prod",x="1"}>on(cls)pg:cls:b"#);
        select("a", "env=", Selected::All).unwrap_err();
    }
}
