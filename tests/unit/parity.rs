//! Every metric that pg_exporter 1.4 has on PostgreSQL 14 and later is here, under its name, with its type and labels.
//!
//! `tests/parity/pg_exporter.tsv` lists them: name, type, labels, whether of the server or of each database, the majors and roles
//! where they are, and whether they are off by default.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use support::catalogue::{Listed, catalogue};

const THEIRS: &str = include_str!("../parity/pg_exporter.tsv");
const MAJORS: RangeInclusive<u32> = 14..=19;

/// What is different on purpose: metric (or what it begins with, and `*`), what, why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("pg_table_size_*", "off", "exact sizes wait for locks and look at every file: on with --tag exact_size"),
    ("pg_setting_shared_memory_size", "in 14", "the setting came with 15; there it is NaN"),
    ("pg_setting_hugepage_count", "in 14", "the setting came with 15; there it is NaN"),
    ("pg_setting_hugepage_status", "in 14", "the setting came with 17; there it is NaN"),
    ("pg_setting_hugepage_status", "in 15", "the setting came with 17; there it is NaN"),
    ("pg_setting_hugepage_status", "in 16", "the setting came with 17; there it is NaN"),
    ("pg_setting_io_method", "in 14", "the setting came with 18; there it is NaN"),
    ("pg_setting_io_method", "in 15", "the setting came with 18; there it is NaN"),
    ("pg_setting_io_method", "in 16", "the setting came with 18; there it is NaN"),
    ("pg_setting_io_method", "in 17", "the setting came with 18; there it is NaN"),
];

fn is_excused(name: &str, what: &str) -> bool {
    let fits = |pattern: &str| match pattern.split_once('*') {
        Some((start, _)) => name.starts_with(start),
        None => name == pattern,
    };
    EXCEPTIONS.iter().any(|(pattern, which, _)| *which == what && fits(pattern))
}

struct Theirs {
    name: &'static str,
    kind: &'static str,
    labels: BTreeSet<&'static str>,
    scope: &'static str,
    majors: RangeInclusive<u32>,
    off: bool,
}

fn theirs() -> Vec<Theirs> {
    let read = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, kind, labels, scope, majors, _, off] = fields[..] else { panic!("{line}") };
        let (first, last) = majors.split_once('-').unwrap();
        Theirs {
            name,
            kind,
            labels: labels.split(',').filter(|label| !label.is_empty()).collect(),
            scope,
            majors: first.parse().unwrap()..=last.parse().unwrap(),
            off: off == "yes",
        }
    };
    THEIRS.lines().skip(1).map(read).collect()
}

/// What is different here of one of their metrics.
fn differences(wanted: &Theirs, ours: &[&Listed]) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |what: &str, is: String, was: String| {
        if is != was && !is_excused(wanted.name, what) {
            found.push(format!("{}: {what} is {is:?} and was {was:?}", wanted.name));
        }
    };
    for one in ours {
        let labels: BTreeSet<&str> = one.labels.iter().map(String::as_str).collect();
        let scope = if one.tags.iter().any(|tag| tag == "cluster") { "cluster" } else { "database" };
        // What only a tag of the command line switches on is off, too.
        let known = ["cluster", "primary", "replica", "standby"];
        let tagged = |tag: &String| !known.contains(&tag.as_str()) && !tag.contains(':');
        let off = one.off || one.tags.iter().any(tagged);
        differs("type", one.kind.clone(), wanted.kind.to_owned());
        differs("labels", format!("{labels:?}"), format!("{:?}", wanted.labels));
        differs("scope", scope.to_owned(), wanted.scope.to_owned());
        differs("off", off.to_string(), wanted.off.to_string());
    }
    found
}

#[test]
fn has_every_metric_of_pg_exporter() {
    let listed = catalogue();
    let mut ours: BTreeMap<&str, Vec<&Listed>> = BTreeMap::new();
    for one in &listed {
        ours.entry(&one.name).or_default().push(one);
    }
    let mut wrong = Vec::new();
    let mut covered: BTreeMap<u32, (usize, usize)> = MAJORS.map(|major| (major, (0, 0))).collect();
    for wanted in theirs() {
        let mine = ours.get(wanted.name).map(Vec::as_slice).unwrap_or_default();
        wrong.extend(differences(&wanted, mine));
        for major in wanted.majors.clone().filter(|major| !is_excused(wanted.name, &format!("in {major}"))) {
            let here = mine.iter().any(|one| one.is_in(major));
            let (found, all) = covered.get_mut(&major).unwrap();
            *all += 1;
            *found += usize::from(here);
            if !here {
                wrong.push(format!("{}: not in {major}", wanted.name));
            }
        }
    }
    for (major, (found, all)) in covered {
        println!(
            "PostgreSQL {major}: {found} of {all} families of pg_exporter, {:.1} %",
            100.0 * found as f64 / all as f64
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
