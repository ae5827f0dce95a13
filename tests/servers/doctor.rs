//! The command `doctor` of pg-exporter: each rule is made true, found, and gone after the fix that the report prints.

mod objects;
mod replication;
mod report;
mod settings;
mod versions;

use std::collections::BTreeSet;
use std::fs;

use lab::Postgres;
use support::binary;
use support::doctor::{Doctor, Fix, rules};

/// Majors of which the rules differ most.
const MAJORS: [lab::Major; 2] = [lab::Major::V14, lab::Major::NEWEST];

/// The report on a server, read as `monitor`.
fn doctor(server: &Postgres, args: &[&str]) -> Doctor {
    // The machine that runs the tests may be busy.
    let args = [&["--scrape-timeout=60"], args].concat();
    Doctor::run(binary(), &args, &[("PG_EXPORTER_URL", &server.url("monitor", "postgres"))])
}

/// Fails unless all of them were found.
fn assert_found(doctor: &Doctor, names: &[&str], whose: &str) {
    let found = doctor.found();
    let missing: Vec<_> = names.iter().filter(|name| !found.contains(*name)).collect();
    assert!(missing.is_empty(), "{whose}: {missing:?} not found: {:#}", doctor.server);
}

/// Fails if one of them was found.
fn assert_gone(doctor: &Doctor, names: &[&str], whose: &str) {
    let left: Vec<_> = names.iter().filter(|name| doctor.found().contains(*name)).collect();
    let left: Vec<_> = left.iter().map(|name| doctor.finding(name)).collect();
    assert!(left.is_empty(), "{whose}: still found: {left:#?}");
}

/// Runs the fixes of a finding as they are printed; whether one of them asks for a restart.
fn apply(server: &Postgres, fixes: &[Fix]) -> bool {
    for fix in fixes {
        match fix.place.as_str() {
            "psql" => {
                server.psql(fix.database.as_deref().unwrap_or("postgres"), &fix.text).unwrap();
            }
            "pg_hba.conf" => replace_trust(server, &fix.text),
            other => panic!("{other}: {}", fix.text),
        }
    }
    fixes.iter().any(|fix| fix.text.contains("then restart the server"))
}

/// Puts a line in the place of the one that begins alike and trusts.
fn replace_trust(server: &Postgres, line: &str) {
    let file = server.data_dir().join("pg_hba.conf");
    let is_meant = |old: &str| {
        let (old, new): (Vec<_>, Vec<_>) = (old.split_whitespace().collect(), line.split_whitespace().collect());
        old.last() == Some(&"trust") && old.len() > 3 && old[..3] == new[..3]
    };
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().filter(|old| is_meant(old)).count(), 1, "{line}: {text}");
    let lines: Vec<&str> = text.lines().map(|old| if is_meant(old) { line } else { old }).collect();
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
}

#[test]
fn every_rule_is_made_true_by_a_test() {
    let tested = [
        settings::RULES,
        settings::CHECKSUMS,
        objects::RULES,
        objects::COLLATIONS,
        objects::UNREADABLE,
        replication::RULES,
        report::RULES,
    ]
    .concat();
    let tested: BTreeSet<String> = tested.into_iter().map(str::to_owned).collect();
    assert_eq!(rules(binary()), tested);
}
