//! The rules of `alerts`: what promtool makes of them and of their cases, and whether all that they name exists.

mod alertmanager;
mod schemes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lab::Cache;
use serde_json::{Value, json};
use support::rules::{Rule, rule_files, rules};
use support::runbooks::runbooks;
use support::{path, promql_names as names};

/// Runs a program, which must find all good.
pub(crate) fn check(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

/// Runs each release of promtool with the files, both at once.
pub(crate) fn promtool(arguments: &[&str], files: &[PathBuf]) {
    std::thread::scope(|scope| {
        for program in Cache::open().unwrap().promtools().unwrap() {
            scope.spawn(move || check(Command::new(program).args(arguments).args(files)));
        }
    });
}

#[test]
fn promtool_accepts_rules_and_scrape_config() {
    promtool(&["check", "rules"], &rule_files());
    promtool(&["check", "config"], &[path("alerts/scrape/prometheus.yml")]);
}

#[test]
fn victoriametrics_accepts_rules_and_scrape_config() {
    let cache = Cache::open().unwrap();
    let rules = rule_files().into_iter().map(|file| format!("-rule={}", file.display()));
    check(Command::new(cache.victoria("vmalert").unwrap()).arg("-dryRun").args(rules));
    let jobs = format!("-promscrape.config={}", path("alerts/scrape/vmagent.yml").display());
    check(Command::new(cache.victoria("vmagent").unwrap()).args(["-dryRun", "-promscrape.config.strictParse", &jobs]));
}

#[test]
fn alertmanager_routes_by_severity_and_inhibits_consequences() {
    let config = path("alerts/alertmanager/alertmanager.yml");
    alertmanager::finds_who_gets_what(&config);
    alertmanager::keeps_quiet_what_follows(&fs::read_to_string(config).unwrap());
}

#[test]
fn alertmanager_silences_no_alert_of_another_server() {
    let config = path("alerts/alertmanager/alertmanager.yml");
    alertmanager::silences_no_other_server(&fs::read_to_string(config).unwrap());
}

/// The files of cases.
fn case_files() -> Vec<PathBuf> {
    let files = fs::read_dir(path("tests/unit/alerts")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|end| end == "yml")).collect()
}

/// The texts of these files.
fn cases() -> impl Iterator<Item = String> {
    case_files().into_iter().map(|file| fs::read_to_string(file).unwrap())
}

#[test]
fn promtool_rule_tests_pass() {
    support::promtool::assert_cases_pass(case_files());
}

