//! From rule files to rules: every key known, every value checked, every diagnostic with its position.

use std::path::Path;
use std::time::Duration;

use super::condition::{Condition, Template};
use super::keys::RULE;
use super::rule::{Rule, Scope, Severity};
use crate::catalog::{CheckQuery, EmbeddedFolder, LoadError};
use crate::collector::{Diagnostics, Fields, Position, YamlKind, YamlNode, check_macros, parse_yaml, read_sql_file};
use crate::facts::Role;

/// How long a query may run when its file does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A number of a rule that the command line changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    rule: String,
    name: String,
    value: f64,
}

impl Threshold {
    /// Reads `rule.name=number`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let (key, value) = text.split_once('=')?;
            let (rule, name) = key.split_once('.')?;
            Some(Self { rule: rule.to_owned(), name: name.to_owned(), value: value.trim().parse().ok()? })
        };
        read().ok_or_else(|| "expected RULE.NAME=NUMBER, as in idle_in_transaction.seconds=60".to_owned())
    }
}

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    #[error("{count} errors in the rules\n{0}", count = .0.diagnostics.len())]
    Files(#[from] LoadError),
    #[error("--threshold {0}.{1}: there is no such number: see doctor --list")]
    Threshold(String, String),
}

/// Reads the files of a folder, with these numbers in place of their own.
///
/// # Errors
/// Every diagnostic of every file, or a number that no rule has.
pub(crate) fn read_rules(
    folder: &EmbeddedFolder,
    thresholds: &[Threshold],
    check: Option<CheckQuery>,
) -> Result<Vec<Rule>, RulesError> {
    let (mut rules, mut errors) = (Vec::<Rule>::new(), Vec::new());
    for (file, text) in folder.files.iter().filter(|(name, _)| name.ends_with(".yml")) {
        let mut diagnostics = Diagnostics::new(file);
        let reader = Reader { folder, thresholds, check };
        rules.extend(reader.read_file(text, &mut diagnostics));
        errors.extend(diagnostics.tolerable.drain(..).map(|tolerable| tolerable.fault));
        errors.append(&mut diagnostics.errors);
        errors.iter_mut().filter(|error| *error.file == **file).for_each(|error| error.show_line(text));
    }
    if !errors.is_empty() {
        return Err(LoadError { diagnostics: errors }.into());
    }
    let has = |threshold: &Threshold, rule: &Rule| {
        rule.name == threshold.rule && rule.thresholds.iter().any(|(name, _)| *name == threshold.name)
    };
    if let Some(unknown) = thresholds.iter().find(|threshold| !rules.iter().any(|rule| has(threshold, rule))) {
        return Err(RulesError::Threshold(unknown.rule.clone(), unknown.name.clone()));
    }
    rules.sort_by_key(|rule| rule.severity);
    Ok(rules)
}

struct Reader<'a> {
    folder: &'a EmbeddedFolder,
    thresholds: &'a [Threshold],
    check: Option<CheckQuery>,
}

