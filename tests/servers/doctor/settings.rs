//! Rules about settings of the server.

use lab::Postgres;
use postgres::{Client, NoTls};
use support::LIMIT;

use super::{MAJORS, apply, assert_found, assert_gone, doctor};

/// What the server of this test has.
pub const RULES: &[&str] = &[
    "fsync_off",
    "full_page_writes_off",
    "autovacuum_off",
    "statistics_off",
    "synchronous_commit_off",
    "track_io_timing_off",
    "query_ids_off",
    "logging_sparse",
    "log_unstructured",
    "durations_not_logged",
    "plans_not_logged",
    "idle_in_transaction_unlimited",
    "password_encryption_md5",
    "archive_command_empty",
    "slots_without_limit",
    "sync_standby_missing",
    "trust_from_network",
    "pending_restart",
    "connections_near_limit",
];
/// What the older one has, too: newer ones have checksums by default.
pub const CHECKSUMS: &[&str] = &["checksums_off"];

const SETTINGS: [(&str, &str); 15] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("track_activities", "off"),
    ("synchronous_commit", "off"),
    ("track_io_timing", "off"),
    ("compute_query_id", "off"),
    ("log_checkpoints", "off"),
    ("log_lock_waits", "off"),
    ("log_temp_files", "-1"),
    ("log_autovacuum_min_duration", "-1"),
    ("password_encryption", "md5"),
    ("archive_mode", "on"),
    ("archive_command", ""),
    ("max_connections", "40"),
];

#[test]
fn settings_are_found_and_fixed() {
    std::thread::scope(|scope| {
        for major in MAJORS {
            scope.spawn(move || {
                let builder = Postgres::builder(major).hba_line("host all all 192.0.2.0/24 trust");
                let builder = SETTINGS.iter().fold(builder, |builder, (name, value)| builder.setting(name, value));
                find_and_fix(builder.start().unwrap());
            });
        }
    });
}

fn find_and_fix(mut server: Postgres) {
    let whose = format!("{}", server.major());
    server.psql("postgres", "select pg_create_physical_replication_slot('idle')").unwrap();
    server.psql("postgres", "alter system set max_wal_senders = 11").unwrap();
    let before = doctor(&server, &[]);
    assert_eq!(before.unread(), ["trust_from_network"], "{whose}");
    for grant in before.server["grants"].as_array().unwrap() {
        server.psql("postgres", grant.as_str().unwrap()).unwrap();
    }
    // From here on every commit waits.
    server.psql("postgres", "alter system set synchronous_standby_names = 'nobody'").unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    server
        .wait_for("select setting = 'nobody' from pg_settings where name = 'synchronous_standby_names'", LIMIT)
        .unwrap();
    server.wait_for("select pending_restart from pg_settings where name = 'max_wal_senders'", LIMIT).unwrap();
    let url = server.url("postgres", "postgres");
    let clients: Vec<Client> = (0..31).map(|_| Client::connect(&url, NoTls).unwrap()).collect();

    let found = doctor(&server, &[]);
    let has_checksums = server.psql("postgres", "show data_checksums").unwrap() == "on";
    let rules = if has_checksums { RULES.to_vec() } else { [RULES, CHECKSUMS].concat() };
    assert_eq!(has_checksums, server.major().number() >= 18, "{whose}");
    assert_found(&found, &rules, &whose);
    assert_eq!((found.code, found.unread()), (Some(1), vec![]), "{whose}");

    drop(clients);
    let mut restarts = false;
    for rule in RULES.iter().filter(|rule| **rule != "pending_restart") {
        restarts |= apply(&server, &found.fixes(rule));
    }
    assert!(restarts, "{whose}");
    let data = server.data_dir().display().to_string();
    assert_eq!(found.fixes("pending_restart")[0].text, format!("pg_ctl restart --pgdata '{data}'"), "{whose}");
    server.stop().unwrap();
    if !has_checksums {
        enable_checksums(&server, &found.fixes("checksums_off")[0].text);
    }
    server.start_again().unwrap();
    assert_gone(&doctor(&server, &[]), &rules, &whose);
}

/// Runs the middle one of the three commands, since the lab stops and starts its servers itself.
fn enable_checksums(server: &Postgres, fix: &str) {
    let data = server.data_dir().display().to_string();
    let lines: Vec<&str> = fix.lines().collect();
    let ends = [format!("pg_ctl stop --pgdata '{data}'"), format!("pg_ctl start --pgdata '{data}'")];
    assert_eq!([lines[0], lines[2]], ends);
    let arguments: Vec<String> = lines[1].split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect();
    let output = server.bin(&arguments[0]).args(&arguments[1..]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
