//! 20,000 tables and 10,000 statements: the page stays small, and what is on it adds up to what the server has.

use lab::{Exporter, Major, Postgres};
use support::{Page, Sample, exporter, scrape};

const TABLES: usize = 20_000;
const STATEMENTS: usize = 10_000;

/// A database with that many tables, of which half have been read by a statement each.
fn wide() -> Postgres {
    let server = Postgres::builder(Major::NEWEST)
        .setting("pg_stat_statements.max", "20000")
        .setting("autovacuum", "off")
        .setting("log_statement", "none")
        .start()
        .unwrap();
    server.psql("postgres", "create database wide").unwrap();
    let create =
        "do $$ begin for n in %L .. %L loop execute format('create table t%%s as select 1 as id', n); end loop; end $$";
    let batches = format!(
        "select format('{}', n, n + 499) from generate_series(1, {TABLES}, 500) n \\gexec",
        create.replace('\'', "''")
    );
    server.psql("wide", &batches).unwrap();
    read_tables(&server);
    server
}

/// Each of the statements once; their numbers are there when this returns.
fn read_tables(server: &Postgres) {
    let read = format!("select format('select id from t%s', n) from generate_series(1, {STATEMENTS}) n \\gexec");
    let scans = || total(server, "wide", "select sum(seq_scan) from pg_stat_user_tables");
    let before = scans();
    server.psql("wide", &read).unwrap();
    support::until("the scans are counted", || scans() >= before + STATEMENTS as f64);
}

fn total(server: &Postgres, database: &str, sql: &str) -> f64 {
    server.psql(database, sql).unwrap().parse().unwrap()
}

/// What the samples of a family add up to in that database, and how many they are.
fn sum(page: &Page, family: &str) -> (f64, usize) {
    let samples = page.samples(family, &[("datname", "wide")]);
    (samples.iter().map(|sample| sample.value).sum(), samples.len())
}

#[test]
fn page_is_bounded_and_adds_up() {
    let server = wide();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let first = adds_up(&server, &exporter);
    read_tables(&server);
    let second = adds_up(&server, &exporter);

    let other =
        |page: &Page, family: &str, label: &str| page.value(family, &[("datname", "wide"), (label, "other")]).unwrap();
    let grown = |family, label| other(&second, family, label) - other(&first, family, label);
    assert_eq!(grown("pg_table_seq_scan", "relname"), (STATEMENTS - shown_and_read(&second)) as f64);
    assert!(grown("pg_query_calls", "query") >= (STATEMENTS - 128) as f64);

    // Nothing is taken out of the rest: not what is dropped, and not by a reload.
    let inserted = |page: &Page| other(page, "pg_table_n_tup_ins", "relname");
    server
        .psql("wide", "do $$ begin for n in 19001 .. 20000 loop execute format('drop table t%s', n); end loop; end $$")
        .unwrap();
    assert_eq!(inserted(&scrape(&exporter)), inserted(&second));
    assert_eq!(exporter.request("POST", "/reload", &[]).unwrap().status, 200);
    assert_eq!(inserted(&scrape(&exporter)), inserted(&second));
}

/// Tables among those that are shown which the statements read.
fn shown_and_read(page: &Page) -> usize {
    let number = |name: &str| name.strip_prefix("public.t").and_then(|number| number.parse::<usize>().ok());
    let names = page.label_values("pg_table_seq_scan", "relname");
    names.into_iter().filter_map(number).filter(|number| *number <= STATEMENTS).count()
}

/// Scrapes, and compares with the server.
fn adds_up(server: &Postgres, exporter: &Exporter) -> Page {
    let calls =
        "select sum(calls) from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = 'wide'";
    let before = total(server, "postgres", calls);
    let page = scrape(exporter);
    let after = total(server, "postgres", calls);
    page.assert_clean("wide");

    let scans = total(server, "wide", "select sum(seq_scan) from pg_stat_user_tables");
    assert_eq!(sum(&page, "pg_table_seq_scan"), (scans, 257));
    let inserted = total(server, "wide", "select sum(n_tup_ins) from pg_stat_user_tables");
    assert_eq!(sum(&page, "pg_table_n_tup_ins"), (inserted, 257));
    let (shown, _) = sum(&page, "pg_query_calls");
    assert!((before..=after).contains(&shown), "{before} <= {shown} <= {after}");
    let named = |sample: &&&Sample| sample.labels["query"] != "other";
    assert_eq!(page.samples("pg_query_calls", &[]).iter().filter(named).count(), 128);

    let others = |collector, datname| {
        page.value("pg_exporter_collector_other_rows", &[("collector", collector), ("datname", datname)]).unwrap()
    };
    assert_eq!(others("pg_table", "wide"), (TABLES - 256) as f64);
    assert!(others("pg_query", "postgres") >= (STATEMENTS - 128) as f64);
    println!("{} tables and {} statements: {} bytes", TABLES, STATEMENTS, page.text.len());
    assert!(page.text.len() < 3_000_000, "{} bytes", page.text.len());
    page
}

#[test]
fn query_texts_are_read_once_for_shown_queries() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    support::track_monitor(&server);
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    server.psql("postgres", "select 4711 as wanted").unwrap();
    let id = server.psql("postgres", "select queryid from pg_stat_statements where query like '%wanted'").unwrap();
    let text = |page: &Page| {
        page.label_values("pg_query_info", "text").into_iter().find(|text| text.contains("wanted")).map(str::to_owned)
    };
    support::until("the text is there", || text(&scrape(&exporter)).is_some());
    let page = scrape(&exporter);
    assert_eq!(text(&page).unwrap(), "select $1 as wanted");
    assert_eq!(page.value("pg_query_info", &[("query", &id)]), Some(1.0));
    for label in page.label_values("pg_query_info", "query") {
        assert!(page.label_values("pg_query_calls", "query").contains(label), "{label}");
    }

    // While nothing new is shown the texts are not read again.
    let reads = "select coalesce(sum(calls), 0) from pg_stat_statements where query ~ 'pg_stat_statements.true'";
    support::until("all texts are there", || {
        let before = total(&server, "postgres", reads);
        for _ in 0..3 {
            scrape(&exporter).assert_clean("texts");
        }
        total(&server, "postgres", reads) == before
    });
}
