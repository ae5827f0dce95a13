//! Rule files for Prometheus.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::LabError;
use crate::folder::Folder;

/// The rule files of a folder: those that have groups of rules, not Alertmanager's own configuration. None where the
/// folder is missing.
pub fn rule_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.filter_map(|entry| entry.path().canonicalize().ok());
    let has_groups = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        path.extension().is_some_and(|extension| extension == "yml") && text.lines().any(|line| line == "groups:")
    };
    let mut files: Vec<PathBuf> = paths.filter(has_groups).collect();
    files.sort();
    files
}

/// Waiting times and thresholds that are scaled down for the lab.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// How long a condition holds before its alert fires, in place of each rule's own `for`.
    pub hold: Duration,
    /// What is changed in conditions.
    pub conditions: &'static [Condition],
}

/// A number or a window in an alert's condition that is scaled down.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// The alert; all severities that have it.
    pub alert: &'static str,
    /// The rule that is changed: the alert itself, or a recording that it reads.
    pub rule: &'static str,
    /// What stands in the rule file.
    pub from: &'static str,
    /// What stands in its place.
    pub to: &'static str,
}

/// Copies of rule files with other waiting times and thresholds. Fails when a condition is in none of them.
pub(crate) fn scaled(files: &[PathBuf], scale: &Scale) -> Result<(Folder, Vec<PathBuf>), LabError> {
    let folder = Folder::new()?;
    let mut copies = Vec::new();
    let mut unused: Vec<&Condition> = scale.conditions.iter().collect();
    for file in files {
        let text = fs::read_to_string(file).map_err(LabError::io(format!("reading {}", file.display())))?;
        let copy = folder.path().join(file.file_name().unwrap_or_default());
        let text = rescaled(&text, scale, &mut unused);
        fs::write(&copy, text).map_err(LabError::io(format!("writing {}", copy.display())))?;
        copies.push(copy);
    }
    if let Some(Condition { alert, rule, from, .. }) = unused.first() {
        return Err(LabError::Unexpected(format!("scaling {alert}: no rule {rule} has `{from}`")));
    }
    Ok((folder, copies))
}

/// The text with another value on every line that has only a `for`, and with other conditions; what is found leaves `unused`.
fn rescaled(text: &str, scale: &Scale, unused: &mut Vec<&Condition>) -> String {
    let mut rule = "";
    let mut lines = String::new();
    for line in text.lines() {
        if let Some((_, name)) = line.split_once("- alert: ").or_else(|| line.split_once("- record: ")) {
            rule = name;
        }
        let line = match line.split_once("for: ") {
            Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: {}ms", scale.hold.as_millis()),
            _ => changed(line, rule, scale.conditions, unused),
        };
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

/// A line of a rule with the conditions that are changed.
fn changed(line: &str, rule: &str, conditions: &[Condition], unused: &mut Vec<&Condition>) -> String {
    let mut line = line.to_owned();
    for condition in conditions.iter().filter(|condition| condition.rule == rule) {
        let is_whole = |end: usize| !line[end..].starts_with(|next: char| next.is_ascii_digit());
        if let Some(at) = line.find(condition.from)
            && is_whole(at + condition.from.len())
        {
            line = line.replace(condition.from, condition.to);
            unused.retain(|other| (other.rule, other.from) != (condition.rule, condition.from));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale {
        hold: Duration::from_secs(2),
        conditions: &[
            Condition { alert: "A", rule: "A", from: "> 30", to: "> 1" },
            Condition { alert: "A", rule: "a:rate", from: "[5m]", to: "[1m]" },
            Condition { alert: "B", rule: "B", from: "[10m]", to: "[30s]" },
        ],
    };

    #[test]
    fn only_a_rules_own_waiting_time_and_its_conditions_change() {
        let text = "  - record: a:rate\n    expr: rate(a[5m])\n  - alert: A\n    expr: up > 30 # wait for: it\n    for: 15m\n  - alert: A\n    expr: up > 300\n";
        let expected = "  - record: a:rate\n    expr: rate(a[1m])\n  - alert: A\n    expr: up > 1 # wait for: it\n    for: 2000ms\n  - alert: A\n    expr: up > 300\n";
        let mut unused = SCALE.conditions.iter().collect();
        assert_eq!(rescaled(text, &SCALE, &mut unused), expected);
        assert_eq!(unused.len(), 1);
        assert_eq!(unused[0].alert, "B");
    }
}
