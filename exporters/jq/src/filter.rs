//! jq filters: compiles a filter, and runs it on a document to get rows. An error in a row costs that row.

use std::collections::HashMap;
use std::time::Instant;

use engine::{CellError, Value};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::Fun;
use jaq_core::{Compiler, Ctx, Vars, load};
use jaq_json::{Num, Val};

use crate::interrupt::{Interruptible, Run, interruptible};
use crate::shorten::shorten;

/// What the filters of a source have beside jq's own definitions.
pub struct Language {
    /// The variables, such as `$now`; their values are given in this order.
    pub variables: &'static [&'static str],
    /// Definitions for every filter, as jq.
    pub prelude: &'static str,
    /// Functions in Rust.
    pub functions: fn() -> Vec<Fun<Interruptible>>,
}

/// The maximum number of rows; more are a mistake in the filter.
const MAX_ROWS: usize = 200_000;

/// A compiled filter.
pub struct Filter(jaq_core::Filter<Interruptible>);

/// Why a filter failed.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// Every output is an error; this is the first.
    #[error("{0}")]
    Failed(String),
    /// It took longer than its deadline.
    #[error("the filter did not end in time and was interrupted")]
    Late,
    /// It does not stop to return rows.
    #[error("the filter returned more than {MAX_ROWS} rows")]
    TooMany,
    /// An output is no object.
    #[error("the filter returned {found}: expected one object per row, with the columns as keys")]
    Shape {
        /// The output.
        found: String,
    },
}

/// Rows for the engine: column names, and cells row by row.
#[derive(Debug, Default, PartialEq)]
pub struct FilterTable {
    /// The keys of all objects.
    pub columns: Vec<String>,
    /// The values, row by row.
    pub cells: Vec<Value<'static>>,
    /// How many rows are missing because of an error.
    pub failed: usize,
    /// The first of these errors.
    pub error: Option<String>,
    /// How many terms of the filter have been evaluated.
    pub steps: u64,
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// Lists every mistake with its line and column.
    pub fn compile(text: &str, language: &Language) -> Result<Self, String> {
        let prelude = load::parse(language.prelude, |parser| parser.defs()).ok_or("the prelude is invalid")?;
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(prelude);
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).chain((language.functions)());
        let arena = Arena::default();
        let modules = Loader::new(defs).load(&arena, File { code: text, path: () }).map_err(|errors| {
            let errors = errors.into_iter().map(|(file, error)| load_errors(file.code, error));
            errors.collect::<Vec<_>>().join("; ")
        })?;
        let compiled =
            Compiler::default().with_funs(funs).with_global_vars(language.variables.iter().copied()).compile(modules);
        compiled.map(Self).map_err(|errors| {
            let errors = errors.into_iter().flat_map(|(file, errors)| {
                errors.into_iter().map(move |(part, undefined)| {
                    format!("{}: undefined {} {part}", position(file.code, part), undefined.as_str())
                })
            });
            errors.collect::<Vec<_>>().join("; ")
        })
    }

    /// Runs it on a document and converts its outputs to rows. The deadline is not exact: some functions of jq work long on
    /// large values without evaluating a term.
    ///
    /// # Errors
    /// When there is no result.
    pub fn table(&self, input: Val, variables: Vec<Val>, deadline: Instant) -> Result<FilterTable, FilterError> {
        interruptible(|| self.rows(input, variables, deadline)).unwrap_or(Err(FilterError::Late))
    }

    fn rows(&self, input: Val, variables: Vec<Val>, deadline: Instant) -> Result<FilterTable, FilterError> {
        let run = Run::new(&self.0.lut, deadline);
        let context = Ctx::<Interruptible>::new(&run, Vars::new(variables));
        let mut rows = Rows::default();
        for (count, output) in self.0.id.run((context, input)).enumerate() {
            if count == MAX_ROWS {
                return Err(FilterError::TooMany);
            }
            match output {
                Ok(output) => rows.add(output)?,
                Err(exception) => match exception.get_err() {
                    Ok(error) => rows.failed(shorten(&error.to_string())),
                    // By `halt`.
                    Err(_) => return Err(FilterError::Failed("the filter called halt".to_owned())),
                },
            }
        }
        rows.into_table(run.steps())
    }
}

/// One row per object. The columns are the keys of all objects; missing values are null.
#[derive(Default)]
struct Rows {
    columns: Vec<String>,
    positions: HashMap<Val, usize>,
    rows: Vec<Vec<Value<'static>>>,
    failed: usize,
    error: Option<String>,
}

impl Rows {
    fn add(&mut self, output: Val) -> Result<(), FilterError> {
        let Val::Obj(object) = output else {
            return Err(FilterError::Shape { found: shorten(&output.to_string()) });
        };
        let mut row = vec![Value::Null; self.columns.len()];
        for (key, value) in object.iter() {
            let at = *self.positions.entry(key.clone()).or_insert_with(|| {
                self.columns.push(text(key));
                self.columns.len() - 1
            });
            row.resize(self.columns.len().max(row.len()), Value::Null);
            row[at] = cell(value);
        }
        self.rows.push(row);
        Ok(())
    }

    fn failed(&mut self, error: String) {
        self.failed += 1;
        self.error.get_or_insert(error);
    }

