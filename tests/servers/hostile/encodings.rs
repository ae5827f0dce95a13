//! Names and texts in any encoding, and in none: they are shown, kept apart, and cost nothing else.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use lab::{Major, Postgres};
use support::outcome::{embedded_and, exporter_of, scrape_until};
use support::{exporter, scrape};

use super::{page, server};

/// Runs SQL of any bytes.
fn bytes_psql(server: &Postgres, database: &str, sql: &[u8]) {
    let mut psql = server.bin("psql");
    psql.env("PGCLIENTENCODING", "SQL_ASCII").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c"]);
    let output = psql.arg(OsString::from_vec(sql.to_vec())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn names_that_are_not_utf8_are_shown_and_kept_apart() {
    let server = server();
    server
        .psql("postgres", "create database ascii encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'")
        .unwrap();
    for sql in [
        &b"create table sound (n int)"[..],
        b"create table \"caf\xe9\" (n int); create index \"\xff\" on \"caf\xe9\" (n)",
        b"create schema \"\xfe\xfe\"",
        b"create role \"r\xe9le\" login",
        b"create database \"caf\xe9\" encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'",
        b"create type word as enum ('sound', 'caf\xe9')",
        b"create view columns as select 1 as \"caf\xe9\", 2 as n",
        b"create function boom() returns int language plpgsql as $$ begin raise exception 'caf\xe9'; end $$",
        b"create function whisper() returns int language plpgsql as $$ begin raise notice 'caf\xe9'; return 1; end $$",
    ] {
        bytes_psql(&server, "ascii", sql);
    }
    let mut session = server.bin("psql");
    session.env("PGCLIENTENCODING", "SQL_ASCII").env("PGAPPNAME", OsString::from_vec(b"caf\xe9".to_vec()));
    let mut session = session.args(["-X", "-d", "ascii", "-c", "select pg_sleep(30)"]).spawn().unwrap();
    let awaited =
        "select exists (select from pg_stat_activity where query ~ 'pg_sleep.30' and pid <> pg_backend_pid())";
    server.wait_for(awaited, support::LIMIT).unwrap();

    let yaml = r#"
labels:
  query: SELECT l, 1 AS n, l AS t FROM (VALUES (E'caf\xe9'), (E'caf\xe8'), ('sound')) AS v (l)
  tags: [ "dbname:ascii" ]
  metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ]
texts: { query: "SELECT E'\\xe9' AS n, 2 AS m", tags: [ "dbname:ascii" ], metrics: [ n: { usage: GAUGE }, m: { usage: GAUGE } ] }
words: { query: 'SELECT l, 1 AS n FROM unnest(enum_range(NULL::public.word)) AS l', tags: [ "dbname:ascii" ], metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ] }
columns: { query: SELECT * FROM public.columns, tags: [ "dbname:ascii" ], metrics: [ n: { usage: GAUGE } ] }
boom: { query: SELECT public.boom() AS n, tags: [ "dbname:ascii" ], metrics: [ n: { usage: GAUGE } ] }
whisper: { query: SELECT public.whisper() AS n, tags: [ "dbname:ascii" ], metrics: [ n: { usage: GAUGE } ] }
last: { query: SELECT 1 AS n, tags: [ "dbname:ascii" ], priority: 9, metrics: [ n: { usage: GAUGE } ] }
applications:
  query: SELECT application_name AS l, count(*) AS n FROM pg_stat_activity WHERE application_name <> '' GROUP BY 1
  tags: [cluster]
  metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ]
"#;
    let config = embedded_and(yaml);
    // As one of the databases, and as the main one.
    for main in ["postgres", "ascii"] {
        let config = ["--config", config.path().to_str().unwrap()];
        let exporter = exporter_of(&server.url("postgres", main), &config);
        for _ in 0..3 {
            let page = page(&exporter);
            let seen = page.label_values("labels_n", "l");
            assert_eq!(seen, ["sound", "caf\u{fffd}e9", "caf\u{fffd}e8"].into(), "{}\n{}", page.text, exporter.log());
            assert_eq!((page.value("texts_n", &[]), page.value("texts_m", &[])), (None, Some(2.0)));
            assert_eq!((page.value("whisper_n", &[]), page.value("last_n", &[])), (Some(1.0), Some(1.0)));
            assert!(page.value("pg_table_relid", &[("datname", "ascii"), ("relname", "public.sound")]).is_some());
            assert!(page.value("pg_size_bytes", &[("datname", "ascii")]).is_some());
            let failed: Vec<_> =
                page.failed().into_iter().filter(|(_, datname)| *datname == "ascii" || *datname == main).collect();
            assert!(
                failed.iter().all(|(collector, _)| ["boom", "columns", "words"].contains(collector)),
                "{failed:?}\n{}",
                exporter.log()
            );
            assert!(page.errors("boom", "sql") >= 1.0, "{}", page.text);
            // Its name cannot be sent, but what others tell of it is there.
            assert!(page.value("pg_size_bytes", &[("datname", "caf\u{fffd}e9")]).is_some(), "{}", page.text);
            assert!(page.value("pg_table_relid", &[("relname", "public.caf\u{fffd}e9")]).is_some());
            // The one thing that is lost is a text that is no number.
            assert!(
                page.dropped().iter().all(|(of, why, _)| (*of, *why) == ("texts", "unreadable")),
                "{:?}",
                page.dropped()
            );
            let explained = exporter.get("/explain").unwrap().text();
            assert!(explained.contains("the database caf\u{fffd}e9 is not read: its name is not UTF-8"), "{explained}");
            assert_eq!(
                page.value("pg_exporter_connections_opened_total", &[]),
                Some(if main == "ascii" { 1.0 } else { 2.0 }),
                "{}",
                exporter.log()
            );
        }
    }
    session.kill().unwrap();
    session.wait().unwrap();
}

