//! What docs/guide/clouds.md says of managed servers, on a server that is as strict: the statements of the page run as a role
//! that is no superuser, and each right that the page says may be missing costs the collectors that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use lab::{Exporter, Major, Postgres};
use support::fenced;
use support::outcome::exporter_of;
use support::{binary, path, scrape, until};

const PAGE: &str = "docs/guide/clouds.md";

/// Functions that Aurora refuses, by how their names begin.
const REFUSED_BY_AURORA: [&str; 9] = [
    "pg_current_wal_",
    "pg_last_wal_",
    "pg_last_xact_replay_timestamp",
    "pg_is_wal_replay_paused",
    "pg_ls_waldir",
    "pg_ls_archive_statusdir",
    "pg_stat_wal\n",
    "pg_stat_get_wal(",
    "pg_walfile_name",
];

fn page() -> String {
    fs::read_to_string(path(PAGE)).unwrap()
}

/// The functions of the page's table, each with the collectors that fail without it.
fn rights() -> Vec<(String, BTreeSet<String>)> {
    let page = page();
    let (_, table) = page.split_once("| not allowed or not there |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let codes = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        (codes(cells[1]).remove(0), codes(cells[2]).into_iter().collect())
    };
    rows.map(row).collect()
}

/// A server with the master user of a provider, who has created the role of the page; with a logging collector.
fn server(major: Major) -> Postgres {
    let server = Postgres::builder(major).setting("logging_collector", "on").start().unwrap();
    server
        .psql(
            "postgres",
            "DROP OWNED BY monitor; DROP ROLE monitor;
             CREATE ROLE master LOGIN CREATEROLE CREATEDB; GRANT pg_monitor TO master WITH ADMIN OPTION;
             GRANT ALL ON SCHEMA public TO master",
        )
        .unwrap();
    let blocks = fenced::parse(PAGE, &page()).blocks;
    let statements: String =
        blocks.iter().filter(|block| block.words == ["sql"]).map(|block| block.text.as_str()).collect();
    let made = server
        .bin("psql")
        .args(["-v", "ON_ERROR_STOP=1", "-U", "master", "-d", "postgres", "-c", &statements])
        .output();
    let made = made.unwrap();
    assert!(made.status.success(), "{major}: {}", String::from_utf8_lossy(&made.stderr));
    server.psql("postgres", "ALTER ROLE monitor PASSWORD 'monitor-secret'").unwrap();
    server
}

/// The collectors whose last run has failed.
fn failing(exporter: &Exporter) -> BTreeSet<String> {
    let page = scrape(exporter);
    assert!(page.is_up(), "{}", exporter.log());
    page.failed().into_iter().map(|(collector, _)| collector.to_owned()).collect()
}

fn revoke(server: &Postgres, function: &str) {
    server
        .psql("postgres", &format!("REVOKE ALL ON FUNCTION pg_catalog.{function} FROM PUBLIC, pg_monitor, monitor"))
        .unwrap();
}

#[test]
fn the_role_of_a_managed_server_needs_no_superuser() {
    for major in [Major::V14, Major::NEWEST] {
        let server = server(major);
        let exporter = exporter_of(&server.url("monitor", "postgres"), &["--disable-cache"]);
        until("explain has the grant that is left", || {
            assert_eq!(failing(&exporter), BTreeSet::new(), "{major}");
            let explained = exporter.get("/explain").unwrap().text();
            explained.contains("GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file")
        });
        assert_eq!(scrape(&exporter).value("pg_exporter_role_privileged", &[]), Some(1.0), "{major}");
    }
}

#[test]
fn each_missing_right_costs_the_collectors_that_the_page_names() {
    let server = server(Major::NEWEST);
    let mut expected = BTreeSet::new();
    for (function, collectors) in rights() {
        revoke(&server, &function);
        // Its predicate asks for the right, so it does not run.
        expected.extend(collectors.into_iter().filter(|name| name != "pg_query_info"));
    }
    let exporter = exporter_of(&server.url("monitor", "postgres"), &[]);
    assert_eq!(failing(&exporter), expected);
}

#[test]
fn the_file_for_aurora_leaves_nothing_that_aurora_refuses() {
    let blocks = fenced::parse(PAGE, &page()).blocks;
    let file = &blocks.iter().find(|block| block.path.as_deref() == Some("aurora.yml")).unwrap().text;
    let own: BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(file).unwrap();
    let embedded = fs::read_dir(path("collectors/pg")).unwrap().map(|entry| entry.unwrap().path());
    for file in embedded.filter(|file| file.extension().is_some_and(|ending| ending == "yml" || ending == "sql")) {
        let text = fs::read_to_string(&file).unwrap();
        // What descriptions and links say is not called.
        let code: String =
            text.lines().filter(|line| line.contains("pg_catalog.")).map(|line| format!("{line}\n")).collect();
        let name = file.file_stem().unwrap().to_str().unwrap();
        for refused in REFUSED_BY_AURORA.iter().filter(|refused| code.contains(&format!("pg_catalog.{refused}"))) {
            assert!(own.contains_key(name), "{name} calls {refused}, and the file for Aurora leaves it");
        }
    }
    assert!(REFUSED_BY_AURORA.iter().all(|refused| !file.contains(&format!("pg_catalog.{refused}"))), "{file}");

    let server = server(Major::NEWEST);
    for function in ["pg_ls_waldir()", "pg_ls_archive_statusdir()", "pg_stat_get_wal()"] {
        revoke(&server, function);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("aurora.yml"), file).unwrap();
    let config = format!("builtin:pg,{}", folder.path().join("aurora.yml").display());
    let url = server.url("monitor", "postgres");
    let exporter = Exporter::start(binary(), &["--config", &config], &[("PG_EXPORTER_URL", &url)]).unwrap();
    assert_eq!(failing(&exporter), BTreeSet::new());
    let page = scrape(&exporter);
    for family in ["pg_timestamp", "pg_uptime", "pg_size_bytes", "pg_db_xact_commit"] {
        assert!(page.families().contains(family), "{family}");
    }
}

/// A reader of Aurora is in recovery, and refuses to say what it has replayed.
#[test]
fn a_reader_of_aurora_is_not_asked_for_its_lag() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    let standby = primary.standby("reader").unwrap();
    let status = || {
        let exporter = exporter_of(&standby.url("monitor", "postgres"), &[]);
        assert!(scrape(&exporter).is_up(), "{}", exporter.log());
        exporter.get("/").unwrap().text()
    };
    assert!(status().contains("s behind"));
    let version = "CREATE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql AS $$ SELECT '17.5' $$";
    primary.psql("postgres", version).unwrap();
    standby.wait_for("SELECT to_regproc('pg_catalog.aurora_version') IS NOT NULL", support::LIMIT).unwrap();
    let status = status();
    assert!(status.contains("standby") && !status.contains("s behind"), "{status}");
}
