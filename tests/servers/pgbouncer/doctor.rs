//! The command `doctor`: each rule is made true, found, and gone after the fix that the report prints.

use std::fs;

use lab::{BouncerRelease, Major, PgBouncer, Postgres};
use postgres::{Client, NoTls};
use support::doctor::{Doctor, Fix, rules};
use support::{LIMIT, pgbouncer_exporter, until};

use super::on_every_release;

/// The first is pasted into the file: RELOAD takes back what was set on the console. So is the last, after which the lab's
/// servers, which have no TLS, cannot be reached.
const RULES: [&str; 8] = [
    "auth_without_password",
    "clients_waiting",
    "client_limit_near",
    "query_wait_timeout_off",
    "prepared_statements_off",
    "database_paused",
    "database_disabled",
    "server_tls_off",
];

fn doctor(pooler: &PgBouncer) -> Doctor {
    Doctor::run(pgbouncer_exporter(), &[], &[("PG_EXPORTER_URL", &pooler.url("monitor", "pgbouncer"))])
}

fn apply(pooler: &PgBouncer, fix: &Fix) {
    if fix.place == "console" {
        pooler.console(&fix.text).unwrap();
        return;
    }
    assert_eq!(fix.place, "pgbouncer.ini");
    let (name, _) = fix.text.split_once(" = ").unwrap();
    let text = fs::read_to_string(pooler.config()).unwrap();
    let is_old = |line: &&str| line.split_once(" = ").is_some_and(|(found, _)| found == name);
    let mut lines: Vec<&str> = text.lines().filter(|line| !is_old(line)).collect();
    lines.push(&fix.text);
    fs::write(pooler.config(), lines.join("\n") + "\n").unwrap();
    pooler.console("RELOAD").unwrap();
}

#[test]
fn every_rule_finds_and_fixes() {
    assert_eq!(rules(pgbouncer_exporter()), RULES.iter().map(|rule| (*rule).to_owned()).collect());
    let server = Postgres::start(Major::NEWEST).unwrap();
    let settings = [
        ("auth_type", "trust"),
        ("server_tls_sslmode", "prefer"),
        ("default_pool_size", "1"),
        ("max_client_conn", "16"),
        ("query_wait_timeout", "0"),
        ("max_prepared_statements", "0"),
    ];
    let builder = PgBouncer::builder(BouncerRelease::NEWEST).database("app", &server, "");
    let builder = builder.database("idle", &server, "").database("other", &server, "");
    let builder = builder.database_line("remote = host=192.0.2.1 dbname=postgres");
    let pooler = settings.iter().fold(builder, |builder, (name, value)| builder.setting(name, value)).start().unwrap();
    pooler.console("PAUSE other").unwrap();
    pooler.console("DISABLE idle").unwrap();
    let connect = || Client::connect(&pooler.url("app", "app"), NoTls).unwrap();
    let mut holder = connect();
    let mut transaction = holder.transaction().unwrap();
    transaction.batch_execute("select 1").unwrap();
    let idle: Vec<Client> = (0..11).map(|_| connect()).collect();
    let waiting = pooler.start("psql", "app", "app", &["-X", "-c", "select 1"]).unwrap();
    until("a client has waited for a second", || doctor(&pooler).found().contains(&"clients_waiting"));

    let found = doctor(&pooler);
    let missing: Vec<_> = RULES.iter().filter(|rule| !found.found().contains(*rule)).collect();
    assert!(missing.is_empty(), "{missing:?}: {:#}", found.server);
    assert_eq!((found.code, found.unread()), (Some(1), vec![]));
    assert_eq!(found.finding("server_tls_off")["count"], 1, "{:#}", found.server);
    let (last, others) = RULES.split_last().unwrap();
    for rule in others {
        found.fixes(rule).iter().for_each(|fix| apply(&pooler, fix));
    }
    let served = waiting.wait(LIMIT).is_some_and(|status| status.success());
    assert!(served, "{}", waiting.log_tail());
    let left = doctor(&pooler);
    let left: Vec<_> = others.iter().filter(|rule| left.found().contains(*rule)).collect();
    assert!(left.is_empty(), "{left:?}");
    found.fixes(last).iter().for_each(|fix| apply(&pooler, fix));
    assert!(!doctor(&pooler).found().contains(last));
    drop(idle);
}

#[test]
fn every_rule_can_be_read_on_every_release() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "").start().unwrap();
        let found = doctor(&pooler);
        assert_eq!((found.unread(), found.critical(), found.code), (vec![], vec![], Some(0)), "{release}");
    });
}
