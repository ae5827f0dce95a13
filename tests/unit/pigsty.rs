//! The recordings for Pigsty's dashboards: all that those read is recorded, once, and has the value that it has there.
//!
//! `pigsty/recorded.txt` lists the recorded series that Pigsty's dashboards and rules read, `pigsty/most_used.txt` those
//! that most panels read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lab::Cache;
use serde_json::Value;
use support::rules::{pigsty_rule_files, rule_files, rules_of};
use support::{path, promql_names as names};

use crate::alerts::{assert_names_exist, check, promtool};

const RECORDED: &str = include_str!("pigsty/recorded.txt");
const MOST_USED: &str = include_str!("pigsty/most_used.txt");

/// What cannot be recorded, and why.
const UNSERVED: &[(&str, &str)] = &[];

/// The files that a site with Pigsty's dashboards loads.
fn loaded() -> Vec<PathBuf> {
    [rule_files(), pigsty_rule_files()].concat()
}

/// Files of cases for promtool.
fn cases() -> Vec<PathBuf> {
    let files = fs::read_dir(path("tests/unit/pigsty")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|end| end == "yml")).collect()
}

#[test]
fn every_name_that_pigsty_reads_is_recorded() {
    let recorded: BTreeSet<_> = rules_of(&loaded()).into_iter().filter_map(|rule| rule.record).collect();
    let wanted: BTreeSet<_> = RECORDED.lines().collect();
    assert_eq!(wanted.len(), 395);
    for (name, reason) in UNSERVED {
        assert!(wanted.contains(name), "{name} is not read by Pigsty");
        assert!(!recorded.contains(*name), "{name} is recorded, although {reason}");
    }
    let is_missing = |name: &&str| !recorded.contains(*name) && UNSERVED.iter().all(|(unserved, _)| unserved != name);
    let missing: Vec<_> = wanted.into_iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "not recorded, without a reason: {missing:?}");
}

#[test]
fn no_series_is_recorded_twice() {
    let mut files = BTreeMap::new();
    for rule in rules_of(&loaded()) {
        let Some(record) = rule.record else { continue };
        if let Some(other) = files.insert((record.clone(), rule.labels), rule.file.clone()) {
            panic!("{record} is recorded by {other}.yml and {}.yml", rule.file);
        }
    }
}

#[test]
fn prometheus_and_victoriametrics_load_all_files_together() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &loaded());
    let files = loaded().into_iter().map(|file| format!("-rule={}", file.display()));
    check(Command::new(Cache::open().unwrap().victoria("vmalert").unwrap()).arg("-dryRun").args(files));
}

#[test]
fn every_metric_and_label_exists() {
    assert_names_exist(&rules_of(&loaded()));
}

#[test]
fn values_are_those_of_pigsty() {
    promtool(&["test", "rules"], &cases());
}

#[test]
fn every_recording_has_a_case() {
    let mut shown = BTreeSet::new();
    for file in cases() {
        let tests: Value = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let tests = tests["tests"].as_array().unwrap().iter().flat_map(|test| test["promql_expr_test"].as_array());
        for case in tests.flatten().filter(|case| case["exp_samples"].is_array()) {
            let used = names::used(case["expr"].as_str().unwrap());
            shown.extend(used.metrics.into_iter().map(|(metric, _)| metric));
        }
    }
    let recorded = rules_of(&pigsty_rule_files()).into_iter().filter_map(|rule| rule.record);
    let wanted = recorded.chain(MOST_USED.lines().map(str::to_owned));
    let missing: Vec<_> = wanted.filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "no value of these is shown: {missing:?}");
}
