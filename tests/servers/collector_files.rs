//! What collector files give on a live server.
//!
//! The expected texts lie beside their inputs in `collector_files/`; `UPDATE_EXPECT=1` writes them anew.

use std::collections::BTreeSet;
use std::path::Path;

use lab::{Exporter, Major, Postgres};
use support::golden::expect;
use support::outcome::{exporter_with_log, scrape_until};
use support::{Page, exporter, path, scrape};

#[test]
fn shipped_files_are_the_same_from_folder_file_and_program() {
    // That of pg_stat_statements would be counted in the second page.
    let server = Postgres::builder(Major::NEWEST).setting("track_functions", "none").start().unwrap();
    let collectors = path("collectors/pg");
    let config = |path: &Path| format!("--config={}", path.display());
    let whole = |exporter: &Exporter| {
        let page = scrape_until(exporter, "all is read", |page| page.is_up() && page.failed().is_empty());
        page.assert_clean("a shipped file");
        page
    };
    // The collectors of the log are planned once it is found.
    let page = |args: &[&str]| whole(&exporter_with_log(&server.url("monitor", "postgres"), args));
    let embedded = page(&[]);
    let planned = |page: &Page| {
        let collectors = page.label_values("pg_exporter_collector_success", "collector");
        collectors.into_iter().map(str::to_owned).collect::<BTreeSet<String>>()
    };
    assert!(planned(&embedded).len() > 30, "{:?}", planned(&embedded));
    assert_eq!(planned(&page(&[&config(&collectors)])), planned(&embedded));
    assert_eq!(planned(&page(&["--config=builtin:pg"])), planned(&embedded));
    let one = whole(&exporter(&server, "postgres", &[&config(&collectors.join("pg_db.yml"))]));
    assert_eq!(planned(&one), BTreeSet::from(["pg_db".to_owned()]));
    let of_pg_db = |page: &Page| {
        page.families().into_iter().filter(|name| name.starts_with("pg_db_")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of_pg_db(&one), of_pg_db(&embedded));
}

/// Files as pg_exporter takes them.
const FORM: &str = "tests/servers/collector_files/pg_exporter_form";

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
fn reads_files_in_pg_exporter_format() {
    let folder = path(FORM);
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

/// Files as older releases of pg_exporter take them.
const OLDER_FORM: &str = "tests/servers/collector_files/older_form";

#[test]
fn serves_files_of_older_releases_but_for_what_it_warns_of() {
    let folder = path(OLDER_FORM);
    let config = format!("--config={}", folder.display());
    for major in [Major::V14, Major::V18] {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", "create database app").unwrap();
        let exporter = exporter(&server, "postgres", &[&config]);
        let page = scrape(&exporter);
        page.complaints();
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{major}");
        expect(&folder.join(format!("expected_{major}.txt")), &site_lines(&page.text));
        let found = page.samples("pg_exporter_collector_success", &[]);
        assert!(found.iter().all(|sample| sample.value == 1.0), "{major}: {found:?}");

        let dropped = |collector, reason| {
            let labels = [("collector", collector), ("reason", reason)];
            scrape(&exporter).value("pg_exporter_dropped_samples_total", &labels).is_some_and(|count| count > 0.0)
        };
        assert!(dropped("site_job_more", "type"), "{major}");
        assert_eq!(dropped("site_lock_13", "duplicate"), major == Major::V14, "{major}");

        for warning in [
            "0100-base.yml:9:3: branch site_wal_14: unknown key \\\"skip_errors\\\" is ignored",
            "0100-base.yml:19:7: metric site_wal_position is a counter here and a gauge in branch site_wal_14, at ",
            "0100-base.yml:32:1: branch site_lock_13 (13.0 and later) and branch site_lock_10 (10.0 to before 16.0, at ",
            "0100-base.yml:55:7: metric site_job_runs is a gauge here and a counter in branch site_job, at ",
            "0100-base.yml:76:1: branch site_owner has no metric",
            "0100-base.yml:87:19: usage: expected one of LABEL, GAUGE, COUNTER, HISTOGRAM, DISCARD, found ",
            "0200-site.yml:1:1: branch site_changed is already defined at ",
            "0100-base.yml is changed at ",
        ] {
            assert!(exporter.log().contains(warning), "{warning}: {}", exporter.log());
        }
    }
}

#[test]
fn a_reload_warns_too_and_a_later_file_overrides() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, n: u32| {
        let text = format!("site_thing:\n  query: SELECT {n} AS n\n  metrics: [{{ n: {{ usage: GAUGE }} }}]\n");
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    write("b.yml", 1);
    let server = Postgres::start(Major::NEWEST).unwrap();
    let exporter = exporter(&server, "postgres", &[&format!("--config={}", folder.path().display())]);
    let value = || scrape(&exporter).value("site_thing_n", &[]);
    assert_eq!(value(), Some(1.0));
    write("a.yml", 2);
    write("c.yaml", 3);
    assert_eq!(exporter.request("POST", "/reload", &[]).unwrap().status, 200);
    assert_eq!(value(), Some(3.0));
    for name in ["a.yml:1:1", "b.yml:1:1"] {
        assert!(exporter.log().contains(&format!("{name}: that definition is left out")), "{}", exporter.log());
    }
}

#[test]
fn tags_on_the_command_line_choose_branches() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", THINGS).unwrap();
    let config = format!("--config={}", path(FORM).display());
    let chosen = |tags: &[&str]| {
        let page = scrape(&exporter(&server, "postgres", &[&[&*config], tags].concat()));
        ["site_loud_answer", "site_tagged_answer"].map(|name| page.value(name, &[]).is_some())
    };
    assert_eq!(chosen(&[]), [true, false]);
    assert_eq!(chosen(&["--tag", "quiet"]), [false, false]);
    assert_eq!(chosen(&["-t", "quiet, site"]), [false, true]);
}

#[test]
fn failing_fatal_branch_sets_up_to_zero() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let config = format!("--config={}", path(FORM).display());
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
