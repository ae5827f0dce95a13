//! pgBackRest's log files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use lab::{Backrest, BackrestRelease, Major, Postgres};
use serde_json::Value;
use support::vector::{Pipeline, READ_AT};

#[test]
fn parses_logs_of_every_pgbackrest_release() {
    let server = Postgres::start(Major::V15).unwrap();
    for release in BackrestRelease::ALL {
        let backrest = Backrest::new(release, &[]).unwrap();
        backrest.create_stanza("shop-backup", &server).unwrap();
        let run = |arguments: &[&str]| backrest.run("shop-backup", &[&["--log-level-file=detail"], arguments].concat());
        run(&["--no-archive-check", "--type=full", "backup"]).unwrap();
        run(&["expire"]).unwrap();
        run(&["--archive-timeout=1", "check"]).unwrap_err();
        let files = logs(&backrest);
        let of = |command: &str| {
            let file = files.iter().find(|file| file.ends_with(format!("shop-backup-{command}.log")));
            read(file.unwrap_or_else(|| panic!("{release}: {files:?}")), command)
        };
        let backup = of("backup");
        let began = starting(&backup, "backup command begin");
        assert_eq!(began["severity"], "INFO");
        assert_eq!(began["process"], "00");
        assert!(starting(&backup, "backup file").get("code").is_none());
        of("expire");
        let failed = of("check");
        let error = failed.iter().find(|event| event["severity"] == "ERROR").unwrap();
        assert!(error["code"].as_str().unwrap().len() == 3, "{error}");
        let known_by: BTreeSet<Vec<String>> = files.iter().map(first_lines).collect();
        assert_eq!(known_by.len(), files.len(), "files that Vector would take for one");
    }
}

fn logs(backrest: &Backrest) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(backrest.folder().join("log")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

fn read(file: &PathBuf, command: &str) -> Vec<Value> {
    let bytes = std::fs::read(file).unwrap();
    let events = Pipeline::of("pgbackrest").read(file, &bytes);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let told: Vec<String> = events.iter().flat_map(|event| words(event["message"].as_str().unwrap())).collect();
    let written = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(told.last(), words(&written).last());
    for event in &events {
        for (field, value) in
            [("src", "pgbackrest"), ("stanza", "shop-backup"), ("command", command), ("ins", "pg-main-1")]
        {
            assert_eq!(event[field], value, "{event}");
        }
        assert_ne!(event["severity"], "UNKNOWN", "{event}");
        let is_separator = event["message"].as_str().unwrap().starts_with("---");
        assert_eq!(event["timestamp"] == READ_AT, is_separator, "{event}");
    }
    events
}

fn starting<'a>(events: &'a [Value], words: &str) -> &'a Value {
    let found = events.iter().find(|event| event["message"].as_str().unwrap().starts_with(words));
    found.unwrap_or_else(|| panic!("no {words:?} in {events:#?}"))
}

fn first_lines(file: &PathBuf) -> Vec<String> {
    std::fs::read_to_string(file).unwrap().lines().take(2).map(str::to_owned).collect()
}
