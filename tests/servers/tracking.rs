//! The exporter's own statements leave no trace: not in pg_stat_statements, where they would evict those of users, and not in
//! the server's log.

use std::fs;

use lab::{Exporter, MONITOR_PASSWORD, Major, Postgres, PostgresBuilder};
use support::outcome::{scrape_until, status};
use support::{Page, exporter, scrape, track_monitor, until};

/// With the statements of a few scrapes in each, more than the smallest pg_stat_statements has entries.
const DATABASES: usize = 12;
/// Where every statement is logged.
const FEW_DATABASES: usize = 2;
const ADVICE: &str = "SET pg_stat_statements.track = 'none'";
/// Begins every line of the server's log, with the user and the database after it.
const MARK: &str = "@@";
/// Everything on that counts or logs statements. The settings of several statistics exclude each other.
const LOUD: [(&str, &str); 12] = [
    ("log_line_prefix", "@@%u|%d|"),
    ("pg_stat_statements.track", "all"),
    ("pg_stat_statements.track_utility", "on"),
    ("pg_stat_statements.track_planning", "on"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_nested_statements", "on"),
    ("log_statement", "all"),
    ("log_duration", "on"),
    ("log_min_duration_statement", "0"),
    ("log_min_duration_sample", "0"),
    ("log_transaction_sample_rate", "1"),
    ("log_executor_stats", "on"),
];

fn server_of(builder: PostgresBuilder, libraries: &str, databases: usize) -> Postgres {
    let server = builder.setting("shared_preload_libraries", libraries).start().unwrap();
    let create: String = (0..databases).map(|n| format!("create database d{n} strategy file_copy;\n")).collect();
    let create = if server.major() == Major::V14 { create.replace(" strategy file_copy", "") } else { create };
    server.psql("postgres", &create).unwrap();
    server
}

fn server(major: Major, libraries: &str) -> Postgres {
    server_of(Postgres::builder(major).setting("pg_stat_statements.max", "100"), libraries, DATABASES)
}

/// A server that counts and logs every statement; 15 with pg_stat_kcache.
fn loud_server(major: Major) -> Postgres {
    let loud = LOUD.iter().fold(Postgres::builder(major), |builder, (name, value)| builder.setting(name, value));
    if major != Major::V15 {
        return server_of(loud, "pg_stat_statements, auto_explain", FEW_DATABASES);
    }
    let loud = loud.with_extensions().setting("pg_stat_kcache.track", "all");
    let server = server_of(loud, "pg_stat_statements, auto_explain, pg_stat_kcache", FEW_DATABASES);
    server.psql("postgres", "create extension pg_stat_kcache").unwrap();
    server
}

/// Gives the role what `grants.sql` gives, and nothing else.
fn grant(server: &Postgres) {
    let file = support::path("collectors/pg/grants.sql");
    server.psql("postgres", "drop owned by monitor; drop role monitor").unwrap();
    server.psql("postgres", &fs::read_to_string(file).unwrap()).unwrap();
    server.psql("postgres", &format!("alter role monitor password '{MONITOR_PASSWORD}'")).unwrap();
}

/// Scrapes until every database has been read more than once.
fn read_all(exporter: &Exporter, databases: usize) -> Page {
    scrape_until(exporter, "all databases are read", |page| {
        let visits = page.samples("pg_exporter_server_scrape_total_count", &[]);
        visits.len() > databases && visits.iter().all(|visits| visits.value >= 2.0)
    })
}

/// Entries of a role, and of those the ones in databases beside the main one.
fn entries(server: &Postgres, role: &str) -> (usize, usize) {
    let sql = format!(
        "select count(*), count(*) filter (where d.datname <> 'postgres') from pg_stat_statements s
           join pg_database d on d.oid = s.dbid where userid = '{role}'::regrole"
    );
    let counts = server.psql("postgres", &sql).unwrap();
    let (all, others) = counts.split_once('|').unwrap();
    (all.parse().unwrap(), others.parse().unwrap())
}

/// Entries of `monitor` in pg_stat_kcache, where that is.
fn kcache_entries(server: &Postgres) -> usize {
    let count = "select count(*) from pg_stat_kcache() where userid = 'monitor'::regrole";
    if server.major() == Major::V15 { server.psql("postgres", count).unwrap().parse().unwrap() } else { 0 }
}

/// Empties the statistics of statements.
fn reset(server: &Postgres) {
    let kcache = if server.major() == Major::V15 { ", pg_stat_kcache_reset()" } else { "" };
    server.psql("postgres", &format!("select pg_stat_statements_reset(){kcache}")).unwrap();
}

/// Uses the exporter in every way, after which no statement of `monitor` has left a trace that was not there before.
fn assert_leaves_no_trace(server: &Postgres, exporter: &Exporter) {
    let major = server.major();
    reset(server);
    let before = logged(server).len();
    use_all(server, exporter);
    assert_eq!((entries(server, "monitor"), kcache_entries(server)), ((0, 0), 0), "{major}");
    assert_eq!(logged(server).get(before), None, "{major}");
}

/// The databases and texts of the statements of `monitor` that the server has logged.
fn logged(server: &Postgres) -> Vec<(String, String)> {
    let log = String::from_utf8_lossy(&fs::read(server.log_file()).unwrap()).into_owned();
    let messages = log.split(MARK).filter_map(|message| message.strip_prefix("monitor|")?.split_once('|'));
    // Sessions that the test ends are FATAL.
    let logged = messages.filter(|(_, text)| text.starts_with("LOG:") || text.starts_with("ERROR:"));
    logged.map(|(database, text)| (database.to_owned(), text.to_owned())).collect()
}

/// Uses the exporter in every way, and ends all its sessions in between.
fn use_all(server: &Postgres, exporter: &Exporter) {
    for _ in 0..2 {
        for path in ["/up", "/primary", "/explain", "/"] {
            assert_eq!(status(exporter, path), 200, "{path}");
        }
        read_all(exporter, FEW_DATABASES).assert_clean(&server.major().to_string());
        assert_eq!(exporter.request("POST", "/reload", &[]).unwrap().status, 200);
        read_all(exporter, FEW_DATABASES);
        end_sessions(server);
        scrape_until(exporter, "it connects again", Page::is_up);
    }
}

fn end_sessions(server: &Postgres) {
    let others = "pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'";
    server.psql("postgres", &format!("select {others}")).unwrap();
}

/// The statements that the page and `explain` advise to run.
fn advised(exporter: &Exporter) -> String {
    let [explain, page] = ["/explain", "/"].map(|path| exporter.get(path).unwrap().text());
    let line = explain.lines().find(|line| line.contains(ADVICE)).unwrap_or_else(|| panic!("{explain}"));
    let page = page.replace("&#39;", "'").replace("&quot;", "\"");
    assert!(page.contains(line.trim_start_matches("# ")), "{page}");
    line.split_once("restart the exporter: ").unwrap().1.to_owned()
}

fn evictions(server: &Postgres) -> u64 {
    server.psql("postgres", "select dealloc from pg_stat_statements_info").unwrap().parse().unwrap()
}

fn told(exporter: &Exporter) -> [bool; 3] {
    let [explain, page] = ["/explain", "/"].map(|path| exporter.get(path).unwrap().text());
    [explain, page, exporter.log()].map(|text| text.replace("&#39;", "'").replace("\\'", "'").contains(ADVICE))
}

#[test]
fn role_made_by_grants_leaves_no_trace() {
    for major in Major::ALL {
        let server = loud_server(major);
        grant(&server);
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        assert_leaves_no_trace(&server, &exporter);
        assert_eq!(told(&exporter), [false; 3], "{major}");
    }
}

#[test]
fn grants_hold_for_a_library_that_is_loaded_later() {
    let mut server = server(Major::V14, "");
    grant(&server);
    server.psql("postgres", "alter system set shared_preload_libraries = 'pg_stat_statements'").unwrap();
    server.restart().unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    read_all(&exporter, DATABASES);
    assert_eq!((entries(&server, "monitor"), evictions(&server)), ((0, 0), 0));
    assert_eq!(told(&exporter), [false; 3]);
}

#[test]
fn tracked_role_is_advised_to_switch_tracking_off() {
    let server = server(Major::NEWEST, "pg_stat_statements");
    track_monitor(&server);
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    read_all(&exporter, DATABASES).assert_clean("tracked");
    assert!(evictions(&server) > 0);
    assert_eq!(told(&exporter), [true; 3]);
    assert_eq!(exporter.log().matches("SET pg_stat_statements.track").count(), 1, "{}", exporter.log());
    // Nothing was tried that the server refuses.
    let log = fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("permission denied to set parameter"), "{log}");
}

