//! Statements of pg_stat_statements.

use lab::{Exporter, Major, Postgres};
use postgres::{Client, NoTls};
use support::{Page, exporter, scrape, track_monitor};

/// Runs each of these as `postgres` in its own session, in order.
fn run(server: &Postgres, user: &str, statements: &[&str]) {
    let mut client = Client::connect(&server.url(user, "postgres"), NoTls).unwrap();
    for statement in statements {
        client.simple_query(statement).unwrap();
    }
}

/// The queryid of the only statement whose text is like that.
fn queryid(server: &Postgres, pattern: &str) -> String {
    let sql = format!("select distinct queryid from pg_stat_statements where query like '{pattern}'");
    server.psql("postgres", &sql).unwrap()
}

fn value(page: &Page, family: &str, labels: &[(&str, &str)]) -> f64 {
    page.value(family, labels).unwrap_or_else(|| panic!("no {family}{labels:?}\n{}", page.text))
}

/// Every number of a statement against an independent sum over the view.
fn assert_like_the_view(server: &Postgres, page: &Page, query: &str, columns: &[(&str, &str)]) {
    for (metric, column) in columns {
        let sql = format!("select ({column})::float8 from pg_stat_statements where queryid = {query}");
        let wanted: f64 = server.psql("postgres", &sql).unwrap().parse().unwrap();
        let found = value(page, &format!("pg_query_{metric}"), &[("query", query)]);
        assert!((found - wanted).abs() <= wanted.abs() * 1e-9, "{metric}: {found} is not {wanted}");
    }
}

#[test]
fn a_statement_counts_over_roles_and_levels_and_by_the_full_key_where_wanted() {
    let server = Postgres::builder(Major::NEWEST)
        .setting("pg_stat_statements.track", "all")
        .setting("pg_stat_statements.track_planning", "on")
        .start()
        .unwrap();
    let make = "create table sorted as select generate_series(1, 20000) as n;
        create function nested() returns bigint language sql as 'select count(*) as counted from sorted';
        grant all on sorted to public";
    server.psql("postgres", make).unwrap();
    let counted = "select count(*) as counted from sorted";
    run(&server, "postgres", &[counted, counted, "select nested()", "set work_mem = '64kB'"]);
    run(
        &server,
        "postgres",
        &["set work_mem = '64kB'", "select n from sorted order by n desc", "insert into sorted values (0)"],
    );
    track_monitor(&server);
    run(&server, "monitor", &[counted]);

    let exporter = exporter(&server, "postgres", &["--disable-cache", "--tag=statements"]);
    let page = scrape(&exporter);
    page.assert_clean("statements");
    let counted = queryid(&server, "select count(*) as counted from sorted");
    assert_eq!(value(&page, "pg_query_calls", &[("query", &counted)]), 4.0);
    for (usename, toplevel, calls) in [("postgres", "true", 2.0), ("postgres", "false", 1.0), ("monitor", "true", 1.0)]
    {
        let labels = [("query", &*counted), ("usename", usename), ("toplevel", toplevel)];
        assert_eq!(value(&page, "pg_statement_calls_total", &labels), calls, "{labels:?}");
    }

    let sorted = queryid(&server, "select n from sorted%");
    let columns = [
        ("calls", "calls"),
        ("rows", "rows"),
        ("exec_time", "total_exec_time / 1000"),
        ("exec_min_seconds", "min_exec_time / 1000"),
        ("exec_max_seconds", "max_exec_time / 1000"),
        ("exec_stddev_seconds", "stddev_exec_time / 1000"),
        ("plans_total", "plans"),
        ("plan_seconds_total", "total_plan_time / 1000"),
        ("sblk_hit", "shared_blks_hit"),
        ("temp_blks_written_total", "temp_blks_written"),
        ("temp_blks_read_total", "temp_blks_read"),
        ("stats_since_timestamp_seconds", "extract(epoch from stats_since)"),
    ];
    assert_like_the_view(&server, &page, &sorted, &columns);
    assert!(value(&page, "pg_query_temp_blks_written_total", &[("query", &sorted)]) > 0.0);
    let inserted = queryid(&server, "insert into sorted%");
    assert_like_the_view(
        &server,
        &page,
        &inserted,
        &[("wal_records_total", "wal_records"), ("wal_bytes", "wal_bytes")],
    );
}

