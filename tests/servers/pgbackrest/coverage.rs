//! Every family of pgbackrest_exporter, which dashboards and alerts are written for, by name and with its labels.

use std::collections::BTreeSet;
use std::fs;

use support::Page;

use super::first_page;
use super::script::{DOCUMENT, Script};

/// Names and labels, a family a line.
const PEER: &str = include_str!("peer_families.txt");

/// Labels that a program of another language does not have: to Prometheus an absent label is an empty one.
const OF_GO: [&str; 3] = ["branch", "goversion", "tags"];

/// A document with everything that there can be: a running backup and restore, block maps, an annotation.
fn rich() -> String {
    let lock = r#"{"backup":{"held":true,"size":9,"size-cplt":4,"repo":[{"key":1,"size":9,"size-cplt":4}]},"restore":{"held":true,"size":8,"size-cplt":3}}"#;
    DOCUMENT
        .replace(r#"{"backup":{"held":false}}"#, lock)
        .replace(r#""size":6078907}"#, r#""size":6078907,"size-map":5,"delta-map":4}"#)
        .replace(r#""prior":null"#, r#""annotation":{"a":"b"},"prior":null"#)
}

fn labels(page: &Page, family: &str) -> BTreeSet<String> {
    page.samples(family, &[]).iter().flat_map(|sample| sample.labels.keys().cloned()).collect()
}

#[test]
fn every_family_of_the_peer_is_there_with_its_labels() {
    let script = Script::new();
    fs::write(script.path("document"), rich() + "\n").unwrap();
    let set = DOCUMENT
        .replace(r#""prior":null"#, r#""database-ref":[{"name":"a","oid":1},{"name":"b","oid":2}],"prior":null"#);
    fs::write(script.path("set"), set + "\n").unwrap();
    script.does("case \"$*\" in *--set=*) cat \"$folder/set\";; *) cat \"$folder/document\";; esac");
    let page = first_page(&script.exporter(&["--backrest.reference-count", "--backrest.database-count"]));
    let mut covered = 0;
    let mut faults = Vec::new();
    for line in PEER.lines() {
        let (name, wanted) = line.split_once(' ').unwrap_or((line, ""));
        let wanted: BTreeSet<String> = wanted.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect();
        let found = labels(&page, name);
        let excused = |label: &&String| name.ends_with("_build_info") && OF_GO.contains(&label.as_str());
        let missing: Vec<_> = wanted.difference(&found).filter(|label| !excused(label)).collect();
        let more: Vec<_> = found.difference(&wanted).collect();
        let is_there = page.kind(name) == Some("gauge") && !page.samples(name, &[]).is_empty();
        if is_there && missing.is_empty() && more.is_empty() {
            covered += 1;
        } else {
            faults.push(format!("{name}: there: {is_there}, labels missing: {missing:?}, beyond: {more:?}"));
        }
    }
    let all = PEER.lines().count();
    println!("coverage of pgbackrest_exporter's families: {covered} of {all}, {} %", 100 * covered / all);
    assert!(faults.is_empty() && all == 40, "{all}: {faults:#?}");
    assert_eq!(page.value("pgbackrest_backup_databases", &[]), Some(2.0));
    assert_eq!(page.value("pgbackrest_stanza_restore_complete_bytes", &[]), Some(3.0));
}
