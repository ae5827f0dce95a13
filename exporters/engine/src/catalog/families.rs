//! The metric families of all collectors together.

use std::collections::HashMap;

use super::check::may_run_together;
use crate::collector::{Collector, Column, Diagnostic, Family, MetricKind, Tolerable, Usage};

/// Leaves out columns whose metric is one of the exporter's own.
pub(super) fn leave_out_reserved(collectors: &mut [Collector], reserved: &[String], tolerable: &mut Vec<Tolerable>) {
    for collector in collectors {
        for at in 0..collector.columns.len() {
            let families = collector.families_of(&collector.columns[at]);
            let Some(family) = families.iter().find(|family| reserved.contains(&family.name)) else { continue };
            let message = format!("metric {} is one of the exporter's own", family.name);
            tolerable.push(Tolerable {
                warning: format!("{message}: the column is left out"),
                fault: Diagnostic::new(
                    &collector.file,
                    collector.columns[at].position,
                    format!("{message}: choose another name"),
                ),
            });
            (collector.columns[at].usage, collector.columns[at].other) = (Usage::Discard, None);
        }
    }
}

/// All families, sorted by name; a name has one for each type that collectors give it.
pub(super) fn own_families(collectors: &[Collector], tolerable: &mut Vec<Tolerable>) -> Vec<Family> {
    let mut owners: HashMap<String, Vec<(MetricKind, &Collector)>> = HashMap::new();
    let mut families = Vec::new();
    for collector in collectors {
        for column in &collector.columns {
            for family in collector.families_of(column) {
                let known = owners.entry(family.name.clone()).or_default();
                if let Some(other) = of_other_type(known, &family, collector) {
                    tolerable.push(two_types(&family, (collector, column), other));
                }
                known.push((family.kind, collector));
                if known.iter().filter(|(kind, _)| *kind == family.kind).count() == 1 {
                    families.push(family);
                }
            }
        }
    }
    families.sort_by(|a, b| a.name.cmp(&b.name));
    families
}

/// An earlier collector that gives the family another type: one that can run together with this one, if there is one.
fn of_other_type<'a>(
    known: &[(MetricKind, &'a Collector)],
    family: &Family,
    collector: &Collector,
) -> Option<&'a Collector> {
    let others = || known.iter().filter(|(kind, _)| *kind != family.kind).map(|(_, other)| *other);
    others().find(|other| may_run_together(other, collector)).or_else(|| others().next())
}

fn two_types(family: &Family, (collector, column): (&Collector, &Column), other: &Collector) -> Tolerable {
    let Collector { key, file, position, .. } = other;
    let types = format!("a {} here and {} in branch {key}", family.kind.word(), of_its_own(other, family));
    let message = format!("metric {} is {types}, at {file}:{}", family.name, position.line);
    let left_out = if may_run_together(other, collector) {
        format!("where both run, it is left out of branch {}", collector.key)
    } else {
        "the branches never run together, so nothing is left out".to_owned()
    };
    let warning = format!("{message}: {left_out}");
    Tolerable { fault: Diagnostic::new(&collector.file, column.position, message), warning }
}

/// The type that a collector gives a family, with its article.
fn of_its_own(collector: &Collector, family: &Family) -> String {
    let families = collector.columns.iter().flat_map(|column| collector.families_of(column));
    let mut kinds = families.filter(|one| one.name == family.name && one.kind != family.kind).map(|one| one.kind);
    kinds.next().map_or_else(String::new, |kind| format!("a {}", kind.word()))
}

/// For each collector and each of its columns: its families, as indexes into all of them.
pub(super) fn of_columns(collectors: &[Collector], families: &[Family]) -> Vec<Vec<Vec<usize>>> {
    let place_of = |family: &Family| {
        let first = families.partition_point(|other| other.name < family.name);
        let same_name = families[first..].iter().take_while(|other| other.name == family.name);
        same_name.enumerate().find(|(_, other)| other.kind == family.kind).map(|(at, _)| first + at)
    };
    let of_collector = |collector: &Collector| {
        let of_column = |column| collector.families_of(column).iter().filter_map(place_of).collect();
        collector.columns.iter().map(of_column).collect()
    };
    collectors.iter().map(of_collector).collect()
}
