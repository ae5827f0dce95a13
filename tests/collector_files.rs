//! Collector files: what loads, what it gives on a live server, and what is said of every fault.
//!
//! The expected texts lie beside their inputs in `collector_files/`; `UPDATE_EXPECT=1` writes them anew.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::{Exporter, Major, Postgres};
use support::{Page, binary, exporter, scrape};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn data(name: &str) -> PathBuf {
    root().join("tests/collector_files").join(name)
}

/// Compares a text with the one in the file, or writes it there if the environment says so.
fn expect(file: &Path, found: &str) {
    if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        fs::write(file, found).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert!(found == expected, "not as in {}:\n--- expected\n{expected}--- found\n{found}---", file.display());
}

fn check(path: &str, folder: &Path) -> Output {
    Command::new(binary()).args(["check", path]).current_dir(folder).output().unwrap()
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
fn every_fault_is_told_with_its_place() {
    let folder = data("bad");
    let inputs = names(&folder, false);
    for input in &inputs {
        let output = check(input, &folder);
        assert_eq!(output.status.code(), Some(1), "{input}");
        assert_eq!(text(&output.stdout), "", "{input}");
        let told = text(&output.stderr);
        expect(&folder.join(Path::new(input).with_extension("txt")), &told);
        let places = told.lines().filter(|line| line.starts_with(&**input)).count();
        assert!(told.starts_with(&format!("pg-exporter: {places} fault")), "{told}");
    }
    let expected: Vec<String> =
        inputs.iter().map(|input| Path::new(input).with_extension("txt").display().to_string()).collect();
    assert_eq!(names(&folder, true), expected, "a text without its input, or the other way");
}

#[test]
fn a_file_with_five_faults_tells_all_five() {
    let told = text(&check("five_faults.yml", &data("bad")).stderr);
    let lines: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("five_faults.yml:")?.split(':').next()).collect();
    assert_eq!(lines, ["4", "5", "8", "9", "13"], "{told}");
}

#[test]
fn a_folder_with_one_bad_file_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(root().join("collectors/pg/pg.yml"), folder.path().join("good.yml")).unwrap();
    fs::write(folder.path().join("note.txt"), "not: [read").unwrap();
    assert!(check(".", folder.path()).status.success());
    fs::copy(data("bad/five_faults.yml"), folder.path().join("worse.yaml")).unwrap();
    let config = format!("--config={}", folder.path().display());
    let error = Exporter::start(binary(), &[&config], &[]).unwrap_err().to_string();
    let place = folder.path().join("worse.yaml:13:16").display().to_string();
    assert!(error.contains("5 faults") && error.contains(&place), "{error}");
}

