//! Rules about replication and archiving, and about what a server has done.

use lab::Postgres;
use support::LIMIT;

use super::{MAJORS, apply, assert_found, assert_gone, doctor};

/// What the servers of this test have.
pub const RULES: &[&str] = &[
    "standby_without_slot",
    "slots_lost",
    "archive_failing",
    "checkpoints_requested",
    "dominant_statements",
    "replay_paused",
];

const THRESHOLDS: [&str; 1] = ["--threshold=dominant_statements.seconds=2"];

#[test]
fn replication_and_activity_are_found_and_fixed() {
    std::thread::scope(|scope| {
        for major in MAJORS {
            scope.spawn(move || {
                let builder =
                    Postgres::builder(major).setting("archive_mode", "on").setting("archive_command", "false");
                find_and_fix(&builder.setting("max_wal_size", "64MB").start().unwrap());
            });
        }
    });
}

fn find_and_fix(server: &Postgres) {
    let whose = format!("{}", server.major());
    let on_primary = &RULES[..5];
    let standby = server.standby("standby1").unwrap();
    make_true(server, &standby);
    let found = doctor(server, &THRESHOLDS);
    assert_found(&found, on_primary, &whose);
    assert!(found.critical().contains(&"archive_failing"), "{whose}");

    for rule in on_primary {
        apply(server, &found.fixes(rule));
    }
    // What is for the standby, for the archive and for the statement stands in comments, and is for a person to say.
    let fix = &found.fixes("standby_without_slot")[0].text;
    let (_, there) = fix.split_once("\n-- then on the standby: ").unwrap();
    there.split_inclusive(';').for_each(|statement| drop(standby.psql("postgres", statement).unwrap()));
    server.wait_for("select active from pg_replication_slots where slot_name = 'standby1'", LIMIT).unwrap();
    server.psql("postgres", "alter system set archive_command = 'true'").unwrap();
    server.psql("postgres", "select pg_reload_conf(), pg_switch_wal()").unwrap();
    let is_archived = "select last_archived_time > last_failed_time from pg_stat_archiver";
    server.wait_for(is_archived, LIMIT).unwrap();
    server.psql("postgres", "select pg_stat_statements_reset()").unwrap();
    let is_reset = if server.major().number() >= 17 {
        "num_requested < 20 from pg_stat_checkpointer"
    } else {
        "checkpoints_req < 20 from pg_stat_bgwriter"
    };
    server.wait_for(&format!("select {is_reset}"), LIMIT).unwrap();
    assert_gone(&doctor(server, &THRESHOLDS), RULES, &whose);

    standby.psql("postgres", "select pg_wal_replay_pause()").unwrap();
    standby.wait_for("select pg_get_wal_replay_pause_state() = 'paused'", LIMIT).unwrap();
    let found = doctor(&standby, &[]);
    assert_found(&found, &["replay_paused"], &whose);
    apply(&standby, &found.fixes("replay_paused"));
    assert_gone(&doctor(&standby, &[]), RULES, &whose);
}

fn make_true(server: &Postgres, standby: &Postgres) {
    standby.psql("postgres", "alter system set primary_slot_name = ''").unwrap();
    standby.psql("postgres", "select pg_reload_conf()").unwrap();
    server.wait_for("select not active from pg_replication_slots where slot_name = 'standby1'", LIMIT).unwrap();
    server.psql("postgres", "select pg_drop_replication_slot('standby1')").unwrap();

    server.psql("postgres", "select pg_create_physical_replication_slot('lost', true)").unwrap();
    server.psql("postgres", "alter system set max_slot_wal_keep_size = '1MB'").unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    let switch = "do 'begin perform pg_current_xact_id(); end'; select pg_switch_wal();\ncheckpoint;\n";
    server.psql("postgres", &(switch.repeat(4) + &"checkpoint;\n".repeat(22))).unwrap();
    server.wait_for("select wal_status = 'lost' from pg_replication_slots where slot_name = 'lost'", LIMIT).unwrap();
    server.wait_for("select failed_count > 0 from pg_stat_archiver", LIMIT).unwrap();
    let is_counted = if server.major().number() >= 17 {
        "num_requested > 20 from pg_stat_checkpointer"
    } else {
        "checkpoints_req > 20 from pg_stat_bgwriter"
    };
    server.wait_for(&format!("select {is_counted}"), LIMIT).unwrap();
    server.wait_for("select count(*) = 1 from pg_stat_replication where state = 'streaming'", LIMIT).unwrap();

    server.psql("postgres", "select pg_stat_statements_reset()").unwrap();
    server.psql("postgres", "select pg_sleep(2.5)").unwrap();
}
