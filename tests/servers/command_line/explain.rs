//! The task `explain`.

use lab::{Major, Postgres};
use support::DOWN;
use support::command_line::{out, run, shop};
use support::outcome::embedded_and;

#[test]
fn explain_lists_costs_and_skip_reasons() {
    let (server, _folder, _) = shop();
    let url = server.url("monitor", "postgres");
    for args in [&["explain", "--all"][..], &["-E"], &["--explain"]] {
        let output = run(args, &[("PG_EXPORTER_URL", &url)]);
        assert!(output.status.success(), "{output:?}");
        let text = out(&output);
        assert!(
            text.starts_with(&format!(
                "# server 127.0.0.1:{}, collectors of builtin:pg\n# primary, version 1",
                server.port()
            )),
            "{text}"
        );
        let line = |database: &str, collector: &str| {
            let (_, part) = text.split_once(&format!("\n## database {database}")).unwrap_or_else(|| panic!("{text}"));
            let part = part.split("\n## ").next().unwrap();
            let found = part.lines().find(|line| line.split_whitespace().next() == Some(collector));
            found
                .unwrap_or_else(|| panic!("{database} {collector}: {text}"))
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let numbers: Vec<String> = line("postgres", "pg_db").split(' ').map(str::to_owned).collect();
        assert_eq!((numbers.len(), &*numbers[1], &*numbers[6]), (7, "10", "ok"), "{numbers:?}");
        assert!(numbers[3].parse::<f64>().is_ok() && numbers[4].parse::<u32>().unwrap() >= 4, "{numbers:?}");
        assert_eq!(
            line("postgres", "pg_checkpointer_16"),
            "pg_checkpointer_16 not planned: requires versions before 17.0"
        );
        assert_eq!(
            line("shop", "pg_db"),
            "pg_db not planned: runs once per server, in the main database (tag cluster)"
        );
    }
    let output = run(&["explain"], &[DOWN]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(out(&output).contains("\n# down: 127.0.0.1:1: connection refused (is PostgreSQL running there? set --url or PG_EXPORTER_URL) (refused)"), "{output:?}");
    assert!(!out(&output).contains("\ndatabase "), "a table of nothing: {output:?}");
}

/// In brief: a line for each database, and what needs attention; a failed collector is a failed command.
#[test]
fn explain_is_brief_and_fails_with_a_collector() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database shop").unwrap();
    let metrics = "metrics: [ n: { usage: GAUGE } ]";
    let explain = |own: &str| {
        let config = embedded_and(own);
        let config = config.path().to_str().unwrap();
        run(&["explain", "--config", config], &[("PG_EXPORTER_URL", &server.url("monitor", "postgres"))])
    };
    let good = explain(&format!("own: {{ query: select 1 as n, {metrics} }}"));
    let text = out(&good);
    assert!(good.status.success(), "{text}");
    let words = |name: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("{name}: {text}")).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let (main, shop) = (words("postgres"), words("shop"));
    assert!(main.len() == 7 && main[2] == "0" && main[6] == "main", "{main:?}");
    let count = |words: &[String]| words[1].parse::<u32>().unwrap();
    assert!(count(&main) > count(&shop) && count(&shop) > 5 && shop[2] == "0", "{main:?} {shop:?}");
    assert!(text.contains("\n# to see everything\nGRANT pg_read_all_data TO \"monitor\";\n\n# longest: "), "{text}");
    assert!(!text.contains("needs attention"), "{text}");

    let bad = explain(&format!("own: {{ query: select n from nowhere, tags: [\"dbname:shop\"], {metrics} }}"));
    let text = out(&bad);
    assert_eq!(bad.status.code(), Some(1), "{text}");
    let (_, attention) = text.split_once("\n# needs attention\n").unwrap_or_else(|| panic!("{text}"));
    assert!(attention.starts_with("shop own: failed (") && attention.contains("\"nowhere\" does not exist"), "{text}");
}

/// The grant that the server misses is advised, and not the role that the collector declares.
#[test]
fn explain_advises_the_grant_that_is_missing() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let hidden = "create schema \"Hid den\"; create table \"Hid den\".things as select 1 as n;
        create table public.secret as select 1 as n; create function public.seven() returns int language sql return 7;
        revoke execute on function public.seven from public;
        drop extension if exists pg_stat_statements; create extension pg_stat_statements schema \"Hid den\"";
    server.psql("postgres", hidden).unwrap();
    let metrics = "metrics: [ n: { usage: GAUGE } ]";
    let config = embedded_and(&format!(
        "own_schema: {{ query: 'select n from \"Hid den\".things', {metrics} }}\n\
         own_path: {{ query: select n from things, search_path: [\"Hid den\"], {metrics} }}\n\
         own_table: {{ query: select n from public.secret, {metrics} }}\n\
         own_function: {{ query: select public.seven() as n, {metrics} }}\n"
    ));
    let config = config.path().to_str().unwrap();
    let explain = || {
        out(&run(&["explain", "--all", "--config", config], &[("PG_EXPORTER_URL", &server.url("monitor", "postgres"))]))
    };
    let text = explain();
    let usage = "GRANT USAGE ON SCHEMA \"Hid den\" TO \"monitor\"";
    for (collector, grant) in [
        ("own_schema", usage),
        ("own_path", usage),
        ("pg_query", usage),
        ("own_table", "GRANT SELECT ON TABLE \"secret\" TO \"monitor\""),
        ("own_function", "GRANT EXECUTE ON FUNCTION \"seven\" TO \"monitor\""),
    ] {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(collector));
        assert!(
            line.is_some_and(|line| line.ends_with(&format!("; to see everything: {grant}"))),
            "{collector}: {text}"
        );
        server.psql("postgres", grant).unwrap();
    }
    // The last grant that own_schema needs.
    server.psql("postgres", "grant select on \"Hid den\".things to monitor").unwrap();
    let text = explain();
    let own: Vec<&str> = text.lines().filter(|line| line.starts_with("own_")).collect();
    assert!(own.len() == 4 && own.iter().all(|line| line.ends_with(" ok")), "{text}");
}
