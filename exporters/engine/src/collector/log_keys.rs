//! The keys `log` and `lines`, and the cells that a line gives a collector.

use std::borrow::Cow;

use logs::{Field, Line};
use regex::Regex;

use super::diagnostic::Diagnostics;
use super::fields::Fields;
use super::keys::LINES;
use super::log_lines::{Cell, Condition, LogLines, Wanted};
use super::yaml::{Kind, Node};
use super::{Collector, Usage};
use crate::facts::{LogProgram, Version};
use crate::rows::Value;

/// Keys about queries and their results.
const OF_QUERIES: [&str; 11] = [
    "predicate_queries",
    "search_path",
    "ttl",
    "stale",
    "sample",
    "depends_on",
    "timeout",
    "priority",
    "version_of",
    "fatal",
    "lookup",
];

impl Collector {
    /// The cells that a line of its log gives, in the order of its labels, counters and histograms; `None` if it does not count
    /// the line.
    pub fn log_cells<'a>(&self, version: Version, line: &'a Line<'a>) -> Option<Vec<Value<'a>>> {
        let lines = self.log.as_ref()?;
        let selected = lines.select(line)?;
        let mut values = Vec::with_capacity(lines.cells.len());
        for (at, column) in self.columns_in(version) {
            let cell = lines.cells.get(at).copied().unwrap_or(Cell::One);
            let is_number = match column.usage {
                Usage::Label => false,
                Usage::Counter | Usage::Histogram => true,
                Usage::Gauge | Usage::Discard => continue,
            };
            values.push(match selected.text(cell) {
                _ if cell == Cell::One => Value::Int(1),
                None => Value::Null,
                Some(text) => match clock_seconds(text).filter(|_| is_number) {
                    Some(seconds) => Value::Float(seconds),
                    None => Value::Text(Cow::Borrowed(text)),
                },
            });
        }
        Some(values)
    }
}

/// The seconds of a time such as `1:02:03.5`.
fn clock_seconds(text: &str) -> Option<f64> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    Some(hours.parse::<f64>().ok()? * 3600.0 + minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
}

/// Reads `log` and `lines`, without the columns.
pub(super) fn read_log_lines(key: &str, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<LogLines> {
    let Some(word) = fields.text("log") else {
        for name in ["lines", "weighted"] {
            if let Some(node) = fields.get(name) {
                diagnostics.error(node.position, format!("branch {key} has {name}, but no log: expected log"));
            }
        }
        return None;
    };
    for other in OF_QUERIES.into_iter().filter(|name| fields.get(name).is_some()) {
        let position = fields.get(other).map_or_else(Default::default, |node| node.position);
        diagnostics.error(position, format!("branch {key} has {other} and log: it reads a log, and asks nothing"));
    }
    let program = LogProgram::ALL.into_iter().find(|program| program.word() == word)?;
    let mut conditions = Vec::new();
    if let Some(node) = fields.get("lines") {
        let lines = Fields::read(node, "lines", &LINES, diagnostics)?;
        for field in Field::ALL {
            if let Some(node) = lines.get(field.name()) {
                conditions.extend(read_condition(field, node, diagnostics));
            }
        }
    }
    conditions.sort_by_key(|condition| matches!(condition.wanted, Wanted::Pattern(_)));
    let is_weighted = fields.truth("weighted").unwrap_or_default();
    Some(LogLines { program, is_weighted, conditions, cells: Vec::new() })
}

fn read_condition(field: Field, node: &Node, diagnostics: &mut Diagnostics) -> Option<Condition> {
    let name = field.name();
    let mut expected = |node: &Node, what: &str| {
        diagnostics.error(node.position, format!("{name}: expected {what}, found {}", node.describe()));
    };
    let wanted = match (&node.kind, node.scalar()) {
        (Kind::List(items), _) => {
            let mut texts = Vec::new();
            for item in items {
                match item.scalar() {
                    Some(text) => texts.push(text.to_owned()),
                    None => expected(item, "a text"),
                }
            }
            Wanted::Texts(texts)
        }
        (_, Some(text)) => match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(pattern) => match Regex::new(pattern) {
                Ok(pattern) => Wanted::Pattern(pattern),
                Err(error) => {
                    // The last line says what is wrong; those before show the pattern.
                    let error = error.to_string();
                    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    diagnostics.error(node.position, format!("{name}: the regular expression is wrong: {why}"));
                    return None;
                }
            },
            None => Wanted::Texts(vec![text.to_owned()]),
        },
        _ => {
            expected(node, "a text, a list of texts or a /regular expression/");
            return None;
        }
    };
    Some(Condition { field, wanted })
}

/// Finds out where each column comes from.
pub(super) fn resolve_cells(collector: &mut Collector, diagnostics: &mut Diagnostics) {
    let Some(lines) = &collector.log else { return };
    let mut cells = Vec::new();
    for column in &collector.columns {
        let cell = group_of(lines, &column.name).or_else(|| Field::named(&column.name).map(Cell::Field));
        match (cell, column.usage) {
            (Some(_), Usage::Gauge) => {
                let message =
                    format!("column {}: a GAUGE of a log collector is 1 for each label set, not a field", column.name);
                diagnostics.error(column.position, message);
            }
            (None, Usage::Label | Usage::Histogram) => {
                let message = format!(
                    "column {}: expected a named group of a regular expression in lines, or one of {}",
                    column.name,
                    LINES.names()
                );
                diagnostics.error(column.position, message);
            }
            _ => {}
        }
        cells.push(cell.unwrap_or(Cell::One));
    }
    if let Some(lines) = &mut collector.log {
        lines.cells = cells;
    }
}

