//! Hostile names, values and results: each costs its own sample and is counted, the page stays valid, all else is there.

mod encodings;
mod names;
mod sizes;

use lab::{Exporter, Major, Postgres};
use support::outcome::{collectors, embedded_and, exporter_of};
use support::{Page, scrape};

fn server() -> Postgres {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server
        .psql("postgres", "create type mood as enum ('sad', '7'); create domain positive as int check (value > 0)")
        .unwrap();
    server
}

/// An exporter with these collectors alone.
fn with(server: &Postgres, yaml: &str, args: &[&str]) -> Exporter {
    let config = collectors(yaml);
    let config = ["--config", config.path().to_str().unwrap()];
    exporter_of(&server.url("postgres", "postgres"), &[&config, args].concat())
}

/// The page of a first scrape, valid, of a server that is up.
fn page(exporter: &Exporter) -> Page {
    let page = scrape(exporter);
    assert!(page.is_up(), "{}\n{}", page.text, exporter.log());
    page.assert_valid();
    page
}

/// Expressions, and the digits that stand on the page for them.
const NUMBERS: &[(&str, &str)] = &[
    ("true", "1"),
    ("false", "0"),
    ("'-32768'::int2", "-32768"),
    ("2147483647", "2147483647"),
    ("'-9223372036854775808'::int8", "-9223372036854775808"),
    ("9223372036854775807", "9223372036854775807"),
    ("9007199254740993", "9007199254740993"),
    ("9007199254740993::numeric", "9007199254740993"),
    ("-9007199254740993.000::numeric", "-9007199254740993"),
    ("9223372036854775807::numeric", "9223372036854775807"),
    ("0::numeric", "0"),
    ("1000000000000::numeric", "1000000000000"),
    ("1234.5678", "1234.5678"),
    ("-0.0001", "-0.0001"),
    ("'NaN'::numeric", "NaN"),
    ("'Infinity'::numeric", "+Inf"),
    ("'-Infinity'::numeric", "-Inf"),
    ("0.5::float4", "0.5"),
    ("0.1::float8", "0.1"),
    ("'NaN'::float4", "NaN"),
    ("'Infinity'::float8", "+Inf"),
    ("'-Infinity'::float8", "-Inf"),
    ("' 42.5 '::text", "42.5"),
    ("'9007199254740993'::varchar", "9007199254740993"),
    ("'6'::char(3)", "6"),
    ("'7'::name", "7"),
    ("'5'::\"char\"", "5"),
    ("'8'", "8"),
    ("'7'::public.mood", "7"),
    ("5::public.positive", "5"),
    ("'9'::json", "9"),
    ("'9.5'::jsonb", "9.5"),
    ("4294967295::oid", "4294967295"),
    ("'4294967295'::xid", "4294967295"),
    ("'9007199254740993'::xid8", "9007199254740993"),
    ("'1/0'::pg_lsn", "4294967296"),
    ("timestamp '2000-01-01 00:00:00.25'", "946684800.25"),
    ("timestamptz '2026-02-03 04:05:06.789012+00'", "1770091506.789012"),
    ("timestamptz 'infinity'", "+Inf"),
    ("timestamp '-infinity'", "-Inf"),
    ("date '1969-12-31'", "-86400"),
    ("date 'infinity'", "+Inf"),
    ("time '00:01:00.5'", "60.5"),
    ("interval '1 day 00:00:01.5'", "86401.5"),
    ("interval '1 month'", "2592000"),
    ("interval '-1 year -2 months 3 days'", "-36482400"),
    ("interval 'infinity'", "+Inf"),
];

/// Numbers that no whole number holds: as near as a float comes.
const NEAR: &[(&str, f64)] = &[
    ("123456789012345678901234567890::numeric", 123456789012345678901234567890.0),
    ("'1e-30'::numeric", 1e-30),
    ("'18446744073709551615'::xid8", 18446744073709551615.0),
    ("'FFFFFFFF/FFFFFFFF'::pg_lsn", 18446744073709551615.0),
    ("1.7976931348623157e308::float8", f64::MAX),
    ("5e-324::float8", 5e-324),
    ("0.1::float4", 0.1_f32 as f64),
];

