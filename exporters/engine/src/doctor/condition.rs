//! Conditions on a row, and templates filled from one: for sources whose queries cannot select, such as PgBouncer's console.

use crate::rows::Value;

/// Gives the value of a column; `None` if the result lacks it.
pub(super) type Columns<'a> = dyn Fn(&str) -> Option<Value<'a>> + 'a;

/// A condition on one column. It does not hold where the column is NULL or absent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    column: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Compare(&'static str, Operand),
    /// `in (a, b*)`, or `not in`: texts, of which an asterisk at the end stands for the rest.
    Among(Vec<String>, bool),
}

/// A value to compare with, or to put into a template.
#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Number(f64),
    Text(String),
    Column { factor: f64, name: String },
}

/// Longer ones first, since a shorter one may begin them.
const COMPARISONS: [&str; 6] = ["<=", ">=", "<>", "=", "<", ">"];

impl Condition {
    /// Reads `column > 0.8 * other`, `column = 'text'`, `column in (a, b*)` or `column not in (…)`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a condition such as used >= 0.8 * limit or mode in (a, b*), found \"{text}\"");
        let name = |text: &str| is_name(text.trim()).then(|| text.trim().to_owned()).ok_or_else(wrong);
        if let Some((column, list)) = text.split_once(" in (") {
            let (column, wanted) = column.strip_suffix(" not").map_or((column, true), |column| (column, false));
            let list = list.trim_end().strip_suffix(')').ok_or_else(wrong)?;
            let patterns = list.split(',').map(|pattern| pattern.trim().to_owned()).collect();
            return Ok(Self { column: name(column)?, test: Test::Among(patterns, wanted) });
        }
        let found = COMPARISONS.iter().find_map(|comparison| Some((*comparison, text.split_once(comparison)?)));
        let (comparison, (column, operand)) = found.ok_or_else(wrong)?;
        let operand = Operand::parse(operand).ok_or_else(wrong)?;
        Ok(Self { column: name(column)?, test: Test::Compare(comparison, operand) })
    }

    /// Whether the row fulfils it.
    pub fn holds(&self, columns: &Columns<'_>) -> bool {
        let Some(value) = columns(&self.column) else { return false };
        if value == Value::Null {
            return false;
        }
        match &self.test {
            Test::Among(patterns, wanted) => {
                let Ok(text) = value.label() else { return false };
                let is_like = |pattern: &String| match pattern.strip_suffix('*') {
                    Some(beginning) => text.starts_with(beginning),
                    None => *pattern == text,
                };
                patterns.iter().any(is_like) == *wanted
            }
            Test::Compare(comparison, Operand::Text(text)) => {
                value.label().is_ok_and(|label| (label == *text) == (*comparison == "="))
            }
            Test::Compare(comparison, operand) => match (value.number(), operand.number(columns)) {
                (Ok(Some(left)), Some(right)) => compare(comparison, left, right),
                _ => false,
            },
        }
    }
}

impl Operand {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(text) = text.strip_prefix('\'') {
            return Some(Self::Text(text.strip_suffix('\'')?.to_owned()));
        }
        if let Ok(number) = text.parse() {
            return Some(Self::Number(number));
        }
        let (factor, name) = match text.split_once('*') {
            Some((factor, name)) => (factor.trim().parse().ok()?, name.trim()),
            None => (1.0, text),
        };
        is_name(name).then(|| Self::Column { factor, name: name.to_owned() })
    }

    fn number(&self, columns: &Columns<'_>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
            Self::Column { factor, name } => Some(factor * columns(name)?.number().ok()??),
        }
    }

    /// As text; quotes are doubled, since it may stand in them.
    fn text(&self, columns: &Columns<'_>) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Column { factor: 1.0, name } => {
                let value = columns(name).unwrap_or(Value::Null);
                value.label().unwrap_or_default().replace('"', "\"\"")
            }
            _ => self.number(columns).map_or_else(String::new, |number| number.to_string()),
        }
    }
}

fn compare(comparison: &str, left: f64, right: f64) -> bool {
    match comparison {
        "<=" => left <= right,
        ">=" => left >= right,
        "<" => left < right,
        ">" => left > right,
        "=" => left == right,
        _ => left != right,
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A text with columns in braces: `SET default_pool_size = {2 * default_pool_size};`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Plain(String),
    Filled(Operand),
}

impl Template {
    /// Reads the text.
    ///
    /// # Errors
    /// What was expected in the braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((plain, after)) = rest.split_once('{') {
            let wrong = || format!("expected a column in braces, as in {{2 * name}}, found \"{{{after}\"");
            let (inside, after) = after.split_once('}').ok_or_else(wrong)?;
            parts.push(Part::Plain(plain.to_owned()));
            parts.push(Part::Filled(Operand::parse(inside).ok_or_else(wrong)?));
            rest = after;
        }
        parts.push(Part::Plain(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text with the values of a row.
    pub fn fill(&self, columns: &Columns<'_>) -> String {
        let text = |part: &Part| match part {
            Part::Plain(text) => text.clone(),
            Part::Filled(operand) => operand.text(columns),
        };
        self.0.iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Option<Value<'static>> {
        Some(match name {
            "used" => Value::Text("8".into()),
            "limit" => Value::Int(10),
            "mode" => Value::Text("session".into()),
            "host" => Value::Text("127.0.0.1".into()),
            "odd" => Value::Text("a\"b".into()),
            "nothing" => Value::Null,
            _ => return None,
        })
    }

    #[test]
    fn compares_columns_with_numbers_texts_and_columns() {
        for (text, expected) in [
            ("used >= 0.8 * limit", true),
            ("used > 0.8 * limit", false),
            ("used < limit", true),
            ("used <= 7", false),
            ("used = 8", true),
            ("used <> 8", false),
            ("mode = 'session'", true),
            ("mode <> 'session'", false),
            ("mode > 1", false),
            ("mode in (transaction, session)", true),
            ("host not in (localhost, 127.*)", false),
            ("host not in (10.*, localhost)", true),
            ("nothing not in (a)", false),
            ("nothing <> 1", false),
            ("absent = 0", false),
            ("used < absent", false),
        ] {
            assert_eq!(Condition::parse(text).unwrap().holds(&column), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_condition() {
        for text in
            ["", "used", "used > ", "used > a b", "used ~ 'x'", "mode = 'x", "mode in (a", "a b = 1", "a > x * y"]
        {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fills_templates_with_the_values_of_a_row() {
        let template = Template::parse("SET a = {2 * limit}; RESUME \"{odd}\"; {absent}").unwrap();
        assert_eq!(template.fill(&column), "SET a = 20; RESUME \"a\"\"b\"; ");
        assert!(Template::parse("SET a = {").is_err() && Template::parse("{a b}").is_err());
    }
}
