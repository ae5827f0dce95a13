//! The report: its forms, its exit code, and what it says of a server in good order and of one that is down.

use lab::{Major, Postgres};
use support::command_line::{out, refusal};
use support::doctor::{Doctor, run};
use support::{DOWN, binary};

use super::{apply, assert_found, assert_gone, doctor};

/// What the tests of this file make true.
pub const RULES: &[&str] = &["exporter_is_superuser"];

/// As one would run it.
fn healthy(major: Major) -> Postgres {
    let builder = Postgres::builder(major).setting("fsync", "on").setting("archive_mode", "on");
    builder.setting("archive_command", "true").start().unwrap()
}

#[test]
fn a_server_in_good_order_has_no_critical_finding() {
    for major in Major::ALL {
        let server = healthy(major);
        server.psql("postgres", "create database shop").unwrap();
        let found = doctor(&server, &[]);
        assert_eq!((found.critical(), found.code), (vec![], Some(0)), "{major}: {:#}", found.server);
        assert_eq!(found.server["databases"], serde_json::json!(["postgres", "shop"]), "{major}");
    }
}

#[test]
fn the_text_ranks_findings_with_evidence_and_fix() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database shop").unwrap();
    server
        .psql(
            "shop",
            "create table parent (id int primary key); create table t (id int references parent);
        alter table t add constraint c check (id > 0) not valid",
        )
        .unwrap();
    let output = run(binary(), &[], &[("PG_EXPORTER_URL", &server.url("monitor", "postgres"))]);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let (head, findings) = text.split_once("\n\n").unwrap();
    let first = format!("# server 127.0.0.1:{}, collectors of builtin:pg\n# primary, version 18.", server.port());
    assert!(head.starts_with(&first) && head.contains(" rules: 1 critical, "), "{text}");
    let fsync = "critical: fsync is off (fsync_off)\n  A crash of the operating system or a power failure corrupts \
                 the whole cluster beyond repair.\n  - setting=off source=\"configuration file\"\n  fix, in psql:\n    \
                 ALTER SYSTEM SET fsync = on;\n    SELECT pg_reload_conf();\n  see https://www.postgresql.org/docs/";
    assert!(findings.starts_with(fsync), "{text}");
    let constraint = "\n  - database=shop constraint=c table=public.t\n  fix, in psql, database shop:\n    \
                      ALTER TABLE public.t VALIDATE CONSTRAINT c;\n";
    assert!(findings.contains(constraint), "{text}");
    let ranks: Vec<_> = ["\ninfo: ", "\nwarning: "].map(|kind| findings.find(kind).unwrap()).into();
    assert!(ranks[0] > ranks[1], "{text}");
    for section in ["\n# rules not read\npostgres trust_from_network: ", "\n# to see everything\nGRANT ", "\n# cost\n"]
    {
        assert!(text.contains(section), "{section}: {text}");
    }
}

#[test]
fn many_objects_are_counted_and_a_few_are_shown() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let tables = "do $$ begin for i in 1..30 loop
        execute format('create table t%s (id int) with (autovacuum_enabled = off)', i); end loop; end $$";
    server.psql("postgres", tables).unwrap();
    let found = doctor(&server, &[]);
    let finding = found.finding("tables_without_autovacuum");
    assert_eq!((&finding["count"], finding["objects"].as_array().unwrap().len()), (&30.into(), 20));
    let output = run(binary(), &[], &[("PG_EXPORTER_URL", &server.url("monitor", "postgres"))]);
    assert!(out(&output).contains("\n  - and 10 more\n"), "{}", out(&output));
}

#[test]
fn a_superuser_is_found_and_fixed() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create role boss superuser login password 'boss'").unwrap();
    let url = server.url("boss", "postgres").replace("boss@", "boss:boss@");
    let doctor = || Doctor::run(binary(), &[], &[("PG_EXPORTER_URL", &url)]);
    let found = doctor();
    assert_found(&found, RULES, "a superuser");
    assert_eq!(found.unread(), [""; 0]);
    apply(&server, &found.fixes("exporter_is_superuser"));
    assert_gone(&doctor(), RULES, "no superuser");
}

#[test]
fn a_server_that_is_down_is_a_failure() {
    let found = Doctor::run(binary(), &[], &[DOWN]);
    assert_eq!((found.code, &found.server["up"]), (Some(1), &false.into()));
    assert!(found.server["error"].as_str().unwrap().contains("connection refused"), "{:#}", found.server);
    let text = out(&run(binary(), &[], &[DOWN]));
    assert!(text.contains("\n# down: 127.0.0.1:1: connection refused"), "{text}");
}

#[test]
fn an_unknown_threshold_is_refused() {
    let error = refusal(&["doctor", "--threshold", "fsync_off.seconds=1"], &[DOWN]);
    assert_eq!(error, "pg-exporter: --threshold fsync_off.seconds: there is no such number: see doctor --list\n");
    let error = refusal(&["doctor", "--threshold", "fsync_off"], &[DOWN]);
    assert!(error.contains("expected RULE.NAME=NUMBER"), "{error}");
}

#[test]
fn a_database_that_cannot_be_opened_costs_itself_only() {
    let builder = Postgres::builder(Major::NEWEST).hba_line("host taken monitor 127.0.0.1/32 reject");
    let server = builder.start().unwrap();
    server.psql("postgres", "create database taken;\ncreate database shop").unwrap();
    server.psql("shop", "create table t (id int) with (autovacuum_enabled = off)").unwrap();
    let found = doctor(&server, &[]);
    assert_found(&found, &["tables_without_autovacuum"], "beside it");
    let unread = found.server["unread"].as_array().unwrap();
    let whole = unread.iter().find(|one| one["name"] == "all rules").unwrap_or_else(|| panic!("{unread:#?}"));
    assert_eq!(whole["database"], "taken");
    assert!(whole["error"].as_str().unwrap().contains("pg_hba.conf rejects connection"), "{whole:#}");
}