#[test]
fn every_alert_has_labels_annotations_and_a_runbook() {
    for rule in rules().iter().filter(|rule| rule.alert.is_some()) {
        let name = rule.name();
        for key in ["severity", "level", "component"] {
            assert!(rule.labels.contains_key(key), "{name} has no label {key}");
        }
        for key in ["summary", "description"] {
            assert!(!rule.annotations[key].is_empty(), "{name} has no {key}");
        }
        let page = &rule.annotations["runbook_url"];
        assert_eq!(page, &format!("docs/runbooks/{name}.md"));
        assert!(path(page).exists(), "{page} is missing");
    }
    let names: BTreeSet<_> = rules().iter().filter_map(|rule| rule.alert.clone()).collect();
    let pages = fs::read_dir(path("docs/runbooks")).unwrap();
    let pages: BTreeSet<_> =
        pages.map(|page| page.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let old: Vec<_> = pages.difference(&names).collect();
    assert!(old.is_empty(), "there is no alert for these pages of docs/runbooks: {old:?}");
}

#[test]
fn every_alert_has_a_firing_and_a_silent_case() {
    let mut times = BTreeMap::<(String, String, bool), usize>::new();
    for text in cases() {
        let tests: Value = serde_saphyr::from_str(&text).unwrap();
        for case in
            tests["tests"].as_array().unwrap().iter().flat_map(|test| test["alert_rule_test"].as_array()).flatten()
        {
            let name = case["alertname"].as_str().unwrap();
            let fired: Vec<_> = case["exp_alerts"].as_array().into_iter().flatten().collect();
            for severity in ["critical", "warning", "info", "none"] {
                let fires = fired.iter().any(|alert| alert["exp_labels"]["severity"] == severity);
                *times.entry((name.to_owned(), severity.to_owned(), fires)).or_default() += 1;
            }
        }
    }
    for rule in rules().iter().filter(|rule| rule.alert.is_some()) {
        let count =
            |fires| times.get(&(rule.name().to_owned(), rule.labels["severity"].clone(), fires)).copied().unwrap_or(0);
        assert!(count(true) > 0, "{} {} is never shown to fire", rule.name(), rule.labels["severity"]);
        // Watchdog always fires.
        assert!(
            count(false) > 1 || rule.name() == "Watchdog",
            "{} {} is not shown to be silent",
            rule.name(),
            rule.labels["severity"]
        );
    }
}

#[test]
fn every_recording_rule_has_a_case() {
    let mut shown = BTreeSet::new();
    for text in cases() {
        let tests: Value = serde_saphyr::from_str(&text).unwrap();
        let cases = tests["tests"].as_array().unwrap().iter().flat_map(|test| test["promql_expr_test"].as_array());
        for case in cases.flatten().filter(|case| case["exp_samples"].is_array()) {
            let used = names::used(case["expr"].as_str().unwrap());
            shown.extend(used.metrics.into_iter().map(|(metric, _)| metric));
        }
    }
    let rules = rules();
    let records = rules.iter().filter_map(|rule| rule.record.as_ref());
    let missing: Vec<_> = records.filter(|record| !shown.contains(*record)).collect();
    assert!(missing.is_empty(), "no value of these is shown: {missing:?}");
}

#[test]
fn every_proven_alert_has_its_times_in_the_docs() {
    let page = fs::read_to_string(path("docs/alerts.md")).unwrap();
    let brought: Vec<&str> = lab::prove::faults().flat_map(|fault| fault.alerts.iter().copied()).collect();
    assert_eq!(lab::prove::tabled(&page), brought, "docs/alerts.md is old: make prove");
    let rules = rules();
    for alert in brought {
        assert!(rules.iter().any(|rule| rule.alert.as_deref() == Some(alert)), "there is no rule {alert}");
    }
}

#[test]
fn every_other_alert_has_a_reason_in_the_docs() {
    let page = fs::read_to_string(path("docs/alerts.md")).unwrap();
    let (_, section) = page.split_once("## Not proven live").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let named: BTreeSet<&str> = rows.map(|row| row.split(" | ").next().unwrap().trim_start_matches("| ")).collect();
    let proven: BTreeSet<&str> = lab::prove::faults().flat_map(|fault| fault.alerts.iter().copied()).collect();
    let rules = rules();
    let all: BTreeSet<&str> = rules.iter().filter_map(|rule| rule.alert.as_deref()).collect();
    assert_eq!(named, &all - &proven);
}

#[test]
fn every_metric_and_label_exists() {
    assert_names_exist(&rules());
}

/// Each metric and label that the rules name is documented, or recorded by one of them.
pub(crate) fn assert_names_exist(rules: &[Rule]) {
    let mut known = names::documented();
    // What a site may record.
    for alert in rules.iter().filter_map(|rule| rule.alert.as_ref()) {
        known.insert(format!("pg:threshold:{alert}"), ["severity".to_owned()].into());
    }
    // A recording may build on one that is declared after it.
    let mut left: Vec<&Rule> = rules.iter().collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|rule| {
            let mut used = names::used(&rule.expression);
            // A recording may read itself, to remember.
            used.metrics.retain(|(metric, _)| Some(metric) != rule.record.as_ref());
            if !used.metrics.iter().all(|(metric, _)| known.contains_key(metric)) {
                return true;
            }
            let faults = used.unknown_labels(&known);
            assert!(faults.is_empty(), "{} in {}: {faults:?}", rule.name(), rule.file);
            if let Some(record) = &rule.record {
                let labels = used.labels_of_metrics(&known).chain(used.made.iter().cloned()).collect();
                known.insert(record.clone(), labels);
            }
            false
        });
        assert!(
            left.len() < before,
            "metrics of these do not exist: {:?}",
            left.iter().map(|rule| &rule.expression).collect::<Vec<_>>()
        );
    }
}

#[test]
fn promql_of_the_runbooks_parses_and_names_what_exists() {
    let pages = runbooks();
    let blocks: Vec<_> = pages
        .iter()
        .flat_map(|page| page.blocks.iter().map(move |block| (format!("{}:{}", page.alert, block.line), block)))
        .filter(|(_, block)| block.is("promql"))
        .collect();
    let group: Vec<_> = blocks.iter().map(|(place, block)| json!({ "record": place, "expr": block.text })).collect();
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    let scratch = json!({ "groups": [{ "name": "runbooks", "rules": group }] });
    fs::write(file.path(), serde_json::to_string_pretty(&scratch).unwrap()).unwrap();
    promtool(&["check", "rules"], &[file.path().to_owned()]);

    let known = names::documented();
    let recorded: BTreeSet<_> = rules().into_iter().filter_map(|rule| rule.record).collect();
    let mut faults = Vec::new();
    for (place, block) in &blocks {
        let used = names::used(&block.text);
        let (documented, others): (Vec<_>, Vec<_>) =
            used.metrics.iter().map(|(metric, _)| metric).partition(|metric| known.contains_key(*metric));
        let missing = others.iter().filter(|metric| !recorded.contains(**metric)).map(|metric| (*metric).clone());
        // What is recorded has the labels of what it is recorded from.
        let labels = if documented.len() == used.metrics.len() { used.unknown_labels(&known) } else { Vec::new() };
        faults.extend(missing.chain(labels).map(|name| format!("{place}: there is no {name}")));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