#[test]
fn what_is_not_there_is_told() {
    let empty = tempfile::tempdir().unwrap();
    for (path, expected) in [
        ("nowhere.yml", "nowhere.yml: cannot be read: No such file or directory"),
        (".", ".: no .yml or .yaml file in this folder"),
        ("builtin:pgq", "builtin:pgq: no such folder inside the program: expected one of pg"),
    ] {
        let output = check(path, empty.path());
        assert_eq!(output.status.code(), Some(1), "{path}");
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}

#[test]
fn a_file_without_branches_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["", "\n\n", "# nothing yet\n", "---\n"] {
        fs::write(folder.path().join("empty.yml"), content).unwrap();
        let output = check("empty.yml", folder.path());
        assert!(output.status.success(), "{content:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "empty.yml: 0 collectors, 0 metrics, no fault\n", "{content:?}");
    }
}

#[test]
fn shipped_files_are_the_same_from_folder_file_and_program() {
    // That of pg_stat_statements would be counted in the second page.
    let server = Postgres::builder(Major::NEWEST).setting("track_functions", "none").start().unwrap();
    let collectors = root().join("collectors/pg");
    let config = |path: &Path| format!("--config={}", path.display());
    let page = |args: &[&str]| {
        let page = scrape(&exporter(&server, "postgres", args));
        page.assert_clean(&format!("{args:?}"));
        page
    };
    let embedded = page(&[]);
    let planned = |page: &Page| {
        let collectors = page.label_values("pg_exporter_collector_success", "collector");
        collectors.into_iter().map(str::to_owned).collect::<BTreeSet<String>>()
    };
    assert!(planned(&embedded).len() > 30, "{:?}", planned(&embedded));
    assert_eq!(planned(&page(&[&config(&collectors)])), planned(&embedded));
    assert_eq!(planned(&page(&["--config=builtin:pg"])), planned(&embedded));
    let one = page(&[&config(&collectors.join("pg_db.yml"))]);
    assert_eq!(planned(&one), BTreeSet::from(["pg_db".to_owned()]));
    let of_pg_db = |page: &Page| {
        page.families().into_iter().filter(|name| name.starts_with("pg_db_")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of_pg_db(&one), of_pg_db(&embedded));
}

const THINGS: &str = r#"
    create table things (kind text, n int8, kb numeric, busy bool, since timestamptz, took interval, gone int);
    insert into things values
      (E'a "b" \\ c\nd', 3, 1.5, true, '2024-02-29 12:00:00.25+00', '1 day 00:00:01.5', null),
      ('plain', 9007199254740893, 0.25, false, null, null, 7);
    grant select on things to public"#;

/// The lines of the page that are not the exporter's own.
fn site_lines(page: &str) -> String {
    let of_site = |line: &&str| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with("site_");
    page.lines().filter(of_site).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_file_in_the_form_of_pg_exporter_gives_what_its_form_promises() {
    let folder = data("pg_exporter_form");
    let config = format!("--config={}", folder.display());
    for major in [Major::V14, Major::V18] {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", "create database app").unwrap();
        for database in ["postgres", "app"] {
            server.psql(database, THINGS).unwrap();
        }
        let exporter = exporter(&server, "postgres", &[&config, "--tag=site"]);
        let page = scrape(&exporter);
        page.assert_clean(&major.to_string());
        expect(&folder.join(format!("expected_{major}.txt")), &site_lines(&page.text));
        let planned = if major == Major::V14 { "site_thing_14" } else { "site_thing_18" };
        assert!(page.label_values("pg_exporter_collector_success", "collector").contains(planned));

        let warning = "0100-site.yml:16:49: column n: read \\\", as counted at night\\\" as part of the description";
        let warnings: Vec<String> =
            exporter.log().lines().filter(|line| line.contains("level=warn message=\"/")).map(str::to_owned).collect();
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].contains(warning), "{warnings:?}");
    }
}

#[test]
fn tags_on_the_command_line_choose_branches() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", THINGS).unwrap();
    let config = format!("--config={}", data("pg_exporter_form").display());
    let chosen = |tags: &[&str]| {
        let page = scrape(&exporter(&server, "postgres", &[&[&*config], tags].concat()));
        ["site_loud_answer", "site_tagged_answer"].map(|name| page.value(name, &[]).is_some())
    };
    assert_eq!(chosen(&[]), [true, false]);
    assert_eq!(chosen(&["--tag", "quiet"]), [false, false]);
    assert_eq!(chosen(&["-t", "quiet, site"]), [false, true]);
}

#[test]
fn a_fatal_branch_that_fails_takes_the_server_down() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let config = format!("--config={}", data("pg_exporter_form").display());
    // Without the table things, the predicate of site_asked fails.
    let page = scrape(&exporter(&server, "postgres", &[&config]));
    assert_eq!(page.value("pg_up", &[]), Some(0.0));
    assert_eq!(page.value("pg_up_reason", &[("reason", "fatal")]), Some(1.0));
    assert_eq!(site_lines(&page.text), "");
    server.psql("postgres", THINGS).unwrap();
    let page = scrape(&exporter(&server, "postgres", &[&config]));
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    assert_eq!(page.value("site_asked_answer", &[]), Some(1.0));
}
