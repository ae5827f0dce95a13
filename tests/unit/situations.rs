//! Situations that a site can be in: all rules together, over time, in each label scheme.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::rules::rules;
use support::{golden, path, promtool};

/// Runs the program that has the situations.
fn generate(argument: &Path) -> String {
    let output = Command::new("python3")
        .args(["-B", "tests/unit/situations/generate.py"])
        .arg(argument)
        .current_dir(path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The situations of the page: for each the alerts that fire, with their severities.
fn listed(page: &str) -> BTreeMap<String, Vec<String>> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>()).filter(|cells| cells[0] != "situation");
    cells.map(|cells| (cells[0].to_owned(), cells[2].split(", ").map(str::to_owned).collect())).collect()
}

#[test]
#[ignore = "takes 3 min: make situations"]
fn exactly_the_expected_alerts_fire_in_each_situation() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let files: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 12, "{files:?}");
    promtool::assert_cases_pass(files);
}

#[test]
fn every_alert_fires_in_one_situation_and_is_silent_in_others() {
    let situations = listed(&generate(Path::new("--table")));
    assert!(situations.len() >= 120, "only {} situations", situations.len());
    let rules = rules();
    let alerts: BTreeSet<_> =
        rules.iter().filter_map(|rule| Some(format!("{} {}", rule.alert.as_ref()?, rule.labels["severity"]))).collect();
    let expected: BTreeSet<_> = situations.values().flatten().filter(|alert| *alert != "none").cloned().collect();
    let unknown: Vec<_> = expected.difference(&alerts).collect();
    assert!(unknown.is_empty(), "there are no rules for {unknown:?}");
    for alert in rules.iter().filter_map(|rule| rule.alert.as_deref()).filter(|alert| *alert != "Watchdog") {
        let fires = |found: &&Vec<String>| found.iter().any(|one| one.split(' ').next() == Some(alert));
        let times = situations.values().filter(fires).count();
        assert!(times > 0, "{alert} fires in no situation");
        assert!(times < situations.len(), "{alert} fires in every situation");
    }
}

#[test]
fn the_page_lists_the_situations() {
    golden::expect(&path("docs/reference/situations.md"), &generate(Path::new("--table")));
}
