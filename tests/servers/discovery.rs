//! Which databases and extensions are read, how many connections that takes, and names that are hard to write.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lab::{Major, Postgres};
use support::outcome::embedded_and;
use support::{Page, exporter, scrape};

/// The databases whose tables were read.
fn read(page: &Page) -> BTreeSet<&str> {
    let success = page.samples("pg_exporter_collector_success", &[("collector", "pg_table")]);
    success.into_iter().filter(|sample| sample.value == 1.0).map(|sample| sample.labels["datname"].as_str()).collect()
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

/// A server that asks `monitor` for no password: hashing it takes a debug build a tenth of a second per connection.
fn unasked() -> Postgres {
    Postgres::builder(Major::NEWEST).hba_line("host all monitor 127.0.0.1/32 trust").start().unwrap()
}

/// A name as an SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[test]
fn databases_are_found_included_and_excluded() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    for name in ["app", "app_test", "shop", "stencil", "closed", "crowded"] {
        server.psql("postgres", &format!("create database {name}")).unwrap();
    }
    server.psql("postgres", "create database \"{odd}\"").unwrap();
    let rules = "alter database stencil is_template true; alter database closed allow_connections false;
                 alter database crowded connection limit 0";
    server.psql("postgres", rules).unwrap();
    let look = |main: &str, args: &[&str], expected: &[&str]| {
        let page = scrape(&exporter(&server, main, args));
        page.assert_clean(main);
        assert_eq!(read(&page), set(expected), "{args:?}");
        assert!(page.label_values("pg_table_relid", "datname").is_subset(&set(expected)), "{args:?}");
    };
    look("postgres", &[], &["postgres", "app", "app_test", "shop", "{odd}"]);
    look("shop", &["--exclude-database", "{odd},postgres"], &["shop", "app", "app_test"]);
    look("shop", &["--exclude-database", "app"], &["shop", "postgres", "app_test", "{odd}"]);
    look("postgres", &["--include-database", "app*, shop"], &["postgres", "app", "app_test", "shop"]);
    look("postgres", &["-i", "app*", "-x", "*_test"], &["postgres", "app"]);
    look("postgres", &["--include-database", "shop,{odd}"], &["postgres", "shop", "{odd}"]);
    look("postgres", &["--include-database", "*[{]odd[}]*"], &["postgres", "{odd}"]);
    look("app", &[], &["app", "app_test", "shop", "{odd}"]);
    look("postgres", &["-x", "postgres,app_tes?"], &["postgres", "app", "shop", "{odd}"]);
    look("postgres", &["--no-auto-discovery"], &["postgres"]);
    look("postgres", &["--auto-discovery=f"], &["postgres"]);
    // What the instance as a whole tells does not depend on which databases are read.
    let page = scrape(&exporter(&server, "postgres", &["--no-auto-discovery"]));
    assert!(page.label_values("pg_db_numbackends", "datname").is_superset(&set(&["app", "closed", "stencil"])));
}

#[test]
fn created_and_dropped_databases_are_seen_in_the_next_scrape() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let exporter = exporter(&server, "postgres", &[]);
    assert_eq!(read(&scrape(&exporter)), set(&["postgres"]));
    server.psql("postgres", "create database fresh").unwrap();
    server.psql("fresh", "create table born (n int)").unwrap();
    let page = scrape(&exporter);
    assert_eq!(read(&page), set(&["postgres", "fresh"]));
    assert!(page.value("pg_table_relid", &[("datname", "fresh"), ("relname", "public.born")]).is_some());
    server.psql("postgres", "drop database fresh with (force)").unwrap();
    let page = scrape(&exporter);
    assert_eq!(read(&page), set(&["postgres"]));
    page.assert_clean("after the drop");
    assert!(page.samples("pg_table_relid", &[("datname", "fresh")]).is_empty());
    // One of that name is another database.
    server.psql("postgres", "create database fresh").unwrap();
    server.psql("fresh", "create table reborn (n int)").unwrap();
    let page = scrape(&exporter);
    page.assert_clean("created again");
    assert_eq!(read(&page), set(&["postgres", "fresh"]));
    assert_eq!(page.label_values("pg_table_relid", "relname"), set(&["public.reborn"]));
}

