//! Collector files: what loads, and what is said of every fault.
//!
//! The expected texts lie beside their inputs in `collector_files/`; `UPDATE_EXPECT=1` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::Exporter;
use support::golden::expect;
use support::{binary, path, root};

fn data(name: &str) -> PathBuf {
    path("tests/unit/collector_files").join(name)
}

fn check(path: &str, folder: &Path) -> Output {
    Command::new(binary()).args(["check", path]).current_dir(folder).output().unwrap()
}

fn check_strictly(path: &str, folder: &Path) -> Output {
    Command::new(binary()).args(["check", "--strict", path]).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Names in the folder with or without the ending of expected texts, sorted.
fn names(folder: &Path, expected_texts: bool) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = all.filter(|name| name.ends_with(".txt") == expected_texts).collect();
    names.sort();
    names
}

#[test]
fn embeds_every_collector_of_the_folder() {
    let metrics = |config: &str| {
        let arguments = ["metrics", "--format=json", "--config", config];
        text(&Command::new(binary()).args(arguments).current_dir(root()).output().unwrap().stdout)
    };
    let embedded = metrics("builtin:pg");
    assert!(embedded.contains("pg_db_xact"), "{embedded}");
    assert!(embedded == metrics("collectors/pg"), "the program has other collectors than collectors/pg");
}

#[test]
fn every_fault_is_reported_with_its_position() {
    let folder = data("bad");
    let inputs = names(&folder, false);
    for input in &inputs {
        let output = check_strictly(input, &folder);
        assert_eq!(output.status.code(), Some(1), "{input}");
        assert_eq!(text(&output.stdout), "", "{input}");
        let told = text(&output.stderr);
        expect(&folder.join(Path::new(input).with_extension("txt")), &told);
        let places = told.lines().filter(|line| line.starts_with(&**input)).count();
        assert!(told.starts_with(&format!("pg-exporter: {places} error")), "{told}");
    }
    let expected: Vec<String> =
        inputs.iter().map(|input| Path::new(input).with_extension("txt").display().to_string()).collect();
    assert_eq!(names(&folder, true), expected, "a text without its input, or the other way");
}

/// The messages of log lines.
fn messages(log: &str) -> Vec<String> {
    let message = |line: &str| line.split_once("level=warn message=").unwrap_or_else(|| panic!("{line}")).1.to_owned();
    log.lines().map(message).collect()
}

#[test]
fn what_cannot_go_wrong_is_left_out_with_a_warning() {
    let folder = data("lenient");
    for input in names(&folder, false) {
        let output = check(&input, &folder);
        assert_eq!(output.status.code(), Some(0), "{input}: {}", text(&output.stderr));
        let warnings = messages(&text(&output.stderr));
        let found = warnings.join("\n") + "\n" + &text(&output.stdout);
        expect(&folder.join(Path::new(&input).with_extension("txt")), &found);
        let is_placed = |warning: &String| warning.starts_with(&format!("\"{input}")) && warning.contains(".y");
        assert!(!warnings.is_empty() && warnings.iter().all(is_placed), "{warnings:?}");

        let strictly = check_strictly(&input, &folder);
        assert_eq!(strictly.status.code(), Some(1), "{input}");
        let told = text(&strictly.stderr);
        let errors = if warnings.len() == 1 { "error" } else { "errors" };
        assert!(told.starts_with(&format!("pg-exporter: {} {errors} ", warnings.len())), "{told}");
    }
}

#[test]
fn files_that_are_refused_are_refused_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(data("lenient/labels_only.yml"), folder.path().join("a.yml")).unwrap();
    fs::copy(data("bad/unknown_usage.yml"), folder.path().join("b.yml")).unwrap();
    let told = text(&check(".", folder.path()).stderr);
    assert!(told.starts_with("pg-exporter: 6 errors") && told.contains("./a.yml:2:1: branch app_owner"), "{told}");
}

#[test]
fn reports_all_five_faults_of_a_file() {
    let told = text(&check("five_faults.yml", &data("bad")).stderr);
    let lines: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("five_faults.yml:")?.split(':').next()).collect();
    assert_eq!(lines, ["4", "5", "8", "9", "13"], "{told}");
}

#[test]
fn folder_with_one_bad_file_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(path("collectors/pg/pg.yml"), folder.path().join("good.yml")).unwrap();
    fs::write(folder.path().join("note.txt"), "not: [read").unwrap();
    assert!(check(".", folder.path()).status.success());
    fs::copy(data("bad/five_faults.yml"), folder.path().join("worse.yaml")).unwrap();
    let config = format!("--config={}", folder.path().display());
    let error = Exporter::start(binary(), &[&config], &[]).unwrap_err().to_string();
    let place = folder.path().join("worse.yaml:13:16").display().to_string();
    assert!(error.contains("5 errors") && error.contains(&place), "{error}");
}

#[test]
fn missing_files_and_folders_are_reported() {
    let empty = tempfile::tempdir().unwrap();
    for (path, expected) in [
        ("nowhere.yml", "nowhere.yml: cannot be read: No such file or directory"),
        (".", ".: no .yml or .yaml file in this folder"),
        ("builtin:pgq", "builtin:pgq: no such embedded folder: expected one of pg"),
    ] {
        let output = check(path, empty.path());
        assert_eq!(output.status.code(), Some(1), "{path}");
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}

#[test]
fn empty_file_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["", "\n\n", "# nothing yet\n", "---\n"] {
        fs::write(folder.path().join("empty.yml"), content).unwrap();
        let output = check("empty.yml", folder.path());
        assert!(output.status.success(), "{content:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "empty.yml: 0 collectors, 0 metrics, no errors\n", "{content:?}");
    }
}