impl Reader<'_> {
    fn read_file(&self, text: &str, diagnostics: &mut Diagnostics) -> Vec<Rule> {
        let root = match parse_yaml(text) {
            Ok((root, _)) => root,
            Err((position, message)) => {
                diagnostics.error(position, message);
                return Vec::new();
            }
        };
        check_macros(&root, text, diagnostics);
        let YamlKind::Map(entries) = &root.kind else {
            diagnostics.error(root.position, format!("expected a map from rule to body, found {}", root.describe()));
            return Vec::new();
        };
        let read = |(key, body): &(YamlNode, YamlNode)| {
            self.read_rule(key.scalar().unwrap_or_default(), key.position, body, diagnostics)
        };
        entries.iter().filter_map(read).collect()
    }

    fn read_rule(&self, name: &str, at: Position, body: &YamlNode, diagnostics: &mut Diagnostics) -> Option<Rule> {
        let what = format!("rule {name}");
        let fields = Fields::read(body, &what, &RULE, diagnostics)?;
        for key in RULE.keys.iter().filter(|key| key.required && fields.get(key.name).is_none()) {
            diagnostics.error(at, format!("{what}: expected {}", key.name));
        }
        let thresholds = self.read_thresholds(name, &fields, diagnostics);
        let settle = |text: String| settle(text, &thresholds);
        let text = |key: &str| fields.text(key).map(settle);
        let query = self.read_query(&fields, at, diagnostics).map(settle)?;
        if let Some(Err(why)) = self.check.map(|check| check(&query)) {
            diagnostics.error(fields.position("query", at), format!("{what}: {why}"));
        }
        let mut when = Vec::new();
        for node in fields.list("when") {
            match Condition::parse(&settle(node.scalar().unwrap_or_default().to_owned())) {
                Ok(condition) => when.push(condition),
                Err(why) => diagnostics.error(node.position, format!("{what}: {why}")),
            }
        }
        let fix = match text("fix").map(|text| Template::parse(&text)) {
            Some(Err(why)) => {
                diagnostics.error(fields.position("fix", at), format!("{what}: {why}"));
                None
            }
            Some(Ok(template)) => Some(template),
            None => None,
        };
        Some(Rule {
            name: name.to_owned(),
            severity: match fields.word(&RULE, "severity")? {
                "critical" => Severity::Critical,
                "warning" => Severity::Warning,
                _ => Severity::Info,
            },
            summary: text("summary")?,
            why: text("why")?,
            scope: if fields.word(&RULE, "scope") == Some("database") { Scope::Database } else { Scope::Server },
            role: fields.word(&RULE, "role").map(|role| match role {
                "primary" => Role::Primary,
                _ => Role::Standby,
            }),
            extension: text("extension"),
            join: text("join"),
            evidence: fields.list("evidence").iter().filter_map(|node| node.scalar().map(str::to_owned)).collect(),
            fix_in: fields.word(&RULE, "fix_in")?,
            grant: text("grant"),
            versions: fields.versions(),
            timeout: fields.timeout().unwrap_or(DEFAULT_TIMEOUT),
            source: text("source")?,
            query,
            when,
            fix,
            thresholds,
        })
    }

    fn read_query(&self, fields: &Fields<'_>, at: Position, diagnostics: &mut Diagnostics) -> Option<String> {
        match (fields.text("query"), fields.text("query_file")) {
            (Some(query), None) => Some(query),
            (None, Some(name)) => {
                let sql = |path: &Path| {
                    let found = self.folder.files.iter().find(|(name, _)| Path::new(name) == path);
                    found.map(|(_, text)| text.clone()).ok_or_else(|| "no such file inside the program".to_owned())
                };
                read_sql_file("query_file", &name, fields.position("query_file", at), &sql, diagnostics)
            }
            _ => {
                diagnostics.error(at, "expected one of query, query_file");
                None
            }
        }
    }

    /// The numbers of the file, or those of the command line in their place.
    fn read_thresholds(&self, rule: &str, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Vec<(String, f64)> {
        let Some(YamlNode { kind: YamlKind::Map(entries), .. }) = fields.get("thresholds") else { return Vec::new() };
        let mut found = Vec::new();
        for (key, value) in entries {
            let number = value.scalar().and_then(|text| text.replace('_', "").parse::<f64>().ok());
            let (Some(name), Some(number)) = (key.scalar(), number) else {
                diagnostics.error(value.position, format!("thresholds: expected a number, found {}", value.describe()));
                continue;
            };
            let given = self.thresholds.iter().rfind(|given| given.rule == rule && given.name == name);
            found.push((name.to_owned(), given.map_or(number, |given| given.value)));
        }
        found
    }
}

/// The text with numbers in place of their names.
fn settle(text: String, thresholds: &[(String, f64)]) -> String {
    thresholds.iter().fold(text, |text, (name, value)| text.replace(&format!("@{name}@"), &value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "severity: info, summary: s, why: w, source: x, fix_in: psql";

    fn read(text: &str, thresholds: &[&str]) -> Result<Vec<Rule>, RulesError> {
        let files =
            vec![("rules.yml".to_owned(), text.to_owned()), ("q.sql".to_owned(), "-- why\nSELECT @n@\n".to_owned())];
        let thresholds: Vec<Threshold> = thresholds.iter().map(|text| Threshold::parse(text).unwrap()).collect();
        read_rules(&EmbeddedFolder { name: "test", files }, &thresholds, None)
    }

    #[test]
    fn the_worst_come_first_and_thresholds_are_filled_in() {
        let text = format!(
            "one: {{ {BODY}, query_file: q.sql, thresholds: {{ n: 5 }} }}\n\
             two: {{ {}, query: SHOW X, when: [a > 1] }}\n",
            BODY.replace("info", "critical")
        );
        let rules = read(&text, &[]).unwrap();
        assert_eq!((rules[0].name.as_str(), rules[1].query.as_str()), ("two", "SELECT 5"));
        assert_eq!(read(&text, &["one.n=0.5"]).unwrap()[1].query, "SELECT 0.5");
        let error = read(&text, &["one.m=1"]).unwrap_err().to_string();
        assert_eq!(error, "--threshold one.m: there is no such number: see doctor --list");
    }

    #[test]
    fn every_fault_is_reported_with_its_position() {
        let text = format!(
            "one: {{ {BODY} }}\ntwo: {{ {BODY}, query: x, wen: [] }}\nthree: {{ query: x }}\n\
             four: {{ {BODY}, query: x, when: [a], thresholds: {{ n: x }} }}\n"
        );
        let error = read(&text, &[]).unwrap_err().to_string();
        for expected in [
            "rules.yml:1:1: expected one of query, query_file",
            "rules.yml:2:79: rule two: unknown key \"wen\"",
            "did you mean when?",
            "rules.yml:3:1: rule three: expected severity",
            "rule four: expected a condition such as",
            "thresholds: expected a number, found \"x\"",
        ] {
            assert!(error.contains(expected), "{expected}\n{error}");
        }
    }

    #[test]
    fn thresholds_of_the_command_line_have_a_rule_and_a_number() {
        for text in ["", "a=1", "a.b", "a.b=x"] {
            assert!(Threshold::parse(text).is_err(), "{text}");
        }
    }
}
