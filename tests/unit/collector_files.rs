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
    for (folder, metric) in [("pg", "pg_db_xact"), ("postgres_exporter", "pg_stat_activity_count")] {
        let embedded = metrics(&format!("builtin:{folder}"));
        assert!(embedded.contains(metric), "{embedded}");
        let folder = format!("collectors/{folder}");
        assert!(embedded == metrics(&folder), "the program has other collectors than {folder}");
    }
}

#[test]
fn embedded_folders_have_no_metric_in_common() {
    let both = check_strictly("builtin:pg,builtin:postgres_exporter", root());
    assert!(both.status.success(), "{}", text(&both.stderr));
    assert!(!text(&both.stderr).contains("is replaced by"), "{}", text(&both.stderr));
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
    // What is changed is said at level info.
    log.lines().filter(|line| !line.contains(" level=info ")).map(message).collect()
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

/// The collectors that the paths have together, and what is said of them.
fn laid(paths: &[&str], folder: &Path) -> (Vec<String>, String) {
    let flags = paths.iter().flat_map(|path| ["--config", path]);
    let output = Command::new(binary()).arg("collectors").args(flags).current_dir(folder).output().unwrap();
    let lines =
        text(&output.stdout).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    (lines, text(&output.stderr))
}

#[test]
fn later_paths_add_to_earlier_ones_and_replace_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let gauge = "metrics: [ n: { usage: GAUGE } ]";
    let own = format!(
        "shop_orders: {{ desc: Orders., query: SELECT 1 AS n, {gauge} }}\n\
         pg_size: {{ desc: Mine., query: SELECT 1 AS n, {gauge} }}\n\
         pg_timeline_of_mine: {{ desc: Mine too., name: pg_timeline, query: SELECT 1 AS id, metrics: [ id: {{ usage: GAUGE }} ] }}\n\
         pg_table: {{ ttl: 600, timeout: 3 }}\npg_lock: {{ skip: true }}\n"
    );
    write("own.yml", &own);
    let embedded = laid(&["builtin:pg"], folder.path()).0;
    let starts = |lines: &[String], start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(starts(&embedded, "pg_table 10 ") && starts(&embedded, "pg_timeline "), "{embedded:?}");

    for paths in [&["builtin:pg", "own.yml"][..], &["builtin:pg,own.yml"]] {
        let (lines, told) = laid(paths, folder.path());
        assert_eq!(lines.len(), embedded.len() + 1, "{lines:?}");
        for start in ["shop_orders 0 Orders.", "pg_size 0 Mine.", "pg_timeline_of_mine 0 Mine too.", "pg_table 600 "] {
            assert!(starts(&lines, start), "{start}: {lines:?}");
        }
        assert!(lines.iter().any(|line| line.starts_with("pg_lock 1") && line.contains("off: ")), "{lines:?}");
        assert!(!starts(&lines, "pg_timeline "), "{lines:?}");
        for replaced in [
            "branch pg_size of builtin:pg/pg_size.yml is replaced by branch pg_size at own.yml:2:1",
            "branch pg_timeline of builtin:pg/pg_timeline.yml is replaced by branch pg_timeline_of_mine at own.yml:3:1",
        ] {
            assert!(told.contains(replaced), "{told}");
        }
        assert!(told.contains("branch pg_table of builtin:pg/pg_table.yml is changed at own.yml:4:1"), "{told}");
        assert!(!told.contains("level=warn"), "{told}");
    }
    assert!(check_strictly("builtin:pg,own.yml", folder.path()).status.success());

    // A name with a comma is a name.
    write("a,b.yml", &own);
    assert!(text(&check("a,b.yml", folder.path()).stdout).starts_with("a,b.yml: 3 collectors"));

    write("wrong.yml", "nothing: { skip: true }\npg_index_waste: { ttl: 9 }\npg_wal: { ttl: soon }\n");
    let told = text(&check_strictly("builtin:pg,wrong.yml", folder.path()).stderr);
    for expected in [
        "wrong.yml:1:1: branch nothing has settings only, and no earlier file defines it",
        "wrong.yml:2:1: branch pg_index_waste takes ttl, sample and timeout from branch pg_index_worst: change it there",
        "wrong.yml:3:16: ttl: expected ",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
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
