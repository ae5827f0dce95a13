//! The command `import`: what becomes of the files of other exporters, and what is said of the rest.
//!
//! The expected texts lie beside their inputs in `import/`; `UPDATE_EXPECT=1` writes them again.

use std::fs;
use std::process::{Command, Output};

use support::golden::expect;
use support::{binary, path};
use tempfile::TempDir;

/// The formats, each with a file of its own in `import/`.
const FORMATS: [&str; 4] = ["postgres_exporter", "sql_exporter", "pgwatch", "cloudnative-pg"];

/// Runs a command in the folder with the inputs.
fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).current_dir(path("tests/unit/import")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the command says of a file that it refuses.
fn refused(format: &str, content: &str) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("queries.yaml");
    fs::write(&file, content).unwrap();
    let output = run(&["import", format, file.to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn every_format_becomes_sound_collectors_and_a_report() {
    let folder = path("tests/unit/import");
    for format in FORMATS {
        let output = run(&["import", format, &format!("{format}.yaml")]);
        assert_eq!(output.status.code(), Some(2), "{format}: {}", text(&output.stderr));
        expect(&folder.join(format!("{format}.expected.yml")), &text(&output.stdout));
        expect(&folder.join(format!("{format}.expected.txt")), &text(&output.stderr));
        let checked = run(&["check", "--strict", &format!("{format}.expected.yml")]);
        assert!(checked.status.success(), "{format}: {}", text(&checked.stderr));
    }
}

#[test]
fn all_formats_together_make_a_sound_folder() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    for format in FORMATS {
        let file = format!("{format}.yaml");
        assert_eq!(run(&["import", format, &file, "--out", out]).status.code(), Some(2), "{format}");
        let printed = run(&["import", format, &file]);
        let written = fs::read_to_string(folder.path().join(format!("{format}.yml"))).unwrap();
        assert_eq!(written, text(&printed.stdout), "{format}");
        fs::rename(folder.path().join(format!("{format}.yml")), folder.path().join(format!("{format}.txt"))).unwrap();
    }
    // Names of two formats may be the same; those of one exporter are loaded together.
    let name = |format: &str, end: &str| folder.path().join(format!("{format}.{end}"));
    for format in ["pgwatch", "cloudnative-pg"] {
        fs::rename(name(format, "txt"), name(format, "yml")).unwrap();
    }
    let checked = run(&["check", "--strict", out]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

#[test]
fn a_file_that_carries_whole_exits_with_0() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("queries.yaml");
    let query = "shop:\n  query: SELECT count(*) AS n FROM orders\n  metrics: [{ n: { usage: GAUGE } }]\n";
    fs::write(&file, query).unwrap();
    let output = run(&["import", "postgres_exporter", file.to_str().unwrap(), "--search-path", "shop,public"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), format!("{}: 1 of 1 query imported\n", file.display()));
    assert!(text(&output.stdout).contains("  search_path: [shop, public]\n"), "{}", text(&output.stdout));
}

#[test]
fn files_of_another_format_are_refused() {
    for (format, content, expected) in [
        ("postgres_exporter", "a: [", "queries.yaml:1:"),
        ("postgres_exporter", "metrics: { a: { sqls: { 14: SELECT 1 AS n } } }", "expected a map of queries"),
        ("sql_exporter", "a: { query: SELECT 1 AS n }", "expected a collector with collector_name and metrics"),
        ("pgwatch", "a: { query: SELECT 1 AS n }", "expected metrics, each with sqls"),
        ("cloudnative-pg", "apiVersion: v1\nkind: Pod\ndata: {}", "expected a ConfigMap with data"),
    ] {
        let said = refused(format, content);
        assert!(said.contains(expected), "{format}: {said}");
    }
    let missing = run(&["import", "pgwatch", "/nonexistent.yaml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("cannot read /nonexistent.yaml: No such file"), "{}", text(&missing.stderr));
}

#[test]
fn a_config_of_another_exporter_is_refused_with_the_command_to_run() {
    for (format, file) in FORMATS.map(|format| (format, format!("{format}.yaml"))) {
        let output = run(&["check", &file]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        let command = format!("pg-exporter import {format} {file} --out DIR");
        assert!(text(&output.stderr).contains(&command), "{}", text(&output.stderr));
    }
}

#[test]
fn the_help_names_the_exit_status_and_all_formats() {
    let help = text(&run(&["import", "--help"]).stdout);
    for part in FORMATS.iter().chain(&["Exit status: 0 if everything", "2 if something did not carry"]) {
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "{part}: {help}");
    }
    assert!(text(&run(&["--help"]).stdout).contains("  import "));
}