/// What is no number.
const UNREADABLE: &[&str] = &[
    "'many'::text",
    "''::text",
    "'sad'::public.mood",
    "'\\x01'::bytea",
    "row(1, 2)",
    "inet '10.0.0.1'",
    "array[1, 2]",
    "point '(1,2)'",
    "int4range '[1,2)'",
    "'11111111-2222-3333-4444-555555555555'::uuid",
];

#[test]
fn numeric_types_are_exact_and_others_are_dropped_and_counted() {
    let server = server();
    let all =
        NUMBERS.iter().map(|(sql, _)| *sql).chain(NEAR.iter().map(|(sql, _)| *sql)).chain(UNREADABLE.iter().copied());
    let (mut list, mut metrics) = (Vec::new(), String::new());
    for (at, sql) in all.enumerate() {
        list.push(format!("{sql} AS c{at}"));
        metrics += &format!("    - c{at}: {{ usage: GAUGE }}\n");
    }
    let yaml = format!(
        "types:\n  query: |\n    SELECT {}, null::int AS nothing, null::text AS otherwise\n  metrics:\n{metrics}    - nothing: {{ usage: GAUGE }}\n    - otherwise: {{ usage: GAUGE, default: -1 }}\n",
        list.join(",\n    ")
    );
    let exporter = with(&server, &yaml, &[]);
    for scrapes in [1.0, 2.0, 3.0] {
        // Unprepared, prepared beside it, prepared.
        let page = page(&exporter);
        for (at, (sql, expected)) in NUMBERS.iter().enumerate() {
            assert_eq!(page.digits(&format!("types_c{at}")), Some(*expected), "{sql}");
        }
        for (at, (sql, expected)) in NEAR.iter().enumerate() {
            assert_eq!(page.value(&format!("types_c{}", NUMBERS.len() + at), &[]), Some(*expected), "{sql}");
        }
        for (at, sql) in UNREADABLE.iter().enumerate() {
            assert_eq!(page.digits(&format!("types_c{}", NUMBERS.len() + NEAR.len() + at)), None, "{sql}");
        }
        assert_eq!((page.digits("types_nothing"), page.digits("types_otherwise")), (None, Some("-1")));
        assert_eq!(page.dropped(), [("types", "unreadable", UNREADABLE.len() as f64 * scrapes)]);
        assert_eq!(page.failed(), []);
    }
    let told = exporter.log().lines().filter(|line| line.contains("samples dropped")).count();
    assert_eq!(told, 1, "{}", exporter.log());
}

