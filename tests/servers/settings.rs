//! No setting that a role, a database or the server may have takes the exporter down or changes what it exports.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use lab::{Exporter, Major, Postgres};
use support::outcome::{collectors, embedded_and, exporter_of, status};
use support::{Page, scrape, until};

/// What a superuser may set for the role of an exporter; each case has one role with these settings.
const CASES: [&[&str]; 22] = [
    &["default_transaction_isolation = 'serializable'"],
    &["default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on"],
    &["default_transaction_isolation = 'repeatable read'", "default_transaction_read_only = off"],
    &["transaction_timeout = 1"],
    &["idle_in_transaction_session_timeout = 1", "idle_session_timeout = 1"],
    &["statement_timeout = 1", "lock_timeout = 1"],
    &["search_path = ''", "temp_file_limit = 0"],
    &["search_path = pg_temp, information_schema, public", "row_security = off", "work_mem = '64kB'"],
    &["role = monitor"],
    &[
        "DateStyle = 'German'",
        "IntervalStyle = iso_8601",
        "TimeZone = 'Asia/Kathmandu'",
        "timezone_abbreviations = 'India'",
    ],
    &["DateStyle = 'SQL, DMY'", "IntervalStyle = sql_standard", "bytea_output = escape", "extra_float_digits = -15"],
    &["client_encoding = 'LATIN1'", "lc_messages = 'C'", "lc_numeric = 'C'"],
    &["client_encoding = 'SQL_ASCII'", "array_nulls = off", "xmlbinary = hex", "xmloption = document"],
    &["client_encoding = 'EUC_JP'", "password_encryption = md5", "scram_iterations = 1"],
    &["standard_conforming_strings = off", "transform_null_equals = on", "quote_all_identifiers = on"],
    &["debug_parallel_query = regress", "jit = on", "jit_above_cost = 0", "plan_cache_mode = force_generic_plan"],
    &["max_parallel_workers_per_gather = 0", "enable_seqscan = off", "enable_indexscan = off", "enable_hashjoin = off"],
    &[
        "enable_sort = off",
        "enable_hashagg = off",
        "enable_nestloop = off",
        "from_collapse_limit = 1",
        "geqo_threshold = 2",
    ],
    &["local_preload_libraries = missing"],
    &["log_statement = 'all'", "log_min_messages = debug5", "client_min_messages = debug5", "debug_print_plan = on"],
    &["track_activities = off", "track_counts = off", "compute_query_id = off", "stats_fetch_consistency = snapshot"],
    &[
        "default_tablespace = missing",
        "temp_tablespaces = missing",
        "event_triggers = off",
        "restrict_nonsystem_relation_kind = 'view, foreign-table'",
        "synchronous_commit = remote_apply",
    ],
];

/// A primary and a standby with a role `caseN` for each case, and the database `postgres` only.
fn servers() -> (Postgres, Postgres) {
    let primary = Postgres::builder(Major::NEWEST).hba_line("host all all 127.0.0.1/32 trust").start().unwrap();
    let mut roles = String::new();
    for (at, case) in CASES.iter().enumerate() {
        roles += &format!("create role case{at} login in role monitor;\n");
        for setting in *case {
            roles += &format!("alter role case{at} set {setting};\n");
        }
    }
    primary.psql("postgres", &roles).unwrap();
    let standby = primary.standby("standby1").unwrap();
    (primary, standby)
}

/// Sets for everybody, in the servers and in the database, what a standby refuses and what changes the meaning of SQL.
fn set_everywhere(primary: &Postgres, standby: &Postgres) {
    let settings = [
        "default_transaction_isolation = serializable",
        "default_transaction_deferrable = on",
        "quote_all_identifiers = on",
        "DateStyle = German",
    ];
    let in_database: String = settings.iter().map(|one| format!("alter database postgres set {one};")).collect();
    primary.psql("template1", &in_database).unwrap();
    let is_replayed = "select count(*) = 4 from pg_db_role_setting, unnest(setconfig) where setrole = 0";
    until("the standby has the settings", || standby.psql("template1", is_replayed).is_ok_and(|answer| answer == "t"));
    for server in [primary, standby] {
        for setting in settings {
            server.psql("template1", &format!("alter system set {setting}")).unwrap();
        }
        server.psql("template1", "select pg_reload_conf()").unwrap();
    }
}

/// The first page for a role, and what is wrong about it: a role without a setting has the page `usual`.
fn problems(server: &Postgres, role: &str, usual: Option<&Page>) -> (Page, Vec<String>) {
    let exporter = exporter_of(&server.url(role, "postgres"), &["--no-auto-discovery"]);
    let page = scrape(&exporter);
    let mut problems = Vec::new();
    if !page.is_up() {
        problems.push(format!("down: {:?} {}", page.reason(), exporter.log()));
    }
    if !page.failed().is_empty() {
        problems.push(format!("failed: {:?} {}", page.failed(), exporter.log()));
    }
    problems.extend(wrong_roles(server, &exporter));
    if let Some(usual) = usual {
        let [mine, usual] = [&page, usual].map(families);
        let differ: Vec<_> = mine.symmetric_difference(&usual).collect();
        if !differ.is_empty() {
            problems.push(format!("other families: {differ:?}"));
        }
    }
    (page, problems)
}