    /// Fails if there is an error and no row.
    fn into_table(self, steps: u64) -> Result<FilterTable, FilterError> {
        let Self { columns, rows, failed, error, .. } = self;
        if rows.is_empty()
            && let Some(error) = error
        {
            return Err(FilterError::Failed(error));
        }
        let width = columns.len();
        let cells = rows.into_iter().flat_map(|mut row| {
            row.resize(width, Value::Null);
            row
        });
        Ok(FilterTable { cells: cells.collect(), columns, failed, error, steps })
    }
}

/// A key without quotes.
fn text(key: &Val) -> String {
    match key {
        Val::TStr(bytes) | Val::BStr(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.to_string(),
    }
}

fn cell(value: &Val) -> Value<'static> {
    match value {
        Val::Null => Value::Null,
        Val::Bool(value) => Value::Bool(*value),
        Val::Num(Num::Int(value)) => i64::try_from(*value).map_or(Value::Invalid(CellError::Unreadable), Value::Int),
        Val::Num(Num::Float(value)) => Value::Float(*value),
        // As text, so that a label keeps all digits.
        Val::Num(number @ (Num::BigInt(_) | Num::Dec(_))) => Value::Text(number.to_string().into()),
        Val::TStr(bytes) => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Value::Text(text.into()),
            Err(_) => Value::Invalid(CellError::Utf8),
        },
        Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => Value::Invalid(CellError::Unreadable),
    }
}

fn load_errors(code: &str, error: load::Error<&str>) -> String {
    let describe = |part: &str, expected: &str| {
        let found = part.chars().next().map_or_else(|| "the end".to_owned(), |c| format!("'{}'", c.escape_default()));
        format!("{}: expected {expected}, found {found}", position(code, part))
    };
    let all: Vec<String> = match error {
        load::Error::Io(errors) => {
            errors.into_iter().map(|(part, why)| format!("{}: {why}", position(code, part))).collect()
        }
        load::Error::Lex(errors) => {
            errors.into_iter().map(|(expected, part)| describe(part, expected.as_str())).collect()
        }
        load::Error::Parse(errors) => {
            errors.into_iter().map(|(expected, part)| describe(part, expected.as_str())).collect()
        }
    };
    all.join("; ")
}

/// Line and column of a part of the code.
fn position(code: &str, part: &str) -> String {
    let before = code.get(..load::span(code, part).start).unwrap_or(code);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column} of the filter")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LANGUAGE: Language = Language { variables: &["$now"], prelude: "def two: 2;", functions: Vec::new };

    fn compile(text: &str) -> Result<Filter, String> {
        Filter::compile(text, &LANGUAGE)
    }

    fn run(text: &str, input: &str) -> Result<FilterTable, FilterError> {
        let input = serde_json::from_str(input).unwrap();
        compile(text).unwrap().table(input, vec![Val::from(1.5)], Instant::now() + Duration::from_secs(30))
    }

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn makes_rows_with_columns_of_all_objects() {
        let found = run(r#".[] | {a: .x, b: $now}, {c: "t", a: true}"#, r#"[{"x": 18446744073709551615}]"#).unwrap();
        assert_eq!(found.columns, columns(&["a", "b", "c"]));
        let digits = Value::Text("18446744073709551615".into());
        let text = Value::Text("t".into());
        let expected = [digits, Value::Float(1.5), Value::Null, Value::Bool(true), Value::Null, text];
        assert_eq!(found.cells, expected);
    }

    #[test]
    fn knows_the_definitions_of_its_language() {
        assert_eq!(run("{a: two}", "null").unwrap().cells, [Value::Int(2)]);
    }

    #[test]
    fn rejects_other_outputs_and_marks_invalid_cells() {
        assert!(matches!(run(".", "[1]"), Err(FilterError::Shape { found }) if found == "[1]"));
        assert_eq!(run("{a: .}", "[1]").unwrap().cells, [Value::Invalid(CellError::Unreadable)]);
        assert!(matches!(run(".[] | error(\"no\")", "[1]"), Err(FilterError::Failed(_))));
        assert!(matches!(run("halt", "[1]"), Err(FilterError::Failed(_))));
    }

    #[test]
    fn error_costs_its_row() {
        let found = run(".[] | {a: (1 - .)}", r#"[1, "x", null, 3]"#).unwrap();
        assert_eq!(found.cells, [Value::Int(0), Value::Int(-2)]);
        assert_eq!((found.failed, found.error.as_deref()), (2, Some(r#"cannot calculate 1 - "x""#)));
    }

    #[test]
    fn interrupts_endless_filters() {
        for text in
            ["repeat({a: 1})", "def f: f; f", "[repeat(1)]", "reduce repeat(1) as $x (0; . + $x)", "repeat(error)"]
        {
            let deadline = Instant::now() + Duration::from_millis(20);
            let found = compile(text).unwrap().table(Val::Null, vec![Val::Null], deadline);
            assert!(matches!(found, Err(FilterError::Late | FilterError::TooMany)), "{text}");
        }
    }

    #[test]
    fn errors_have_line_and_column() {
        for (text, expected) in [
            (".[] |\n  {a: }", "line 2, column 7 of the filter: expected term, found '}'"),
            ("nothing_of_that_name", "line 1, column 1 of the filter: undefined filter nothing_of_that_name"),
            ("$this", "line 1, column 1 of the filter: undefined variable $this"),
            ("{a: \"", "line 1, column 6 of the filter: expected closing quote, found the end"),
            ("import \"x\" as x; .", "line 1, column "),
        ] {
            let error = compile(text).err().unwrap();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
