//! What the program does instead of serving.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{COLLECTORS, DOWN, out, refusal, run, shop};
use crate::support::binary;

#[test]
fn check_reads_files_and_shows_every_fault() {
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
            out(&output).starts_with("builtin:pg: ") && out(&output).ends_with(" metrics, no fault\n"),
            "{output:?}"
        );
    }
    for args in
        [&["check", &good][..], &["check", folder.path().to_str().unwrap()], &["-c", "/nonexistent", "check", &good]]
    {
        let output = run(args, &[]);
        assert!(output.status.success(), "{output:?}");
        assert!(out(&output).contains(": 2 collectors, 2 metrics, no fault\n"), "{output:?}");
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
    assert!(error.contains("builtin:other: no such folder inside the program: expected one of pg"), "{error}");
    assert!(refusal(&["check", "/nonexistent"], &[]).contains("/nonexistent: cannot be read"));
}

#[test]
fn explain_shows_what_is_planned_at_what_cost_and_what_is_not_and_why() {
    let (server, _folder, _) = shop();
    let url = server.url("monitor", "postgres");
    for args in [&["explain"][..], &["-E"], &["--explain"]] {
        let output = run(args, &[("PG_EXPORTER_URL", &url)]);
        assert!(output.status.success(), "{output:?}");
        let text = out(&output);
        assert!(
            text.starts_with(&format!(
                "# server 127.0.0.1:{}, collectors of builtin:pg\n# primary, version 1",
                server.port()
            )),
            "{text}"
        );
        let line = |database: &str, collector: &str| {
            let (_, part) = text.split_once(&format!("\n## database {database}")).unwrap_or_else(|| panic!("{text}"));
            let part = part.split("\n## ").next().unwrap();
            let found = part.lines().find(|line| line.split_whitespace().next() == Some(collector));
            found
                .unwrap_or_else(|| panic!("{database} {collector}: {text}"))
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let numbers: Vec<String> = line("postgres", "pg_db").split(' ').map(str::to_owned).collect();
        assert_eq!((numbers.len(), &*numbers[1], &*numbers[6]), (7, "10", "ok"), "{numbers:?}");
        assert!(numbers[3].parse::<f64>().unwrap() > 0.0 && numbers[4].parse::<u32>().unwrap() >= 4, "{numbers:?}");
        assert_eq!(
            line("postgres", "pg_checkpointer_16"),
            "pg_checkpointer_16 not planned: is for versions before 17.0"
        );
        assert_eq!(
            line("shop", "pg_db"),
            "pg_db not planned: runs once per server, in the main database (tag cluster)"
        );
    }
    let output = run(&["explain"], &[DOWN]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(out(&output).contains("\n# down: 127.0.0.1:1: connection refused (refused)"), "{output:?}");
}

#[test]
fn metrics_lists_the_catalogue_in_three_forms() {
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
        assert!(["gauge", "counter"].contains(&metric["type"].as_str().unwrap()), "{metric}");
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
fn the_program_needs_no_file_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("pg-exporter");
    std::fs::copy(binary(), &copy).unwrap();
    let output = Command::new(&copy).arg("check").current_dir(Path::new("/")).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