fn wrong_roles(server: &Postgres, exporter: &Exporter) -> Option<String> {
    // A standby refuses a session's default of serializable.
    let in_recovery = server.data_dir().join("standby.signal").exists();
    let wanted = if in_recovery { [404, 200, 200] } else { [200, 404, 200] };
    let found = ["/primary", "/replica", "/readiness"].map(|path| status(exporter, path));
    (found != wanted).then(|| format!("endpoints: {found:?} {}", exporter.log()))
}

/// What collectors export, but for what depends on what the server has done so far.
fn families(page: &Page) -> BTreeSet<&str> {
    let volatile = ["pg_func_", "pg_query_", "pg_repl_write_lag", "pg_repl_flush_lag", "pg_repl_replay_lag"];
    page.collected().into_iter().filter(|name| !volatile.iter().any(|prefix| name.starts_with(prefix))).collect()
}

#[test]
fn settings_of_a_role_change_nothing() {
    let (primary, standby) = servers();
    let servers = [&primary, &standby];
    // A deferrable transaction waits for it.
    let mut writer = postgres::Client::connect(&primary.url("postgres", "postgres"), postgres::NoTls).unwrap();
    writer.batch_execute("begin isolation level serializable; create table written (n int)").unwrap();
    let usual = servers.map(|server| problems(server, "monitor", None).0);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = CASES.get(at / 2) else { return found };
            let (_, problems) = problems(servers[at % 2], &format!("case{}", at / 2), Some(&usual[at % 2]));
            found.extend(
                problems.into_iter().map(|problem| format!("{case:?}, {}: {problem}", ["primary", "standby"][at % 2])),
            );
        }
    };
    let mut found = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(work));
        workers.map(|worker| worker.join().unwrap()).concat()
    });
    set_everywhere(&primary, &standby);
    for (server, usual) in servers.iter().zip(&usual) {
        found.extend(problems(server, "monitor", Some(usual)).1);
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// A login trigger that writes, with names that only the usual search path finds.
const LOGIN_TRIGGER: &str = "
create table logins (who text);
grant insert, select on logins to public;
create function note_login() returns event_trigger language plpgsql as $$
begin
  if not pg_is_in_recovery() then insert into logins values (session_user); end if;
end $$;
create event trigger on_login on login execute function note_login();
alter event trigger on_login enable always;
";

#[test]
fn login_trigger_that_writes_keeps_nobody_out() {
    let primary = Postgres::start(Major::V17).unwrap();
    primary.psql("postgres", &format!("create database shop; {LOGIN_TRIGGER}")).unwrap();
    primary.psql("shop", LOGIN_TRIGGER).unwrap();
    let standby = primary.standby("standby1").unwrap();
    for (server, role) in [(&primary, "/primary"), (&standby, "/replica")] {
        let config = collectors(
            "own: { query: \"select current_database() as datname, setting as value, 1 as here from pg_settings where name = 'default_transaction_read_only'\", \
             metrics: [ datname: { usage: LABEL }, value: { usage: LABEL }, here: { usage: GAUGE } ] }",
        );
        let url = server.url("monitor", "postgres");
        let args = ["--disable-cache", "--config", config.path().to_str().unwrap()];
        let exporter = exporter_of(&url, &args);
        for _ in 0..2 {
            let page = scrape(&exporter);
            page.assert_clean(role);
            assert_eq!(page.label_values("own_here", "value"), BTreeSet::from(["on"]), "{role}");
        }
        assert_eq!(status(&exporter, role), 200);
    }
    let logins = "select count(*) from logins where who = 'monitor'";
    assert!(primary.psql("shop", logins).unwrap().parse::<u32>().unwrap() > 0);
    let log = std::fs::read_to_string(primary.log_file()).unwrap();
    assert_eq!(log.matches("FATAL:").count(), 2, "one for each database: {log}");
}

/// What would change the session that all collectors share, or end it.
const FORBIDDEN: [&str; 9] = [
    "BEGIN",
    "/* x */ start transaction",
    "COMMIT",
    "SET jit = on",
    "LOCK pg_class",
    "DISCARD ALL",
    "LISTEN x",
    "copy pg_class to stdout",
    "; -- x\nprepare s as select 1",
];

#[test]
fn collectors_cannot_change_the_session() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let own: String = FORBIDDEN
        .iter()
        .enumerate()
        .map(|(at, sql)| {
            format!("own_{at}:\n  query: {sql:?}\n  priority: -{at}\n  metrics: [ n: {{ usage: GAUGE }} ]\n")
        })
        .collect();
    let config = embedded_and(&own);
    let args = ["--no-auto-discovery", "--disable-cache", "--config", config.path().to_str().unwrap()];
    let exporter = exporter_of(&server.url("monitor", "postgres"), &args);
    for _ in 0..3 {
        let page = scrape(&exporter);
        assert!(page.is_up(), "{}", exporter.log());
        let failed: Vec<_> = page.failed().into_iter().filter(|(name, _)| !name.starts_with("own_")).collect();
        assert_eq!(failed, [], "{}", exporter.log());
    }
    assert_eq!(scrape(&exporter).failed().len(), FORBIDDEN.len());
    let log = exporter.log();
    assert!(log.contains("the query begins with BEGIN, which would change the session"), "{log}");
    let in_transaction = "select count(*) from pg_stat_activity where usename = 'monitor' and state <> 'idle'";
    server.wait_for(&format!("select ({in_transaction}) = 0"), support::LIMIT).unwrap();
}