#[test]
fn created_and_dropped_extensions_are_seen_in_the_next_scrape() {
    for args in [&[][..], &["--disable-cache"]] {
        let server = Postgres::start(Major::NEWEST).unwrap();
        server.psql("postgres", "drop extension pg_stat_statements").unwrap();
        let exporter = exporter(&server, "postgres", args);
        let has_statements = |what: &str| {
            let page = scrape(&exporter);
            page.assert_clean(&format!("{what}, {args:?}"));
            let planned = page.value("pg_exporter_collector_success", &[("collector", "pg_query")]).is_some();
            assert_eq!(page.families().contains("pg_query_calls"), planned, "{what}");
            planned
        };
        assert!(!has_statements("before"));
        server
            .psql(
                "postgres",
                "create schema \"odd \"\"one\"; create extension pg_stat_statements schema \"odd \"\"one\"",
            )
            .unwrap();
        server.psql("postgres", "grant usage on schema \"odd \"\"one\" to monitor").unwrap();
        assert!(has_statements("created"));
        server.psql("postgres", "alter extension pg_stat_statements set schema public").unwrap();
        assert!(has_statements("moved"));
        server.psql("postgres", "drop extension pg_stat_statements").unwrap();
        assert!(!has_statements("dropped"));
        assert!(!exporter.log().contains("collector failed"), "{}", exporter.log());
    }
}

#[test]
fn many_databases_are_read_in_one_scrape_within_the_budget_of_connections() {
    let server = unasked();
    let names: Vec<String> = (0..10).map(|n| format!("db{n}")).collect();
    for name in &names {
        server.psql("postgres", &format!("create database {name}")).unwrap();
        server.psql(name, "create table t (n int)").unwrap();
    }
    let mut expected: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    expected.insert("postgres");
    for budget in [3, 1, 2] {
        let limit = budget.to_string();
        let exporter = exporter(&server, "postgres", &["--max-connections", &limit, "--disable-cache"]);
        let most = std::thread::scope(|scope| {
            // Dropped by a failing assertion, too.
            let (going_on, end) = mpsc::channel();
            let sampler = scope.spawn(|| most_connections(&server, end));
            for scrapes in 1..=3 {
                let page = scrape(&exporter);
                page.assert_clean(&format!("budget {budget}, scrape {scrapes}"));
                assert_eq!(read(&page), expected, "budget {budget}, scrape {scrapes}");
                assert_eq!(page.label_values("pg_table_relid", "datname").len(), 10, "budget {budget}");
                let value = |name: &str| page.value(name, &[]).unwrap();
                assert!(value("pg_exporter_connections") <= f64::from(budget));
                assert_eq!(value("pg_exporter_connections_budget"), f64::from(budget));
            }
            drop(going_on);
            sampler.join().unwrap()
        });
        assert!((1..=i64::from(budget)).contains(&most), "budget {budget}, seen {most}");
    }
}

/// The most connections of `monitor` that the server ever shows until the other end of the channel is gone.
fn most_connections(server: &Postgres, end: mpsc::Receiver<()>) -> i64 {
    let mut client = postgres::Client::connect(&server.url("postgres", "postgres"), postgres::NoTls).unwrap();
    let look = client.prepare("select count(*) from pg_stat_activity where usename = 'monitor'").unwrap();
    let mut most = 0;
    while end.try_recv() == Err(mpsc::TryRecvError::Empty) {
        most = most.max(client.query_one(&look, &[]).unwrap().get(0));
    }
    most
}