/// Expressions, and the label's value that they give.
const LABELS: &[(&str, &str)] = &[
    ("true", "true"),
    ("9223372036854775807", "9223372036854775807"),
    ("1.50::numeric", "1.5"),
    ("'NaN'::float8", "NaN"),
    ("0.1::float8", "0.1"),
    (r#"E'q"uote back\\slash new\nline tab\t'"#, "q\"uote back\\slash new\nline tab\t"),
    ("'}{=,# é 漢字 🐘'", "}{=,# é 漢字 🐘"),
    ("'x'::name", "x"),
    ("'y'::\"char\"", "y"),
    ("''::\"char\"", ""),
    ("null::text", ""),
    ("16384::oid", "16384"),
    ("timestamptz '2026-02-03 04:05:06+00'", "1770091506"),
    ("inet '10.0.0.1'", "10.0.0.1"),
    ("inet '10.0.0.1/8'", "10.0.0.1/8"),
    ("inet 'fe80::1'", "fe80::1"),
    ("cidr '10.0.0.0/32'", "10.0.0.0/32"),
    ("array['a', 'b c', null, 'q\"x', '', 'null', 'b\\s', 'c,d']", r#"{a,"b c",NULL,"q\"x","","null","b\\s","c,d"}"#),
    ("array[1, 2]::int[]", "{1,2}"),
    ("array[true, false]", "{t,f}"),
    ("array[]::text[]", "{}"),
    ("array['sad', '7']::public.mood[]", "{sad,7}"),
    ("'sad'::public.mood", "sad"),
    ("5::public.positive", "5"),
    (r#"'{"a": [1]}'::json"#, r#"{"a": [1]}"#),
    (r#"'{"a": [1]}'::jsonb"#, r#"{"a": [1]}"#),
    ("'11111111-2222-3333-4444-555555555555'::uuid", "11111111-2222-3333-4444-555555555555"),
    ("repeat('long ', 20000)", ""),
];

#[test]
fn every_type_can_be_a_label() {
    let server = server();
    let mut yaml = String::new();
    for (at, (sql, _)) in LABELS.iter().enumerate() {
        yaml += &format!(
            "l{at}:\n  query: |\n    SELECT {sql} AS l, 1 AS n\n  metrics: [ l: {{ usage: LABEL }}, n: {{ usage: GAUGE }} ]\n"
        );
    }
    yaml += "lost:\n  query: |\n    SELECT l, 1 AS n FROM (VALUES ('\\x01'::bytea)) AS v (l)\n  metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ]\n";
    let exporter = with(&server, &yaml, &[]);
    for scrapes in [1.0, 2.0, 3.0] {
        let page = page(&exporter);
        for (at, (sql, expected)) in LABELS.iter().enumerate() {
            let expected = if sql.starts_with("repeat") { "long ".repeat(20_000) } else { (*expected).to_owned() };
            let name = format!("l{at}_n");
            assert_eq!(page.label_values(&name, "l").into_iter().collect::<Vec<_>>(), [expected], "{sql}");
        }
        assert_eq!((page.failed(), page.dropped()), (vec![], vec![("lost", "unreadable", scrapes)]));
    }
}

#[test]
fn faulty_results_cost_their_own_samples() {
    let server = server();
    server.psql("postgres", "create database shop; create database blog").unwrap();
    let yaml = r#"
rows:
  query: |
    SELECT * FROM (VALUES ('a', '1', 1.5), ('a', '2', 2.5), (NULL, '3', NULL), ('', '4', 4), ('b', 'none', 5), ('c', NULL, 'NaN'),
                          ('d', NULL, NULL)) AS v (l, n, f)
  tags: [cluster]
  metrics: [ l: { usage: LABEL }, n: { usage: COUNTER }, f: { usage: GAUGE, scale: 2 } ]
capped:
  query: SELECT g AS k, g AS n, g AS m FROM generate_series(1, 10) AS g
  tags: [cluster]
  max_series: 6
  metrics: [ k: { usage: LABEL }, n: { usage: GAUGE }, m: { usage: GAUGE } ]
no_label: { query: SELECT 1 AS n, tags: [cluster], metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ] }
no_metric: { query: SELECT 1 AS n, tags: [cluster], metrics: [ n: { usage: GAUGE }, gone: { usage: GAUGE } ] }
more: { query: 'SELECT 1 AS n, 2 AS undeclared', tags: [cluster], metrics: [ n: { usage: GAUGE } ] }
twice: { query: 'SELECT 1 AS n, 2 AS n', tags: [cluster], metrics: [ n: { usage: GAUGE } ] }
nobody: { query: SELECT 1 AS n WHERE false, tags: [cluster], metrics: [ l: { usage: LABEL }, n: { usage: GAUGE } ] }
broken: { query: SELECT 1/0 AS n, tags: [cluster], metrics: [ n: { usage: GAUGE } ] }
# Both give the series same_one_n.
same: { query: SELECT 1 AS one_n, tags: [cluster], metrics: [ one_n: { usage: GAUGE } ] }
same_one: { query: SELECT 2 AS n, tags: [cluster], metrics: [ n: { usage: GAUGE } ] }
# Runs in each database and does not say in which.
everywhere: { query: SELECT current_database() = 'postgres' AS n, metrics: [ n: { usage: GAUGE } ] }
scoped: { query: 'SELECT current_database() AS datname, 1 AS n', metrics: [ datname: { usage: LABEL }, n: { usage: GAUGE } ] }
"#;
    let exporter = with(&server, yaml, &[]);
    // Samples that stand on a page before them are counted when it is done.
    let (page, next) = (page(&exporter), page(&exporter));
    let rows = [("a", Some(1.0), Some(3.0)), ("", Some(3.0), None), ("b", None, Some(10.0)), ("d", None, None)];
    for (label, counter, gauge) in rows {
        let labels = [("l", label)];
        assert_eq!((page.value("rows_n", &labels), page.value("rows_f", &labels)), (counter, gauge), "{label}");
    }
    assert_eq!(page.digits("rows_f{l=\"c\"}"), Some("NaN"));
    assert_eq!(page.label_values("capped_n", "k"), ["1", "2", "3"].into());
    assert_eq!(page.samples("capped_m", &[]).len(), 3);
    for (series, value) in
        [("no_metric_n", "1"), ("more_n", "1"), ("twice_n", "2"), ("same_one_n", "1"), ("everywhere_n", "1")]
    {
        assert_eq!(page.digits(series), Some(value), "{series}");
    }
    assert_eq!(page.label_values("scoped_n", "datname"), ["postgres", "shop", "blog"].into());
    assert_eq!(page.failed(), [("no_label", "postgres"), ("broken", "postgres")]);
    assert_eq!((page.errors("no_label", "shape"), page.errors("broken", "sql")), (1.0, 1.0));
    let mut dropped = page.dropped();
    dropped.sort_by(|one, other| one.partial_cmp(other).unwrap());
    let expected = [
        ("capped", "cap", 14.0),
        ("no_metric", "missing", 1.0),
        // Two of the second a; one of the empty label after NULL, which is the same.
        ("rows", "duplicate", 4.0),
        ("rows", "unreadable", 1.0),
    ];
    assert_eq!(dropped, expected);
    for repeated in [("everywhere", "duplicate", 2.0), ("same_one", "duplicate", 1.0)] {
        assert!(next.dropped().contains(&repeated), "{repeated:?}: {:?}", next.dropped());
    }
    for collector in ["capped", "everywhere", "no_metric", "same_one"] {
        scrape(&exporter);
        let of = format!("collector={collector} ");
        let told = exporter.log().lines().filter(|line| line.contains("samples dropped") && line.contains(&of)).count();
        assert_eq!(told, 1, "{collector}\n{}", exporter.log());
    }
    let gzip = exporter.get_with("/metrics", &[("Accept-Encoding", "gzip")]).unwrap();
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
}

#[test]
fn constant_labels_do_not_duplicate_collector_labels() {
    let server = server();
    let config = embedded_and("own: { query: 'SELECT 1 AS n', tags: [cluster], metrics: [ n: { usage: GAUGE } ] }\n");
    let config =
        ["--config", config.path().to_str().unwrap(), "--label", "datname=x,collector=y,reason=z,mode=\"w\",site=a b"];
    let exporter = exporter_of(&server.url("postgres", "postgres"), &config);
    scrape(&exporter);
    let page = page(&exporter);
    assert_eq!(
        page.value("own_n", &[("datname", "x"), ("site", "a b"), ("mode", "\"w\"")]),
        Some(1.0),
        "{}",
        page.text
    );
    assert!(page.label_values("pg_table_relid", "datname").iter().all(|name| *name == "postgres"));
    assert!(page.label_values("pg_lock_count", "mode").contains("ShareLock"));
}
