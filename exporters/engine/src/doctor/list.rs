//! The rules as a page of the reference.

use std::fmt::Write;

use super::rule::{Rule, Scope};
use crate::facts::VersionRange;
use crate::list::wrapped;

/// The rules in Markdown, below a heading of the second level.
pub(crate) fn markdown(rules: &[Rule]) -> String {
    let mut out = String::new();
    for rule in rules {
        // Writing to a String cannot fail, here and below.
        writeln!(out, "### {}\n\n{}", rule.name, wrapped(&format!("{}. {}", rule.summary, rule.why))).ok();
        let scope = match rule.scope {
            Scope::Server => "server",
            Scope::Database => "each database",
        };
        writeln!(out, "\n| | |\n|---|---|\n| Severity | {} |\n| Scope | {scope} |", rule.severity.word()).ok();
        if let Some(role) = rule.role {
            writeln!(out, "| Role | {} |", role.word()).ok();
        }
        if rule.versions != VersionRange::default() {
            writeln!(out, "| Versions | {} |", rule.versions).ok();
        }
        if let Some(extension) = &rule.extension {
            writeln!(out, "| Needs | {extension} |").ok();
        }
        let threshold = |(name, value): &(String, f64)| format!("`{}.{name}={value}`", rule.name);
        if !rule.thresholds.is_empty() {
            let thresholds: Vec<String> = rule.thresholds.iter().map(threshold).collect();
            writeln!(out, "| Thresholds | {} |", thresholds.join(", ")).ok();
        }
        writeln!(out, "| Fix in | {} |\n| Source | <{}> |\n", rule.fix_in, rule.source).ok();
    }
    out
}