#[test]
fn special_names_are_read_and_escaped() {
    let server = unasked();
    let names = [
        "it's \"one\" \\ two\nlines $1 {x} ü 数 =",
        "'",
        "\"",
        "\\",
        " ",
        "$user",
        "{}",
        "a=b host=nowhere",
        "postgres://nowhere/x",
        "%41",
        "pgbouncer",
        "wal",
    ];
    for name in names {
        server.psql("postgres", &format!("create database {}", quoted(name))).unwrap();
        let sql = format!("create schema {0}; create table {0}.{0} (n int)", quoted(name));
        // psql takes a name with = in it for a whole conninfo.
        let mut config: postgres::Config = server.url("postgres", "postgres").parse().unwrap();
        config.dbname(name).connect(postgres::NoTls).unwrap().batch_execute(&sql).unwrap();
    }
    let others = scrape(&exporter(&server, "postgres", &[]));
    assert_eq!(read(&others), names.iter().copied().chain(["postgres"]).collect());
    for name in names {
        let relname = format!("{name}.{name}");
        let table = others.value("pg_table_relid", &[("datname", name), ("relname", &relname)]);
        assert!(table.is_some(), "{name:?}");
        assert!(others.value("pg_db_datid", &[("datname", name)]).is_some(), "{name:?}");
        let main = scrape(&exporter(&server, name, &["--no-auto-discovery"]));
        assert_eq!(read(&main), set(&[name]));
        assert_eq!(main.value("pg_table_relid", &[("datname", name), ("relname", &relname)]), table, "{name:?}");
    }
    assert!(others.text.contains(r#"{datname="it's \"one\" \\ two\nlines $1 {x} ü 数 ="}"#));
}

#[test]
fn a_database_called_wal_keeps_its_size() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database wal; alter system set autovacuum = off; select pg_reload_conf()").unwrap();
    let size = || server.psql("postgres", "select pg_database_size('wal')").unwrap().parse::<f64>().unwrap();
    let before = size();
    let page = scrape(&exporter(&server, "postgres", &["--exclude-database", "wal"]));
    let told = page.value("pg_size_bytes", &[("datname", "wal")]).unwrap();
    assert!((before..=size()).contains(&told), "{before} {told}");
}

#[test]
fn database_without_connect_privilege_is_skipped() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database secret; create database app").unwrap();
    server.psql("postgres", "revoke connect on database secret from public").unwrap();
    let exporter = exporter(&server, "postgres", &[]);
    let page = scrape(&exporter);
    page.assert_clean("without CONNECT");
    assert_eq!(read(&page), set(&["postgres", "app"]));
    assert!(page.value("pg_size_bytes", &[("datname", "secret")]).unwrap() > 0.0);
    assert!(!exporter.log().contains("level=warn"), "{}", exporter.log());
    // And the other way: what may be read now is read in the next scrape, and no more once it may not.
    server.psql("postgres", "grant connect on database secret to monitor").unwrap();
    assert_eq!(read(&scrape(&exporter)), set(&["postgres", "app", "secret"]));
    server.psql("postgres", "revoke connect on database secret from monitor").unwrap();
    let page = scrape(&exporter);
    page.assert_clean("revoked");
    assert_eq!(read(&page), set(&["postgres", "app"]));
}

#[test]
fn more_databases_than_a_scrape_has_time_for_are_all_read_and_stay() {
    const LIMIT: Duration = Duration::from_secs(2);
    let server = unasked();
    server.psql("template1", "create table born (n int)").unwrap();
    let names: Vec<String> = (0..40).map(|n| format!("db{n}")).collect();
    let create: String = names.iter().map(|name| format!("create database {name} strategy = file_copy;\n")).collect();
    server.psql("postgres", &create).unwrap();
    // However fast the machine is: four seconds for all.
    let pause = "pause: { query: select 1 AS n from pg_sleep(0.1), metrics: [ n: { usage: GAUGE } ] }\n";
    let config = embedded_and(pause);
    let args = ["--max-connections", "2", "--config", config.path().to_str().unwrap()];
    let exporter = exporter(&server, "postgres", &args);
    let scrape = || {
        let begun = Instant::now();
        let answer = exporter.get_with("/metrics", &[("X-Prometheus-Scrape-Timeout-Seconds", "2")]).unwrap();
        assert!(begun.elapsed() < LIMIT, "answered after {:?}", begun.elapsed());
        let page = Page::parse(answer.text());
        let shown: BTreeSet<String> =
            page.label_values("pg_table_relid", "datname").into_iter().map(str::to_owned).collect();
        (shown, page.value("pg_exporter_unread_databases", &[]).unwrap())
    };
    let (first, unread) = scrape();
    assert!(unread > 0.0 && first.len() < names.len(), "{unread} databases are left");
    assert!(exporter.get("/explain").unwrap().text().contains("not read yet"));
    assert!(exporter.get("/").unwrap().text().contains("not read yet"));
    // Nobody scrapes, and the rest is read.
    support::until("a scrape has all databases", || scrape().1 == 0.0);
    let mut last = BTreeSet::new();
    for _ in 0..4 {
        // Something happens in each, so that each is due.
        for name in &names {
            server.psql(name, "select 1").unwrap();
        }
        let (shown, unread) = scrape();
        assert_eq!(unread, 0.0);
        let gone: Vec<_> = last.difference(&shown).collect();
        assert!(gone.is_empty(), "gone: {gone:?}: {}", exporter.get("/explain").unwrap().text());
        last = shown;
    }
    assert!(names.iter().all(|name| last.contains(name)), "{last:?}");
}