fn group_of(lines: &LogLines, name: &str) -> Option<Cell> {
    lines.conditions.iter().enumerate().find_map(|(condition, one)| match &one.wanted {
        Wanted::Pattern(pattern) => {
            let group = pattern.capture_names().position(|group| group == Some(name))?;
            Some(Cell::Group { condition, group })
        }
        Wanted::Texts(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use logs::{Decoder, Format};

    use super::*;
    use crate::collector::{CollectorFile, no_sql_file, read_file};
    use crate::tiers::Tiers;

    fn read(text: &str) -> CollectorFile {
        read_file("test.yml", text, &Tiers::default(), &no_sql_file)
    }

    fn cells(text: &str, line: &str) -> Option<Vec<String>> {
        let file = read(text);
        assert!(file.told.errors.is_empty(), "{:?}", file.told.errors);
        let collector = &file.collectors[0];
        let mut found = None;
        let mut decoder = Decoder::new(Format::Json, "log");
        decoder.feed(format!("{line}\n").as_bytes(), &mut |line| {
            let cells = collector.log_cells(Version::default(), line);
            found = cells.map(|cells| cells.iter().map(ToString::to_string).collect());
        });
        found
    }

    const WAITS: &str = "pg_wait:
  log: postgres
  lines:
    severity: LOG
    message: '/^process \\d+ acquired (?<mode>\\w+) on .* after (?<ms>[0-9.]+) ms/'
  metrics:
    - datname: { usage: LABEL }
    - mode: { usage: LABEL }
    - events_total: { usage: COUNTER }
    - wait: { usage: HISTOGRAM, name: ms, rename: wait_seconds, scale: 0.001, bucket: [1] }
";

    #[test]
    fn takes_cells_from_fields_and_groups() {
        let line = r#"{"error_severity":"LOG","dbname":"shop","message":"process 7 acquired ShareLock on transaction 8 after 1000.1 ms"}"#;
        assert_eq!(cells(WAITS, line).unwrap(), ["\"shop\"", "\"ShareLock\"", "1", "\"1000.1\""]);
        assert_eq!(cells(WAITS, &line.replace("LOG", "ERROR")), None);
        assert_eq!(cells(WAITS, &line.replace("acquired", "lost")), None);
    }

    #[test]
    fn reads_times_of_day_as_seconds() {
        assert_eq!(clock_seconds("1:02:03.5"), Some(3723.5));
        for other in ["", "12", "1:02", "a:b:c"] {
            assert_eq!(clock_seconds(other), None, "{other}");
        }
    }

    #[test]
    fn reports_what_is_wrong_with_its_place() {
        let told = |text: &str| read(text).told.errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        let wrong = told("a:\n  log: postgres\n  lines: { message: '/(/' }\n  metrics: [{ n: { usage: COUNTER } }]\n");
        assert_eq!(wrong, ["test.yml:3:21: message: the regular expression is wrong: unclosed group"]);
        let wrong = told("a:\n  log: postgres\n  lines: { text: x }\n  metrics: [{ pid: { usage: GAUGE } }]\n");
        assert!(wrong[0].starts_with("test.yml:3:12: "), "{wrong:?}");
        assert!(wrong[1].starts_with("test.yml:4:15: column pid: a GAUGE of a log collector is 1"), "{wrong:?}");
        let wrong =
            told("a:\n  log: postgres\n  ttl: 1\n  metrics: [{ n: { usage: LABEL } }, { m: { usage: COUNTER } }]\n");
        assert!(wrong[0].contains("branch a has ttl and log: it reads a log"), "{wrong:?}");
        assert!(wrong[1].contains("column n: expected a named group of a regular expression in lines"), "{wrong:?}");
        assert_eq!(told("a:\n  query: x\n  lines: { code: x }\n  metrics: [{ n: { usage: GAUGE } }]\n").len(), 1);
    }

    #[test]
    fn counts_a_sampled_line_for_those_left_out_where_it_is_asked_for() {
        let weight = |text: &str| {
            let file = read(text);
            assert!(file.told.errors.is_empty(), "{:?}", file.told.errors);
            let mut statements = logs::Statements::default();
            statements.sampling.min_duration_sample = Some(0.0);
            statements.sampling.statement_rate = 0.25;
            let mut found = 0.0;
            let line = b"{\"message\":\"duration: 0.5 ms  statement: select 1\"}\n";
            Decoder::new(Format::Json, "log").feed(line, &mut |line| {
                let described = statements.describe(line).unwrap();
                found = file.collectors[0].log.as_ref().unwrap().weight(&described);
            });
            found
        };
        let text = "pg_s:
  log: postgres
  lines: { message: '/^duration: (?<ms>[0-9.]+) ms/' }
  weighted: true
  metrics: [{ ms: { usage: COUNTER } }, { info: { usage: GAUGE } }]
";
        assert_eq!(weight(text), 4.0);
        assert_eq!(weight(&text.replace("  weighted: true\n", "")), 1.0);
    }
}
