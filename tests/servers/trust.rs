//! What others may put into a database does not run as the exporter's role, and does not change its sessions.

use std::fs;
use std::path::Path;

use lab::{Exporter, Major, Postgres};
use support::outcome::{collectors, exporter_of};
use support::{Page, binary, scrape, until};

/// What a database owner without any privilege plants: each way that a collector's SQL could come to call his code. Every
/// call leaves a mark in a sequence, which read-only transactions do not prevent once `set_config` was called.
const TRAPS: &str = "
create schema trap;
create table trap.calls (who text, way text);
create function trap.note(way text) returns text language plpgsql as $$
begin
  perform set_config('transaction_read_only', 'off', false);
  insert into trap.calls values (current_user, way);
  return way;
exception when others then return null;
end $$;
create function SCHEMA.length(name) returns int language plpgsql as $$ begin perform trap.note('function'); return 1; end $$;
create function SCHEMA.plus(bigint, int) returns bigint language plpgsql as $$ begin perform trap.note('operator'); return 1; end $$;
create operator SCHEMA.+ (leftarg = bigint, rightarg = int, function = SCHEMA.plus);
create view SCHEMA.pg_stat_archiver as select trap.note('view'), 1::bigint as archived_count;
create function SCHEMA.same(int) returns int language plpgsql immutable as $$ begin perform trap.note('expression'); return $1; end $$;
create domain SCHEMA.checked as int check (SCHEMA.same(value) > 0);
create table SCHEMA.touched (n int, c SCHEMA.checked, d text default trap.note('default'));
create index touched_expression on SCHEMA.touched (SCHEMA.same(n)) where SCHEMA.same(n) > 0;
create statistics SCHEMA.touched_statistics on SCHEMA.same(n), n from SCHEMA.touched;
alter table SCHEMA.touched enable row level security;
create policy touched_policy on SCHEMA.touched using (trap.note('policy') is null);
create type SCHEMA.pair as (a int, b int);
create function SCHEMA.text(SCHEMA.pair) returns text language plpgsql as $$ begin return trap.note('cast'); end $$;
create cast (SCHEMA.pair as text) with function SCHEMA.text(SCHEMA.pair) as implicit;
create function SCHEMA.next(text, name) returns text language plpgsql as $$ begin return trap.note('aggregate'); end $$;
create aggregate SCHEMA.max(name) (sfunc = SCHEMA.next, stype = text);
create materialized view SCHEMA.kept as select trap.note('materialized view') with no data;
create table SCHEMA.parted (n int) partition by range (SCHEMA.same(n));
create temporary view pg_database as select trap.note('temporary view') as datname;
grant usage on schema trap, SCHEMA to public; grant all on all tables in schema trap, SCHEMA to public;
";
/// What a user who knows nothing of search paths writes, as in the files of other exporters.
const UNQUALIFIED: &str = "
pg_naive:
  query: select sum(length(datname)) as names, max(oid::bigint + 1) as oids from pg_database
  metrics: [ names: { usage: GAUGE }, oids: { usage: GAUGE } ]
pg_naive_archiver:
  query: select archived_count as n from pg_stat_archiver
  metrics: [ n: { usage: GAUGE } ]
";

/// A server with a database whose owner has planted his traps in `schema`.
fn trapped(major: Major, schema: &str) -> Postgres {
    let server = Postgres::start(major).unwrap();
    server.psql("postgres", "create role owner login; create database shop owner owner").unwrap();
    let create = if schema == "public" { String::new() } else { format!("create schema {schema};") };
    let traps = format!("set role owner; {create}{}", TRAPS.replace("SCHEMA", schema));
    server.psql("shop", &traps).unwrap();
    server
        .psql("shop", &format!("set role owner; alter database shop set search_path = {schema}, pg_catalog"))
        .unwrap();
    server
}

fn calls(server: &Postgres) -> String {
    server.psql("shop", "select distinct who, way from trap.calls order by 1, 2").unwrap()
}

fn with_config(server: &Postgres, user: &str, config: &Path) -> (Exporter, Page) {
    let exporter = exporter_of(&server.url(user, "shop"), &["--config", config.to_str().unwrap()]);
    let page = scrape(&exporter);
    assert!(page.is_up(), "{}", exporter.log());
    (exporter, page)
}

#[test]
fn never_calls_code_of_a_database_owner() {
    // Before 15 everybody may create in the schema public.
    for (major, schema) in [(Major::V14, "public"), (Major::NEWEST, "public"), (Major::NEWEST, "own")] {
        let server = trapped(major, schema);
        let own = collectors(UNQUALIFIED);
        for user in ["monitor", "postgres"] {
            let (exporter, page) = with_config(&server, user, own.path());
            assert_eq!(page.failed(), [], "{}", exporter.log());
            assert!(page.value("pg_naive_names", &[]).unwrap() > 10.0, "{}", page.text);
            scrape(&exporter_of(&server.url(user, "shop"), &[]));
        }
        assert_eq!(calls(&server), "", "{schema}");
    }
}