#[test]
fn columns_follow_the_extension_and_not_the_server() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let update = "drop extension pg_stat_statements; create extension pg_stat_statements version '1.10'";
    server.psql("postgres", update).unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let has = |page: &Page, family: &str| !page.samples(family, &[]).is_empty();
    let page = scrape(&exporter);
    page.assert_clean("1.10");
    assert!(has(&page, "pg_query_io_time") && !has(&page, "pg_query_stats_since_timestamp_seconds"));

    server.psql("postgres", "alter extension pg_stat_statements update").unwrap();
    let page = scrape(&exporter);
    page.assert_clean("updated");
    assert!(has(&page, "pg_query_io_time") && has(&page, "pg_query_stats_since_timestamp_seconds"));
}

#[test]
fn counts_hidden_statements_and_advises_the_grant() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "revoke pg_monitor from monitor; grant pg_read_all_settings to monitor").unwrap();
    run(&server, "postgres", &["select 1 as seen", "select 2, 3 as seen"]);
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let hidden = || value(&scrape(&exporter), "pg_statements_hidden", &[]);
    let others = "select count(*) from pg_stat_statements where userid <> 'monitor'::regrole";
    assert_eq!(hidden().to_string(), server.psql("postgres", others).unwrap());
    let explained = exporter.get("/explain").unwrap().text();
    for advice in ["GRANT pg_monitor TO \"monitor\";", "GRANT pg_read_all_stats TO \"monitor\""] {
        assert!(explained.contains(advice), "{explained}");
    }
    assert!(value(&scrape(&exporter), "pg_up", &[]) == 1.0);

    server.psql("postgres", "grant pg_monitor to monitor").unwrap();
    assert_eq!(hidden(), 0.0);
    let explained = exporter.get("/explain").unwrap().text();
    assert!(!explained.contains("GRANT pg_monitor") && !explained.contains("pg_read_all_stats"), "{explained}");
}

#[test]
fn counts_evicted_statements() {
    let server = Postgres::builder(Major::NEWEST).setting("pg_stat_statements.max", "100").start().unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let state = |exporter: &Exporter| {
        let page = scrape(exporter);
        ["dealloc_total", "entries", "max_entries"].map(|name| value(&page, &format!("pg_statements_{name}"), &[]))
    };
    let [before, ..] = state(&exporter);
    assert_eq!(before, 0.0);
    let many: Vec<String> = (0..150).map(|n| format!("create table t{n} (id int)")).collect();
    run(&server, "postgres", &many.iter().map(String::as_str).collect::<Vec<_>>());
    let [thrown_out, entries, max] = state(&exporter);
    let wanted: f64 = server.psql("postgres", "select dealloc from pg_stat_statements_info").unwrap().parse().unwrap();
    assert!(
        thrown_out > 0.0 && thrown_out <= wanted && entries <= 100.0 && max == 100.0,
        "{thrown_out} {entries} {max}"
    );
}

#[test]
fn counts_generic_and_custom_plans() {
    let server = Postgres::start(Major::V19).unwrap();
    let prepare = "prepare planned(int) as select $1 as planned";
    let [generic, custom] = ["generic", "custom"].map(|kind| format!("set plan_cache_mode = force_{kind}_plan"));
    let execute = "execute planned(1)";
    run(&server, "postgres", &[prepare, &generic, execute, execute, &custom, execute, execute, execute]);
    let query = "select queryid from pg_stat_statements where generic_plan_calls = 2";
    let query = server.psql("postgres", query).unwrap();
    let page = scrape(&exporter(&server, "postgres", &["--disable-cache"]));
    for (kind, calls) in [("generic", 2.0), ("custom", 3.0)] {
        assert_eq!(value(&page, &format!("pg_query_{kind}_plan_calls_total"), &[("query", &query)]), calls, "{kind}");
    }
}
