//! Checks of all collectors together: names that are unique, branches that exclude each other, lookups that fit.

use std::collections::HashMap;

use crate::collector::{Collector, Column, Diagnostic, Family, Position, Usage};
use crate::facts::Version;

/// Checks the text of a query; its error becomes a diagnostic of the collector file.
pub type CheckQuery = fn(&str) -> Result<(), String>;

/// The errors that the source's own check finds in queries.
pub(super) fn query_diagnostics(collector: &Collector, check: CheckQuery) -> Vec<Diagnostic> {
    let text = collector.text(Version::default());
    let predicates = collector.predicates.iter().map(|predicate| (predicate.name.as_str(), predicate.query.as_str()));
    let queries = std::iter::once(("query", text.as_str())).chain(predicates);
    let diagnostics = queries.filter_map(|(what, text)| Some((what, check(text).err()?)));
    diagnostics
        .map(|(what, why)| {
            diagnostic(collector, collector.position, format!("{what} of branch {}: {why}", collector.key))
        })
        .collect()
}

fn diagnostic(collector: &Collector, position: Position, message: String) -> Diagnostic {
    Diagnostic::new(&collector.file, position, message)
}

/// Branch keys are unique, and branches that share a name never run together.
pub(super) fn check_branches(collectors: &[Collector], diagnostics: &mut Vec<Diagnostic>) {
    for (at, collector) in collectors.iter().enumerate() {
        for earlier in &collectors[..at] {
            let there = format!("{}:{}", earlier.file, earlier.position.line);
            if earlier.key == collector.key {
                if earlier.file != collector.file {
                    let message = format!("branch {} is already defined at {there}", collector.key);
                    diagnostics.push(diagnostic(collector, collector.position, message));
                }
            } else if earlier.name == collector.name && may_run_together(earlier, collector) {
                let message = format!(
                    "branch {} ({}) and branch {} ({}, at {there}) give the same metrics {}_… and can both run: \
                     expected versions that do not overlap, or tags that exclude each other",
                    collector.key, collector.versions, earlier.key, earlier.versions, collector.name
                );
                diagnostics.push(diagnostic(collector, collector.position, message));
            }
        }
    }
}

/// A lookup is of a branch that has a top, and by a label that both have.
pub(super) fn check_lookups(collectors: &[Collector], diagnostics: &mut Vec<Diagnostic>) {
    let has_label = |collector: &Collector, label: &str| {
        collector.columns.iter().any(|column| column.usage == Usage::Label && column.name == label)
    };
    for collector in collectors {
        let Some(lookup) = &collector.lookup else { continue };
        let found = collectors.iter().find(|other| *other.key == *lookup.of);
        let wrong = match found {
            None => format!("there is no branch {}", lookup.of),
            Some(of) if of.top.is_none() => format!("branch {} has no top", lookup.of),
            Some(of) if !has_label(of, &lookup.label) => format!("branch {} has no label {}", lookup.of, lookup.label),
            Some(_) if !has_label(collector, &lookup.label) => {
                format!("the branch itself has no label {}", lookup.label)
            }
            Some(_) => continue,
        };
        diagnostics.push(diagnostic(
            collector,
            collector.position,
            format!("lookup of branch {}: {wrong}", collector.key),
        ));
    }
}

fn may_run_together(one: &Collector, other: &Collector) -> bool {
    let excludes = |a: &str, b: &str| {
        let role = |tag: &str| match tag {
            "primary" | "master" | "leader" => Some(true),
            "standby" | "replica" | "slave" => Some(false),
            _ => None,
        };
        let facts = ["dbname:", "username:"];
        matches!((role(a), role(b)), (Some(x), Some(y)) if x != y)
            || a.strip_prefix("not:") == Some(b)
            || b.strip_prefix("not:") == Some(a)
            || facts
                .iter()
                .any(|kind| matches!((a.strip_prefix(kind), b.strip_prefix(kind)), (Some(x), Some(y)) if x != y))
    };
    let apart = one.tags.iter().any(|a| other.tags.iter().any(|b| excludes(a, b)));
    let shares = |column: &Column| {
        let mine = one.families_of(column);
        other
            .columns
            .iter()
            .any(|column| other.families_of(column).iter().any(|family| mine.iter().any(|m| m.name == family.name)))
    };
    !one.skip
        && !other.skip
        && !apart
        && one.versions.overlaps(&other.versions)
        && one.columns.iter().filter(|column| column.usage != Usage::Label).any(shares)
}

/// All families, sorted by name; one name has one type, and none is the exporter's own.
pub(super) fn own_families(
    collectors: &[Collector],
    reserved: &[String],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Family> {
    let mut owners: HashMap<String, (Family, &Collector)> = HashMap::new();
    for collector in collectors {
        for column in &collector.columns {
            for family in collector.families_of(column) {
                if reserved.contains(&family.name) {
                    let message = format!("metric {} is one of the exporter's own: choose another name", family.name);
                    diagnostics.push(diagnostic(collector, column.position, message));
                }
                match owners.get(&family.name) {
                    Some((first, owner)) if first.kind != family.kind => {
                        let (kind, other) = (family.kind.word(), first.kind.word());
                        let message = format!(
                            "metric {} is a {kind} here and a {other} in branch {}, at {}:{}",
                            family.name, owner.key, owner.file, owner.position.line
                        );
                        diagnostics.push(diagnostic(collector, column.position, message));
                    }
                    Some(_) => {}
                    None => {
                        owners.insert(family.name.clone(), (family, collector));
                    }
                }
            }
        }
    }
    let mut families: Vec<Family> = owners.into_values().map(|(family, _)| family).collect();
    families.sort_by(|a, b| a.name.cmp(&b.name));
    families
}