#[test]
fn advice_removes_every_trace() {
    for major in [Major::V14, Major::V15, Major::NEWEST] {
        let server = loud_server(major);
        track_monitor(&server);
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        read_all(&exporter, FEW_DATABASES);
        let log = logged(&server);
        let count = |text: &str| log.iter().filter(|(_, logged)| logged.contains(text)).count();
        assert!(log.iter().any(|(database, text)| database == "d1" && text.contains("Query Text")), "{major}");
        // It is asked once what the role may set, and nothing is tried that it may not.
        assert_eq!((count("LOG:  statement: SELECT s.name FROM"), count("permission denied")), (1, 0), "{major}");
        server.psql("postgres", &advised(&exporter)).unwrap();
        end_sessions(&server);
        until("the advice is gone", || {
            read_all(&exporter, FEW_DATABASES);
            !told(&exporter)[0]
        });
        assert_leaves_no_trace(&server, &exporter);
    }
}

#[test]
fn role_that_may_set_it_leaves_no_trace_after_its_first_session() {
    for (major, privilege) in [
        (Major::V14, "alter role monitor superuser".to_owned()),
        (Major::V15, "alter role monitor superuser".to_owned()),
        (
            Major::NEWEST,
            LOUD[1..].iter().map(|(name, _)| format!("grant set on parameter {name} to monitor;")).collect(),
        ),
    ] {
        let server = loud_server(major);
        track_monitor(&server);
        server.psql("postgres", &privilege).unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache", "--allow-superuser"]);
        read_all(&exporter, FEW_DATABASES);
        let (first, log) = (entries(&server, "monitor"), logged(&server));
        assert!(first.0 < 8 && first.1 == 0, "{major}: {first:?}");
        assert_eq!(log.iter().find(|(database, _)| database != "postgres"), None, "{major}");
        assert_eq!(told(&exporter), [false; 3], "{major}");
        assert_leaves_no_trace(&server, &exporter);
    }
}

