//! Secrets are planted in every kind of command and searched for on every page and in the log.

use std::collections::BTreeSet;

use lab::{Exporter, Major, Postgres};
use postgres::{Client, NoTls};
use support::outcome::{collectors, scrape_until};
use support::{Page, exporter, scrape, until};

use super::planted::{SECRET, plant};

const TAGS: &str = "--tag=statements,exact_size";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Everything that an exporter shows and writes.
fn shown(exporter: &Exporter) -> Vec<(String, String)> {
    let paths =
        ["/", "/metrics", "/explain", "/stat", "/version", "/up", "/primary", "/replica", "/health", "/nothing"];
    let mut shown: Vec<_> = paths.map(|path| (path.to_owned(), exporter.get(path).unwrap().text())).into();
    let open_metrics = exporter.get_with("/metrics", &[("Accept", OPEN_METRICS)]).unwrap().text();
    shown.push(("OpenMetrics".into(), open_metrics));
    shown.push(("/reload".into(), exporter.request("POST", "/reload", &[]).unwrap().text()));
    shown.push(("log".into(), exporter.log()));
    shown
}

fn assert_hidden(exporter: &Exporter, whose: &str) {
    for (name, text) in shown(exporter) {
        let found = text.lines().find(|line| line.to_lowercase().contains(SECRET));
        assert_eq!(found, None, "{whose}: {name}");
    }
}

/// Every statement with the secret, by its id.
fn planted_ids(server: &Postgres) -> BTreeSet<String> {
    let ids = format!("select distinct queryid from pg_stat_statements where query ~* '{SECRET}'");
    server.psql("postgres", &ids).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn secrets_in_commands_are_redacted_everywhere() {
    std::thread::scope(|scope| {
        for major in Major::ALL {
            scope.spawn(move || commands_of(major));
        }
    });
}

fn commands_of(major: Major) {
    let server = Postgres::builder(major)
        .setting("pg_stat_statements.track", "all")
        .setting("max_prepared_transactions", "2")
        .start()
        .unwrap();
    plant(&server, major);
    // One statement runs, another waits.
    let [mut holds, mut waits] = [(); 2].map(|()| Client::connect(&server.url("postgres", "postgres"), NoTls).unwrap());
    holds.simple_query(&format!("begin; lock table planted; select '{SECRET}' as held")).unwrap();
    let cancel = waits.cancel_token();
    let waiting =
        std::thread::spawn(move || waits.simple_query(&format!("delete from planted where text = '{SECRET}'")));
    until("one waits", || server.psql("postgres", "select count(*) from pg_locks where not granted").unwrap() == "1");

    let exporter = exporter(&server, "postgres", &["--cache-ttls=0,0,0,0", "--log.level=debug", TAGS]);
    let ids = planted_ids(&server);
    assert!(ids.len() > if major < Major::V16 { 40 } else { 30 }, "{major}: {}", ids.len());
    let page = scrape_until(&exporter, "every planted statement was looked up", |page| {
        let known = page.label_values("pg_query_info", "query");
        ids.iter().all(|id| known.contains(&**id))
    });
    page.assert_clean(&major.to_string());
    assert_hidden(&exporter, &major.to_string());
    let texts = page.label_values("pg_query_info", "text");
    for command in [
        "ALTER ROLE",
        "CREATE ROLE",
        "CREATE SERVER",
        "CREATE USER MAPPING",
        "CREATE SUBSCRIPTION",
        "ALTER SYSTEM",
        "CREATE FUNCTION",
        "CREATE TABLE",
        "DO",
        "SET",
        "COPY",
        "CALL",
        "EXPLAIN",
        "PREPARE",
        "DECLARE",
        "COMMENT ON",
        "values ($1)",
        "select crypt($1, $2)",
        "insert into planted values ($1), ($2)",
    ] {
        assert!(texts.contains(command), "{major}: {command}: {texts:#?}");
    }
    cancel.cancel_query(NoTls).unwrap();
    assert!(waiting.join().unwrap().is_err());
}

/// Collectors of a user that show what they should not.
const CARELESS: &str = "
careless:
  query: SELECT 'host=h password=s3cr3t user=a' AS conninfo, 'postgres://a:s3cr3t@h/d' AS url, 1 AS n
  metrics: [ conninfo: { usage: LABEL }, url: { usage: LABEL }, n: { usage: GAUGE } ]
careless_number:
  query: SELECT 'password=s3cr3t' AS n
  metrics: [ n: { usage: GAUGE } ]
careless_twice:
  query: SELECT 'password=s3cr3t' AS conninfo, 1 AS n FROM generate_series(1, 2)
  metrics: [ conninfo: { usage: LABEL }, n: { usage: GAUGE } ]
careless_error:
  query: SELECT 'host=h password=s3cr3t'::int AS n
  metrics: [ n: { usage: GAUGE } ]
careless_notice:
  query: SELECT public.noticed() AS n
  metrics: [ n: { usage: GAUGE } ]
careless_statement:
  query: SELECT 'select ''s3cr3t'' /* s3cr3t */' AS text, 1 AS n
  metrics: [ text: { usage: LABEL, redact: statement }, n: { usage: GAUGE } ]
";

#[test]
fn passwords_read_by_custom_collectors_are_redacted() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let noticed = "create function public.noticed() returns int language plpgsql as
                   'begin raise warning ''opened with s3cr3t''; return 1; end'";
    server.psql("postgres", noticed).unwrap();
    let file = collectors(CARELESS);
    let config = format!("--config={}", file.path().display());
    let exporter = exporter(&server, "postgres", &[&config, "--log.level=debug"]);
    let page: Page = scrape(&exporter);
    assert_hidden(&exporter, "careless");
    let careless = [("conninfo", "host=h password=*** user=a"), ("url", "postgres://a:***@h/d")];
    assert_eq!(page.value("careless_n", &careless), Some(1.0), "{}", page.text);
    assert!(exporter.log().contains("notice from the server"), "{}", exporter.log());
    assert_eq!(page.value("careless_statement_n", &[("text", "select '***'")]), Some(1.0), "{}", page.text);
    scrape(&exporter);
    let explained = exporter.get("/explain").unwrap().text();
    assert!(explained.contains("invalid input syntax for type integer: \"host=h password=***"), "{explained}");
}
