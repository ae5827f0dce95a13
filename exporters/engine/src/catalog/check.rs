//! Checks of all collectors together: branches that exclude each other, lookups that fit, queries.

use crate::collector::{Collector, Diagnostic, Position, Tolerable, Usage};
use crate::facts::Version;

/// Checks the text of a query; its error becomes a diagnostic of the collector file.
pub type CheckQuery = fn(&str) -> Result<(), String>;

/// The errors that the source's own check finds in queries.
pub(super) fn query_diagnostics(collector: &Collector, check: CheckQuery) -> Vec<Diagnostic> {
    // A log is not asked.
    if collector.log.is_some() {
        return Vec::new();
    }
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

/// Branches that share a name never run together.
pub(super) fn check_branches(collectors: &[Collector], tolerable: &mut Vec<Tolerable>) {
    for (at, collector) in collectors.iter().enumerate() {
        for earlier in &collectors[..at] {
            if earlier.name != collector.name || !may_run_together(earlier, collector) || !share(earlier, collector) {
                continue;
            }
            let message = format!(
                "branch {} ({}) and branch {} ({}, at {}:{}) give the same metrics {}_… and can both run",
                collector.key,
                collector.versions,
                earlier.key,
                earlier.versions,
                earlier.file,
                earlier.position.line,
                collector.name
            );
            tolerable.push(Tolerable {
                warning: format!("{message}: series that both give are taken from {}", earlier.key),
                fault: diagnostic(
                    collector,
                    collector.position,
                    format!("{message}: expected versions that do not overlap, or tags that exclude each other"),
                ),
            });
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

/// Whether there can be a database in which both run.
pub(super) fn may_run_together(one: &Collector, other: &Collector) -> bool {
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
    let for_bouncer = |collector: &Collector| collector.tags.iter().any(|tag| tag == "pgbouncer");
    let apart =
        for_bouncer(one) != for_bouncer(other) || one.tags.iter().any(|a| other.tags.iter().any(|b| excludes(a, b)));
    !one.skip && !other.skip && !apart && one.versions.overlaps(&other.versions)
}

/// Whether both have a metric of the same name.
pub(super) fn share(one: &Collector, other: &Collector) -> bool {
    let names = |collector: &Collector| -> Vec<String> {
        collector.columns.iter().flat_map(|column| collector.families_of(column)).map(|family| family.name).collect()
    };
    let mine = names(one);
    names(other).iter().any(|name| mine.contains(name))
}