#[test]
fn setting_that_changes_is_switched_off_in_open_sessions() {
    let server = Postgres::builder(Major::NEWEST).setting(LOUD[0].0, LOUD[0].1);
    let server = server_of(server, "pg_stat_statements", FEW_DATABASES);
    server.psql("postgres", "alter role monitor superuser").unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache", "--max-connections=5"]);
    let use_sessions = || {
        read_all(&exporter, FEW_DATABASES);
        assert_eq!(status(&exporter, "/primary"), 200);
    };
    use_sessions();
    let opened = || scrape(&exporter).value("pg_exporter_connections_opened_total", &[]);
    let before = opened();
    server.psql("postgres", "alter system set log_statement = 'all'; select pg_reload_conf()").unwrap();
    until("its statements are logged", || {
        use_sessions();
        !logged(&server).is_empty()
    });
    // Each session sets it before its next statement.
    use_sessions();
    let statements = logged(&server).len();
    use_sessions();
    assert_eq!(logged(&server).get(statements), None);
    assert_eq!(opened(), before);
}

#[test]
fn lost_privilege_costs_no_connection() {
    let server = server(Major::NEWEST, "pg_stat_statements");
    track_monitor(&server);
    server.psql("postgres", "grant set on parameter pg_stat_statements.track to monitor").unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    read_all(&exporter, DATABASES).assert_clean("granted");
    assert_eq!(told(&exporter), [false; 3]);
    server.psql("postgres", "revoke set on parameter pg_stat_statements.track from monitor").unwrap();
    end_sessions(&server);
    scrape_until(&exporter, "it connects again", |page| page.is_up() && told(&exporter)[0]);
}
