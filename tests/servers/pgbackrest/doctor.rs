//! The command `doctor`: each rule is made true, found, and gone after the fix that the report prints.

use std::fs;
use std::path::Path;

use lab::{Backrest, BackrestRelease};
use serde_json::Value;
use support::doctor::{Doctor, rules};
use support::pgbackrest_exporter;

use super::script::Script;
use super::{STANZA, server_for};

const RULES: [&str; 6] = [
    "stanza_broken",
    "no_full_backup",
    "single_full_backup",
    "backup_old",
    "backup_with_errors",
    "backup_never_proven",
];

fn report(program: &Path, more: &[String]) -> Doctor {
    // A drill of long ago is a proof.
    let state = tempfile::tempdir().unwrap();
    let proof = r#"{"drill":{"results":[{"stanza":"demo","last_success_timestamp_seconds":1}]}}"#;
    fs::write(state.path().join("proofs.json"), proof).unwrap();
    report_with(program, more, &format!("--state-dir={}", state.path().display()))
}

fn report_with(program: &Path, more: &[String], state: &str) -> Doctor {
    let own = [format!("--backrest.binary={}", program.display()), state.to_owned()];
    let args: Vec<String> = own.into_iter().chain(more.to_vec()).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let found = Doctor::run(pgbackrest_exporter(), &args, &[]);
    assert_eq!(found.unread(), [""; 0], "{:#}", found.server);
    found
}

fn doctor(backrest: &Backrest) -> Doctor {
    report(backrest.program(), &flags(backrest))
}

fn flags(backrest: &Backrest) -> Vec<String> {
    let mut args = vec![format!("--backrest.config={}", backrest.config().display())];
    args.extend(backrest.user().map(|user| format!("--backrest.user={user}")));
    args
}

/// Runs the command that is printed, with the lab's program and configuration.
fn apply(backrest: &Backrest, found: &Doctor, rule: &str) {
    for fix in found.fixes(rule) {
        let arguments = fix.text.strip_prefix(&format!("pgbackrest --stanza='{STANZA}' ")).unwrap();
        backrest.run(STANZA, &arguments.split(' ').collect::<Vec<_>>()).unwrap();
    }
}

/// What `info` would say if these backups were ten days old, and had found wrong checksums.
fn document(backrest: &Backrest, old: &[String]) -> String {
    let mut document: Value = serde_json::from_str(&backrest.info(&[]).unwrap()).unwrap();
    for backup in document[0]["backup"].as_array_mut().unwrap() {
        if old.iter().any(|label| backup["label"] == **label) {
            backup["error"] = true.into();
            for time in ["start", "stop"] {
                backup["timestamp"][time] = (backup["timestamp"][time].as_i64().unwrap() - 864_000).into();
            }
        }
    }
    document.to_string()
}

#[test]
fn every_rule_finds_and_fixes() {
    assert_eq!(rules(pgbackrest_exporter()), RULES.iter().map(|rule| (*rule).to_owned()).collect());
    let backrest = Backrest::new(BackrestRelease::Newest, &["archive-timeout=20"]).unwrap();
    let server = server_for(&backrest, BackrestRelease::Newest);
    backrest.create_stanza(STANZA, &server).unwrap();

    let found = doctor(&backrest);
    assert_eq!((found.found(), found.code), (vec!["no_full_backup"], Some(1)), "{:#}", found.server);
    apply(&backrest, &found, "no_full_backup");
    let found = doctor(&backrest);
    assert_eq!((found.found(), found.code), (vec!["single_full_backup"], Some(0)), "{:#}", found.server);
    apply(&backrest, &found, "single_full_backup");
    assert_eq!(doctor(&backrest).found(), [""; 0]);

    let labels: Value = serde_json::from_str(&backrest.info(&[]).unwrap()).unwrap();
    let labels =
        labels[0]["backup"].as_array().unwrap().iter().map(|backup| backup["label"].as_str().unwrap().to_owned());
    let labels: Vec<String> = labels.collect();
    let script = Script::new();
    fs::write(script.path("document"), document(&backrest, &labels)).unwrap();
    let found = report(&script.program(), &[]);
    assert_eq!(found.found(), ["backup_with_errors", "backup_old"], "{:#}", found.server);
    apply(&backrest, &found, "backup_with_errors");
    fs::write(script.path("document"), document(&backrest, &labels)).unwrap();
    assert_eq!(report(&script.program(), &[]).found(), [""; 0]);

    let second = backrest.folder().join("repo2");
    let text = fs::read_to_string(backrest.config()).unwrap();
    let global = format!("[global]\nrepo2-path={}\nrepo2-retention-full=9\n", second.display());
    fs::write(backrest.config(), text.replacen("[global]\n", &global, 1)).unwrap();
    let found = doctor(&backrest);
    assert_eq!(found.found(), ["stanza_broken"], "{:#}", found.server);
    apply(&backrest, &found, "stanza_broken");
    let found = doctor(&backrest);
    assert_eq!(found.found(), ["no_full_backup"], "{:#}", found.server);
    apply(&backrest, &found, "no_full_backup");
    assert_eq!(doctor(&backrest).found(), [""; 0]);
    let unproven = report_with(backrest.program(), &flags(&backrest), "--state-dir=/nowhere");
    assert_eq!(unproven.found(), ["backup_never_proven"], "{:#}", unproven.server);
    let fix = &unproven.fixes("backup_never_proven")[0].text;
    assert!(fix.starts_with("pgbackrest-exporter drill --drill.stanza='demo' --drill.path="), "{fix}");
}