/// A database, its encoding, and the bytes of a table there that are not valid in UTF-8.
const ENCODINGS: [(&str, &str, &[u8], &str); 3] = [
    ("latin1", "LATIN1", b"caf\xe9", "caf\u{e9}"),
    ("euc_jp", "EUC_JP", b"\xa5\xab\xa5\xd5\xa5\xa7", "\u{30ab}\u{30d5}\u{30a7}"),
    ("win1252", "WIN1252", b"\x80", "\u{20ac}"),
];

#[test]
fn databases_of_every_encoding_read_names_of_every_other() {
    let server = server();
    let create = |name: &[u8], encoding: &str| {
        let settings = format!("\" encoding '{encoding}' template template0 lc_collate 'C' lc_ctype 'C'");
        [b"create database \"", name, settings.as_bytes()].concat()
    };
    bytes_psql(&server, "postgres", &create(b"ascii", "SQL_ASCII"));
    for (name, encoding, table, _) in ENCODINGS {
        bytes_psql(&server, "postgres", &create(name.as_bytes(), encoding));
        bytes_psql(&server, name, &[b"create table \"", table, b"\" (n int)"].concat());
    }
    // Two names that are the same in UTF-8 and in LATIN1, one in EUC_JP, and bytes that are valid in hardly any encoding.
    let hostile = [&b"caf\xc3\xa9"[..], b"caf\xe9", b"\xa5\xab", b"\x81\x8d\xff"];
    for name in hostile {
        bytes_psql(&server, "ascii", &create(name, "UTF8"));
        bytes_psql(&server, "ascii", &[b"create role \"", name, b"\""].concat());
    }
    let count = server.psql("postgres", "select count(*) from pg_database").unwrap();
    let mut mains = vec!["postgres", "ascii"];
    mains.extend(ENCODINGS.map(|(name, ..)| name));
    let yaml = r#"
roles:
  query: SELECT rolname AS l, 1 AS n FROM pg_roles
  tags: [cluster]
  metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ]
foreign:
  query: SELECT 'é' AS l, 1 AS n
  tags: [cluster]
  metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ]
"#;
    let config = embedded_and(yaml);
    for main in mains {
        let exporter = exporter_of(&server.url("postgres", main), &["--config", config.path().to_str().unwrap()]);
        for _ in 0..2 {
            let page = page(&exporter);
            assert_eq!((page.failed(), page.dropped()), (vec![], vec![]), "{main}\n{}", exporter.log());
            let databases: BTreeSet<_> = page.label_values("pg_db_datid", "datname");
            assert_eq!(databases.len().to_string(), count, "{main}: {databases:?}");
            assert_eq!(page.label_values("roles_n", "l").len().to_string(), total_roles(&server), "{main}");
            for (name, _, _, table) in ENCODINGS {
                let table = format!("public.{table}");
                let labels = [("datname", name), ("relname", table.as_str())];
                assert!(page.value("pg_table_relid", &labels).is_some(), "{main}: {labels:?}");
            }
            // SQL that is not ASCII is understood in each of them.
            assert_eq!(page.label_values("foreign_n", "l"), ["é"].into(), "{main}");
            // The one with a name in UTF-8 is visited.
            assert!(
                page.value("pg_exporter_server_scrape_error_count", &[("datname", "caf\u{e9}")]) == Some(0.0),
                "{main}"
            );
        }
    }
}

fn total_roles(server: &Postgres) -> String {
    server.psql("postgres", "select count(*) from pg_roles").unwrap()
}

#[test]
fn a_text_in_another_encoding_does_not_hide_the_others() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server
        .psql("postgres", "create database ascii encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'")
        .unwrap();
    server.psql("postgres", "select 1 as known").unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let has = |text: &'static str| {
        move |page: &support::Page| page.label_values("pg_query_info", "text").iter().any(|one| one.contains(text))
    };
    scrape_until(&exporter, "the first text is there", has("known"));
    bytes_psql(&server, "ascii", b"select 2, 3 as \"caf\xe9\"");
    scrape_until(&exporter, "the collector fails", |page| page.failed().contains(&("pg_query_info", "postgres")));
    let page = scrape(&exporter);
    assert!(has("known")(&page), "texts that are known stay: {}", page.text);
    let explained = exporter.get("/explain").unwrap().text();
    assert!(explained.contains("a database with encoding SQL_ASCII that has the extension"), "{explained}");
    assert!(explained.contains("that the exporter reads: ascii"), "{explained}");

    server.psql("ascii", "create extension pg_stat_statements").unwrap();
    let fresh = support::exporter(&server, "postgres", &["--disable-cache"]);
    scrape_until(&fresh, "all texts are there", has("caf\u{fffd}e9"));
    let page = scrape(&fresh);
    assert!(has("known")(&page) && page.failed().is_empty(), "{}", fresh.log());
}