#[test]
fn search_path_of_a_collector_does_not_leak() {
    let server = trapped(Major::NEWEST, "own");
    server.psql("shop", "create schema good; create function good.seven() returns int language sql return 7; grant usage on schema good to public").unwrap();
    let config = collectors(&format!(
        "own_seven: {{ query: select seven() as n, search_path: [good, own], priority: -1, predicate_queries: [ {{ predicate_query: select seven() = 7 }} ], metrics: [ n: {{ usage: GAUGE }} ] }}\n\
         own_none: {{ query: select seven() as n, metrics: [ n: {{ usage: GAUGE }} ] }}\n{UNQUALIFIED}"
    ));
    let (exporter, page) = with_config(&server, "monitor", config.path());
    assert_eq!(page.value("own_seven_n", &[]), Some(7.0), "{}", exporter.log());
    assert_eq!(page.failed(), [("own_none", "shop")]);
    let log = exporter.log();
    assert!(log.contains("the search path is pg_catalog; set search_path on the collector for other schemas"), "{log}");
    assert_eq!(calls(&server), "");
}

#[test]
fn unqualified_extension_names_are_resolved() {
    for major in [Major::V14, Major::NEWEST] {
        let server = Postgres::start(major).unwrap();
        let schema = "create schema if not exists \"Mon itor\"; grant usage on schema \"Mon itor\" to public;
            drop extension if exists pg_stat_statements; create extension pg_stat_statements schema \"Mon itor\"";
        server.psql("postgres", schema).unwrap();
        let config = collectors(
            "
pg_query:
  query: SELECT sum(calls) AS calls FROM pg_stat_statements(false)
  tags: [cluster, 'extension:pg_stat_statements']
  metrics: [ calls: { usage: COUNTER } ]
",
        );
        let exporter = exporter_of(&server.url("monitor", "postgres"), &["--config", config.path().to_str().unwrap()]);
        let page = scrape(&exporter);
        assert!(page.value("pg_query_calls", &[]).is_some(), "{}\n{}", page.text, exporter.log());
    }
}

#[test]
fn superuser_role_causes_a_warning() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server
        .psql("postgres", "create role writer login password 'writer' in role pg_monitor, pg_write_server_files")
        .unwrap();
    for (user, words) in
        [("postgres", "the role postgres is a superuser"), ("writer", "is a member of pg_write_server_files")]
    {
        let url = server.url(user, "postgres").replace("writer@", "writer:writer@");
        let exporter = exporter_of(&url, &[]);
        scrape(&exporter);
        for path in ["/", "/explain"] {
            let text = exporter.get(path).unwrap().text();
            assert!(text.contains(words), "{path}: {text}");
        }
        scrape(&exporter);
        until("the warning is in the log", || exporter.log().contains(words));
        assert_eq!(exporter.log().matches(words).count(), 1, "{}", exporter.log());
        let silent = Exporter::start(binary(), &["--allow-superuser"], &[("PG_EXPORTER_URL", &url)]).unwrap();
        scrape(&silent);
        assert!(!silent.get("/explain").unwrap().text().contains(words) && !silent.log().contains(words));
    }
    let usual = exporter_of(&server.url("monitor", "postgres"), &[]);
    scrape(&usual);
    assert!(!usual.get("/explain").unwrap().text().contains("WARNING"));
}

/// What a database owner can set for everybody who connects, and what it would do to an exporter.
const SETTINGS: [(&str, &str); 15] = [
    ("search_path", "own, public"),
    ("statement_timeout", "'1ms'"),
    ("lock_timeout", "'1ms'"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("idle_in_transaction_session_timeout", "'1ms'"),
    ("transaction_timeout", "'1ms'"),
    ("idle_session_timeout", "'1ms'"),
    ("work_mem", "'2GB'"),
    ("enable_hashjoin", "off"),
    ("row_security", "off"),
    ("client_min_messages", "debug5"),
    ("quote_all_identifiers", "on"),
    ("TimeZone", "'Asia/Tokyo'"),
];

#[test]
fn settings_of_a_database_do_not_change_the_exporters_sessions() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create role owner login; create database shop owner owner").unwrap();
    let config = collectors(
        "
seen:
  query: select name, setting as value, 1 as here from pg_settings where source = 'database'
  metrics: [ name: { usage: LABEL }, value: { usage: LABEL }, here: { usage: GAUGE } ]
set:
  query: select name, setting as value, 1 as here from pg_settings
  metrics: [ name: { usage: LABEL }, value: { usage: LABEL }, here: { usage: GAUGE } ]
",
    );
    let before = scrape(&exporter_of(&server.url("monitor", "shop"), &["--config", config.path().to_str().unwrap()]));
    for (name, value) in SETTINGS {
        server.psql("postgres", &format!("set role owner; alter database shop set {name} = {value}")).unwrap();
    }
    for main in ["shop", "postgres"] {
        let exporter = exporter_of(&server.url("monitor", main), &["--config", config.path().to_str().unwrap()]);
        let page = scrape(&exporter);
        assert!(page.is_up() && page.failed().is_empty(), "{}\n{}", page.text, exporter.log());
        let left: Vec<_> = page.samples("seen_here", &[]).into_iter().map(|one| one.labels["name"].clone()).collect();
        assert_eq!(left, Vec::<String>::new(), "{main}");
        for name in SETTINGS.map(|(name, _)| name).into_iter().filter(|name| *name != "TimeZone") {
            let value = |page: &Page| {
                let samples = page.samples("set_here", &[("name", name)]);
                samples.iter().map(|one| one.labels["value"].clone()).next_back()
            };
            assert_eq!(value(&page), value(&before), "{name} by {main}");
        }
    }
    assert!(fs::read_to_string(server.log_file()).unwrap().contains("database system is ready"));
}
