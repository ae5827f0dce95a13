//! Rules about objects of databases, sessions and statistics.

use lab::Postgres;
use support::LIMIT;

use super::{MAJORS, apply, assert_found, assert_gone, doctor};

/// What the server of this test has.
pub const RULES: &[&str] = &[
    "archive_off",
    "wraparound_near",
    "freeze_overdue",
    "idle_in_transaction",
    "long_transactions",
    "prepared_transactions",
    "slots_inactive",
    "tables_never_vacuumed",
    "dead_rows",
    "tables_without_autovacuum",
    "tables_without_primary_key",
    "published_without_identity",
    "default_partition_rows",
    "constraints_not_valid",
    "sequences_near_end",
    "indexes_invalid",
    "indexes_duplicate",
    "indexes_unused",
    "foreign_keys_without_index",
    "public_schema_writable",
    "extensions_outdated",
    "statements_untracked",
];

/// What the newer one has, too: older ones have no collation of their own that has a version.
pub const COLLATIONS: &[&str] = &["collations_changed"];

/// What it has before the role may read sequences.
pub const UNREADABLE: &[&str] = &["sequences_unreadable"];

/// What has to last in production, and cannot here.
const THRESHOLDS: [&str; 6] = [
    "--threshold=idle_in_transaction.seconds=0",
    "--threshold=long_transactions.seconds=0",
    "--threshold=prepared_transactions.seconds=0",
    "--threshold=slots_inactive.bytes=0",
    "--threshold=indexes_unused.bytes=1000000",
    "--threshold=indexes_unused.seconds=0",
];

#[test]
fn objects_and_sessions_are_found_and_fixed() {
    std::thread::scope(|scope| {
        for major in MAJORS {
            scope.spawn(move || {
                let builder = Postgres::builder(major).setting("autovacuum", "off");
                find_and_fix(builder.setting("max_prepared_transactions", "5").start().unwrap());
            });
        }
    });
}

fn find_and_fix(mut server: Postgres) {
    let whose = format!("{}", server.major());
    let databases =
        "create database shop; create database old; create database older; drop extension pg_stat_statements";
    server.psql("postgres", databases).unwrap();
    server.psql("shop", include_str!("objects.sql")).unwrap();
    let rules = if server.major() == lab::Major::NEWEST {
        let sorted =
            "create database sorted template template0 locale_provider builtin builtin_locale 'C.UTF-8' locale 'C';
                      update pg_database set datcollversion = '0' where datname = 'sorted'";
        server.psql("postgres", sorted).unwrap();
        [RULES, COLLATIONS].concat()
    } else {
        RULES.to_vec()
    };
    for (database, age) in [("old", 300_000_000_u32), ("older", 1_600_000_000)] {
        make_old(&server, database, age);
    }
    server.psql("shop", "begin; create table made (id int); prepare transaction 'it''s forgotten'").unwrap();
    server.psql("postgres", "select pg_create_physical_replication_slot('idle', true)").unwrap();
    let mut idle = server.session("postgres").unwrap();
    idle.run("begin; select 1;").unwrap();
    let mut active = server.session("postgres").unwrap();
    active.send("select pg_sleep(600);").unwrap();
    server.wait_for("select count(*) = 1 from pg_stat_activity where query = 'select pg_sleep(600);'", LIMIT).unwrap();
    let is_counted = "select pg_stat_get_live_tuples('worn'::regclass) = 10000
                         and pg_stat_get_live_tuples('never'::regclass) = 12000
                         and pg_stat_get_live_tuples('parts_default'::regclass) = 2";
    support::until("the statistics are there", || server.psql("shop", is_counted).unwrap() == "t");
    let grants =
        "grant select on pg_hba_file_rules to monitor; grant execute on function pg_hba_file_rules() to monitor";
    server.psql("postgres", grants).unwrap();
    let found = doctor(&server, &[]);
    assert_found(&found, UNREADABLE, &whose);
    assert_gone(&found, &["sequences_near_end"], &whose);
    apply(&server, &found.fixes("sequences_unreadable"));

    let found = doctor(&server, &THRESHOLDS);
    assert_gone(&found, UNREADABLE, &whose);
    assert_found(&found, &rules, &whose);
    assert_eq!(found.unread(), [""; 0], "{whose}");
    assert_eq!(found.finding("idle_in_transaction")["count"], 1, "{whose}");
    let evidence = &found.finding("indexes_duplicate")["objects"][0]["evidence"];
    assert_eq!((&evidence["index"], &evidence["duplicate_of"]), (&"public.n_twice".into(), &"public.n_once".into()));
    assert_eq!(found.finding("wraparound_near")["objects"][0]["database"], "older");

    let mut restarts = false;
    for rule in &rules {
        restarts |= apply(&server, &found.fixes(rule));
    }
    assert!(restarts, "{whose}");
    // What these rows need is for a person to say.
    server.psql("shop", "delete from parts_default").unwrap();
    drop((idle, active));
    server.restart().unwrap();
    let is_counted = "select pg_stat_get_live_tuples('parts_default'::regclass) = 0";
    support::until("the statistics are there", || server.psql("shop", is_counted).unwrap() == "t");
    assert_gone(&doctor(&server, &THRESHOLDS), &rules, &whose);
}

/// Makes a database look as if it had not been vacuumed for so many transactions: an id that went round.
fn make_old(server: &Postgres, database: &str, age: u32) {
    let sql = format!(
        "checkpoint;
         update pg_database
            set datfrozenxid = ((split_part(next_xid, ':', 2)::bigint - {age} + 4294967296) % 4294967296)::text::xid
           from pg_control_checkpoint() where datname = '{database}'"
    );
    server.psql("postgres", &sql).unwrap();
}
