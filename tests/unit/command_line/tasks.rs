//! What the program does instead of serving.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::command_line::{COLLECTORS, out, refusal, run};
use support::{DOWN, binary};

#[test]
fn check_reports_every_fault() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.yml");
    std::fs::write(&good, COLLECTORS).unwrap();
    let good = good.display().to_string();
    for args in
        [&["check"][..], &["check", "builtin:pg"], &["-c", "builtin:pg", "check"], &["check", "-c", "builtin:pg"]]
    {
        let output = run(args, &[]);
        assert!(output.status.success(), "{output:?}");
        assert!(
            out(&output).starts_with("builtin:pg: ") && out(&output).ends_with(" metrics, no errors\n"),
            "{output:?}"
        );
    }
    for args in
        [&["check", &good][..], &["check", folder.path().to_str().unwrap()], &["-c", "/nonexistent", "check", &good]]
    {
        let output = run(args, &[]);
        assert!(output.status.success(), "{output:?}");
        assert!(out(&output).contains(": 2 collectors, 2 metrics, no errors\n"), "{output:?}");
    }

    let bad = folder.path().join("bad.yml");
    let text = "one: { query: SELECT 1, metrics: [ a: { usage: GAGE } ] }\ntwo: { qery: SELECT 1, metrics: [ b: { usage: GAUGE } ] }\n";
    std::fs::write(&bad, text).unwrap();
    let error = refusal(&["check", bad.to_str().unwrap()], &[]);
    assert!(error.starts_with("pg-exporter: ") && error.contains("in the collector files of "), "{error}");
    for place in [":1:", ":2:"] {
        assert!(error.contains(&format!("{}{place}", bad.display())), "{error}");
    }
    assert!(error.contains("GAGE") && error.contains("qery"), "{error}");
    // The same, of a folder, by the flag, and when it is to serve.
    for args in [
        &["check", "--config", folder.path().to_str().unwrap()][..],
        &["-D", "-c", bad.to_str().unwrap()],
        &["-c", bad.to_str().unwrap()],
    ] {
        assert!(refusal(args, &[DOWN]).contains("GAGE"), "{args:?}");
    }
    let error = refusal(&["check", "builtin:other"], &[]);
    assert!(error.contains("builtin:other: no such embedded folder: expected one of pg"), "{error}");
    assert!(refusal(&["check", "/nonexistent"], &[]).contains("/nonexistent: cannot be read"));
}

#[test]
fn metrics_lists_the_catalogue_as_table_json_and_markdown() {
    let json = run(&["metrics", "--format", "json"], &[]);
    let metrics: Vec<Value> = serde_json::from_slice(&json.stdout).unwrap();
    let names: Vec<&str> = metrics.iter().map(|metric| metric["name"].as_str().unwrap()).collect();
    assert!(names.len() > 200 && names.is_sorted(), "{names:?}");
    for metric in &metrics {
        let mut keys: Vec<&str> = metric.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["collector", "help", "labels", "name", "off", "tags", "type", "unit", "versions"],
            "{metric}"
        );
        assert!(["gauge", "counter", "histogram"].contains(&metric["type"].as_str().unwrap()), "{metric}");
        assert!(!metric["help"].as_str().unwrap().is_empty() && metric["labels"].is_array(), "{metric}");
    }
    let size = metrics.iter().find(|metric| metric["name"] == "pg_size_bytes").unwrap();
    assert_eq!(
        (&size["unit"], &size["labels"][0], &size["collector"]),
        (&"bytes".into(), &"datname".into(), &"pg_size".into())
    );

    let table = out(&run(&["metrics"], &[]));
    assert_eq!(table, out(&run(&["metrics", "--format=table"], &[])));
    let first: Vec<&str> = table.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(first, names);
    assert!(out(&run(&["-D"], &[])).starts_with(&table));

    let markdown = out(&run(&["metrics", "--format", "markdown"], &[]));
    let rows = markdown.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, names.len());
    assert!(markdown.starts_with("# Metrics\n") && markdown.contains("\n## pg_size\n"), "{markdown}");

    // Who has read enough, as head has, hears no complaint.
    let mut cut = Command::new(binary());
    let mut cut = cut.arg("metrics").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(cut.stdout.take());
    let cut = cut.wait_with_output().unwrap();
    assert!(cut.status.success() && cut.stderr.is_empty(), "{cut:?}");
}

#[test]
fn collectors_are_listed_and_dumped() {
    let list = out(&run(&["collectors"], &[]));
    let line = |key: &str| list.lines().find(|line| line.split_whitespace().next() == Some(key)).map(str::to_owned);
    let size = line("pg_size").unwrap_or_else(|| panic!("{list}"));
    assert!(size.contains("  300  cluster") && size.ends_with('.'), "{size}");

    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("new/copy").display().to_string();
    let dumped = out(&run(&["collectors", "--dump", &copy], &[]));
    assert!(dumped.starts_with(&copy) && dumped.ends_with(" files of builtin:pg\n"), "{dumped}");
    let of = |config: &str| out(&run(&["metrics", "--format", "json", "--config", config], &[]));
    assert!(of(&copy) == of("builtin:pg"), "the copy has other metrics");
    assert!(out(&run(&["check", "--strict", &copy], &[])).ends_with(" no errors\n"));
    let error = refusal(&["collectors", "--dump", &copy], &[]);
    assert!(error.contains(&format!("{copy} is not empty: give a new folder")), "{error}");
}

#[test]
fn grants_prints_the_sql_of_the_role() {
    let sql = std::fs::read_to_string(support::path("collectors/pg/grants.sql")).unwrap();
    assert_eq!(out(&run(&["grants"], &[])), sql);
}

#[test]
fn runs_without_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("pg-exporter");
    std::fs::copy(binary(), &copy).unwrap();
    let output = Command::new(&copy).arg("check").current_dir(Path::new("/")).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
