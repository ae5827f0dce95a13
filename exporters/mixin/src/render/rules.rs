//! Rules as YAML, in the form that people write.

use crate::rule::{Group, Kind, Rule, RuleFile};

/// A rule file of Prometheus or vmalert.
#[must_use]
pub fn file(file: &RuleFile) -> String {
    let mut text = String::new();
    for line in file.about.trim().lines() {
        text.push_str(&format!("# {line}\n"));
    }
    text + &groups(&file.groups)
}

/// The key `groups` and what it holds.
#[must_use]
pub fn groups(groups: &[Group]) -> String {
    let mut text = "groups:\n".to_owned();
    for group in groups {
        text.push_str(&format!("  - name: {}\n    rules:\n", group.name));
        group.rules.iter().for_each(|rule| text.push_str(&self::rule(rule)));
    }
    text
}

fn rule(rule: &Rule) -> String {
    let mut text = match &rule.kind {
        Kind::Record(name) => format!("      - record: {name}\n"),
        Kind::Alert { name, .. } => format!("      - alert: {name}\n"),
    };
    let expr = rule.expr.trim();
    match &rule.kind {
        Kind::Record(_) if !expr.contains('\n') && !expr.contains(": ") && !expr.contains(" #") => {
            text.push_str(&format!("        expr: {expr}\n"));
        }
        _ => {
            text.push_str("        expr: |\n");
            for line in expr.lines() {
                text.push_str(&format!("          {line}\n"));
            }
        }
    }
    if let Kind::Alert { hold, keep_firing_for, .. } = &rule.kind {
        for (key, value) in [("for", hold), ("keep_firing_for", keep_firing_for)] {
            if let Some(value) = value {
                text.push_str(&format!("        {key}: {value}\n"));
            }
        }
    }
    if !rule.labels.is_empty() {
        text.push_str("        labels:\n");
        for (name, value) in &rule.labels {
            text.push_str(&format!("          {name}: {}\n", quoted(value)));
        }
    }
    if let Kind::Alert { annotations, .. } = &rule.kind {
        text.push_str("        annotations:\n");
        for (name, value) in annotations {
            text.push_str(&format!("          {name}: {}\n", quoted(value)));
        }
    }
    text
}

/// A YAML scalar in single quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.trim().replace('\n', " ").replace('\'', "''"))
}
