//! `check --server`.

use lab::{Major, Postgres};
use support::DOWN;
use support::command_line::{out, run};
use support::outcome::embedded_and;

const METRICS: &str = "metrics: [ n: { usage: GAUGE } ]";

/// Each collector once, with what it brings and costs; a write is refused and fails the command.
#[test]
fn check_runs_every_query_once_and_shows_its_cost_and_plan() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server
        .psql("postgres", "create database shop; create table item as select n from generate_series(1, 3) n")
        .unwrap();
    let check = |own: &str, more: &[&str]| {
        let config = embedded_and(own);
        let config = config.path().to_str().unwrap().to_owned();
        let args = [&["check", &config, "--server"], more].concat();
        run(&args, &[("PG_EXPORTER_URL", &server.url("monitor", "postgres"))])
    };
    server.psql("postgres", "grant select on item to monitor").unwrap();
    let own = format!("own: {{ query: select sum(n) as n from public.item, tags: [\"dbname:postgres\"], {METRICS} }}");
    let good = check(&own, &[]);
    let text = out(&good);
    assert!(good.status.success(), "{text}");
    let words = |name: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("{name}: {text}")).split_whitespace().map(str::to_owned).collect()
    };
    let own_line = words("own");
    assert_eq!((&*own_line[1], &*own_line[2], &*own_line[3]), ("1", "1", "1"), "{own_line:?}");
    assert!(own_line.last().unwrap().parse::<f64>().unwrap() > 1.0, "no cost: {own_line:?}");
    assert_eq!(words("pg_table")[1], "2", "a line for each collector, not for each database: {text}");
    assert!(text.trim_end().ends_with("failed: 0"), "{text}");

    let plans = out(&check(&own, &["--plans"]));
    assert!(plans.contains("\n    Aggregate  (cost=") && plans.contains("Seq Scan on item"), "{plans}");

    let writes = check(&format!("own: {{ query: delete from public.item returning n, {METRICS} }}"), &[]);
    assert_eq!(writes.status.code(), Some(1), "{writes:?}");
    assert!(out(&writes).contains("own: failed ("), "{}", out(&writes));
    assert_eq!(server.psql("postgres", "select count(*) from item").unwrap(), "3");
    let down = run(&["check", "--server"], &[DOWN]);
    assert_eq!(down.status.code(), Some(1), "{down:?}");
    assert!(out(&down).contains("the server is down: 127.0.0.1:1: connection refused"), "{down:?}");
}
