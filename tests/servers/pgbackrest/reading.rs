//! An independent reading of the JSON: what a page has to say about it, series by series.

mod values;

use std::collections::BTreeMap;

use serde_json::Value;
use support::Page;

use values::{SEGMENT, block_incr, labels, list, lsn, number, seconds, segment, stop, text, utc, with};

/// The value that a series has to have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expected {
    Exactly(f64),
    /// Seconds from that point in time, in Unix seconds, to the scrape.
    Since(f64),
}

/// Name and labels.
pub type Series = (String, BTreeMap<String, String>);

/// Stands for what is shown of an error.
const SHOWN: &str = "…";

/// What the flags of the exporter ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    pub references: bool,
    pub verbose_wal: bool,
}

/// Every series that a page has to have about the document, but for databases of backups, which it does not tell.
pub fn expected(document: &str, asked: Asked) -> BTreeMap<Series, Expected> {
    let line = document.lines().rfind(|line| line.starts_with('[')).unwrap();
    // What a wrong pass decrypted may be quoted as it is.
    let document: Value = serde_json::from_str(&line.replace(|c: char| c < ' ', "\u{fffd}")).unwrap();
    let mut reading = Reading::default();
    for stanza in document.as_array().unwrap() {
        reading.stanza(stanza, asked);
    }
    reading.0
}

/// The series of a page that are about documents.
pub fn found(page: &Page) -> BTreeMap<Series, f64> {
    let mut found = BTreeMap::new();
    for family in page.families() {
        let others = ["pgbackrest_exporter", "pgbackrest_collect", "pgbackrest_up", "pgbackrest_version"];
        if !family.starts_with("pgbackrest_") || others.iter().any(|other| family.starts_with(other)) {
            continue;
        }
        for sample in page.samples(family, &[]) {
            let mut labels = sample.labels.clone();
            if let Some((class, shown)) = labels.get("message").and_then(|message| message.split_once("] ")) {
                assert!(!shown.contains('\'') && !shown.contains(" /"), "{shown}");
                let message = format!("{class}] {SHOWN}");
                labels.insert("message".to_owned(), message);
            }
            found.insert((family.to_owned(), labels), sample.value);
        }
    }
    found
}

/// The page says what the document says, no more and no less; `now` is the time around the scrape.
pub fn assert_equal(page: &Page, expected: &BTreeMap<Series, Expected>, now: std::ops::RangeInclusive<f64>) {
    let found = found(page);
    let missing: Vec<_> = expected.keys().filter(|series| !found.contains_key(*series)).collect();
    let unknown: Vec<_> = found.keys().filter(|series| !expected.contains_key(*series)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:#?}\nunknown: {unknown:#?}");
    for (series, expected) in expected {
        let value = found[series];
        match *expected {
            Expected::Exactly(expected) => assert_eq!(value, expected, "{series:?}"),
            Expected::Since(at) => {
                let range = (now.start() - at - 0.001)..=(now.end() - at + 0.001);
                assert!(range.contains(&value), "{series:?}: {value} not in {range:?}");
            }
        }
    }
}

#[derive(Default)]
struct Reading(BTreeMap<Series, Expected>);

impl Reading {
    fn put(&mut self, name: &str, labels: &BTreeMap<String, String>, value: Expected) {
        let before = self.0.insert((format!("pgbackrest_{name}"), labels.clone()), value);
        assert_eq!(before, None, "{name} {labels:?}");
    }

    fn exactly(&mut self, name: &str, labels: &BTreeMap<String, String>, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.put(name, labels, Expected::Exactly(value));
        }
    }

    fn stanza(&mut self, stanza: &Value, asked: Asked) {
        let name = text(&stanza["name"]);
        let of_stanza = labels([("stanza", name.clone())]);
        let (status, lock) = (&stanza["status"], &stanza["status"]["lock"]);
        self.exactly("stanza_status", &of_stanza, number(&status["code"]));
        for kind in ["backup", "restore"] {
            self.exactly(&format!("stanza_{kind}_lock_status"), &of_stanza, number(&lock[kind]["held"]));
            self.exactly(&format!("stanza_{kind}_total_bytes"), &of_stanza, number(&lock[kind]["size"]));
            self.exactly(&format!("stanza_{kind}_complete_bytes"), &of_stanza, number(&lock[kind]["size-cplt"]));
        }
        for progress in list(&lock["backup"], "repo") {
            let labels = labels([("stanza", name.clone()), ("repo_key", text(&progress["key"]))]);
            self.exactly("stanza_backup_repo_total_bytes", &labels, number(&progress["size"]));
            self.exactly("stanza_backup_repo_complete_bytes", &labels, number(&progress["size-cplt"]));
        }
        self.problem(&name, "", status);
        for repository in list(stanza, "repo") {
            self.repository(stanza, &name, repository);
        }
        self.archives(stanza, &name, asked);
        for database in list(stanza, "db") {
            self.database(stanza, &name, database);
        }
        for backup in list(stanza, "backup") {
            self.backup(stanza, &name, backup, asked);
        }
        let all = list(stanza, "backup");
        self.slots("backup_last", &of_stanza, &all);
    }

    fn problem(&mut self, stanza: &str, repository: &str, status: &Value) {
        if status["code"] == 0 {
            return;
        }
        let message = text(&status["message"]).split_whitespace().collect::<Vec<_>>().join(" ");
        let class = message.strip_prefix('[').and_then(|rest| rest.split(']').next());
        let reason = class.unwrap_or(&message).to_owned();
        // An error is shown without what it quotes.
        let message = class.map_or(message.clone(), |class| format!("[{class}] {SHOWN}"));
        let labels = labels([
            ("stanza", stanza.to_owned()),
            ("repo_key", repository.to_owned()),
            ("code", text(&status["code"])),
            ("reason", reason),
            ("message", message.chars().take(300).collect()),
        ]);
        self.exactly("status_info", &labels, 1.0);
    }

    fn repository(&mut self, stanza: &Value, name: &str, repository: &Value) {
        let (key, code) = (text(&repository["key"]), &repository["status"]["code"]);
        let of_repository = labels([("stanza", name.to_owned()), ("repo_key", key.clone())]);
        let with_cipher = with(of_repository.clone(), &[("cipher", text(&repository["cipher"]))]);
        self.exactly("repo_status", &with_cipher, number(code));
        self.problem(name, &key, &repository["status"]);
        let mine = |entry: &&Value| text(&entry["database"]["repo-key"]) == key;
        let backups: Vec<_> = list(stanza, "backup").into_iter().filter(mine).collect();
        if *code == 0 || *code == 2 {
            for kind in ["full", "diff", "incr"] {
                let labels = with(of_repository.clone(), &[("backup_type", kind.to_owned())]);
                let count = backups.iter().filter(|backup| backup["type"] == kind).count();
                self.exactly("repo_backups", &labels, count as f64);
            }
        }
        self.slots("backup_repo", &of_repository, &backups);
        let databases = list(stanza, "db").into_iter().filter(|database| text(&database["repo-key"]) == key);
        let Some(current) = databases.max_by_key(|database| database["id"].as_u64()) else { return };
        let id = &current["id"];
        let of_cluster = with(of_repository, &[("database_id", text(id))]);
        let backups: Vec<_> = backups.into_iter().filter(|backup| backup["database"]["id"] == *id).collect();
        self.newest(&of_cluster, &backups);
        let archives = list(stanza, "archive").into_iter().filter(mine);
        let archive = archives.into_iter().find(|archive| archive["database"]["id"] == *id);
        self.recovery(&of_cluster, &backups, archive);
    }

    /// The newest backup of each type.
    fn newest(&mut self, of_cluster: &BTreeMap<String, String>, backups: &[&Value]) {
        for kind in ["full", "diff", "incr"] {
            let newest =
                backups.iter().filter(|backup| backup["type"] == kind).max_by_key(|backup| stop(backup) as u64);
            let Some(newest) = newest else { continue };
            let labels = with(of_cluster.clone(), &[("backup_type", kind.to_owned())]);
            let name = |name: &str| format!("repo_last_backup_{name}");
            let info = &newest["info"];
            self.exactly(&name("start_timestamp_seconds"), &labels, number(&newest["timestamp"]["start"]));
            self.exactly(&name("stop_timestamp_seconds"), &labels, stop(newest));
            self.put(&name("age_seconds"), &labels, Expected::Since(stop(newest)));
            self.exactly(&name("duration_seconds"), &labels, seconds(newest));
            self.exactly(&name("size_bytes"), &labels, number(&info["size"]));
            self.exactly(&name("delta_bytes"), &labels, number(&info["delta"]));
            self.exactly(&name("repo_size_bytes"), &labels, number(&info["repository"]["size"]));
            self.exactly(&name("repo_delta_bytes"), &labels, number(&info["repository"]["delta"]));
            self.exactly(&name("error_status"), &labels, number(&newest["error"]));
        }
    }

    fn recovery(&mut self, of_cluster: &BTreeMap<String, String>, backups: &[&Value], archive: Option<&Value>) {
        let sound: Vec<_> = backups.iter().filter(|backup| backup["error"] != true).collect();
        let fulls = sound.iter().filter(|backup| backup["type"] == "full");
        let oldest = fulls.min_by_key(|backup| stop(backup) as u64);
        let end = archive.and_then(|archive| archive["max"].as_str()).map(|name| segment(name) + SEGMENT);
        let start = oldest.and_then(|backup| backup["lsn"]["stop"].as_str()).map(lsn);
        if let Some(oldest) = oldest {
            self.put("recovery_window_seconds", of_cluster, Expected::Since(stop(oldest)));
            self.exactly("recovery_oldest_timestamp_seconds", of_cluster, stop(oldest));
        }
        let newest = sound.iter().map(|backup| stop(backup)).reduce(f64::max);
        self.exactly("recovery_newest_timestamp_seconds", of_cluster, newest);
        self.exactly("recovery_start_lsn_bytes", of_cluster, start);
        self.exactly("recovery_end_lsn_bytes", of_cluster, end);
        self.exactly("recovery_wal_bytes", of_cluster, end.zip(start).map(|(end, start)| end - start));
    }

    fn archives(&mut self, stanza: &Value, name: &str, asked: Asked) {
        let archives = list(stanza, "archive");
        let ends = archives.iter().filter_map(|archive| archive["max"].as_str()).map(|name| segment(name) + SEGMENT);
        // Every stage has one cluster.
        let furthest = ends.reduce(f64::max);
        for archive in &archives {
            let (id, key) = (&archive["database"]["id"], &archive["database"]["repo-key"]);
            let of_archive = labels([("stanza", name.to_owned()), ("repo_key", text(key)), ("database_id", text(id))]);
            let range = archive["min"].as_str().zip(archive["max"].as_str());
            let databases = list(stanza, "db");
            let database = databases.iter().find(|database| database["id"] == *id && database["repo-key"] == *key);
            let verbose = range.filter(|_| asked.verbose_wal).unwrap_or_default();
            let labels = with(
                of_archive.clone(),
                &[
                    ("pg_version", text(&database.unwrap()["version"])),
                    ("wal_min", verbose.0.to_owned()),
                    ("wal_max", verbose.1.to_owned()),
                ],
            );
            self.exactly("wal_archive_status", &labels, f64::from(range.is_some()));
            let mine = |backup: &&Value| backup["database"] == archive["database"];
            let backups: Vec<_> = list(stanza, "backup").into_iter().filter(mine).collect();
            let starts = backups.iter().map(|backup| segment(backup["archive"]["start"].as_str().unwrap()));
            let stops = backups.iter().map(|backup| segment(backup["archive"]["stop"].as_str().unwrap()) + SEGMENT);
            let needed = starts.reduce(f64::min).zip(stops.reduce(f64::max));
            if let Some((min, max)) = range {
                let timeline = |name: &str| u32::from_str_radix(&name[..8], 16).unwrap();
                self.exactly("wal_archive_min_timeline", &of_archive, f64::from(timeline(min)));
                self.exactly("wal_archive_max_timeline", &of_archive, f64::from(timeline(max)));
                self.exactly("wal_archive_start_lsn_bytes", &of_archive, segment(min));
                self.exactly("wal_archive_end_lsn_bytes", &of_archive, segment(max) + SEGMENT);
                let behind = furthest.map(|furthest| furthest - segment(max) - SEGMENT);
                self.exactly("wal_archive_behind_bytes", &of_archive, behind);
            }
            let gap = needed.map(|(first, end)| match range {
                Some((min, max)) => (segment(min) - first).max(0.0) + (end - segment(max) - SEGMENT).max(0.0),
                None => end - first,
            });
            self.exactly("wal_archive_gap_bytes", &of_archive, gap);
        }
    }

    fn database(&mut self, stanza: &Value, name: &str, database: &Value) {
        let key = &database["repo-key"];
        let of_repository = list(stanza, "db").into_iter().filter(|other| other["repo-key"] == *key);
        let newest = of_repository.filter_map(|other| other["id"].as_u64()).max();
        let labels = labels([
            ("stanza", name.to_owned()),
            ("repo_key", text(key)),
            ("database_id", text(&database["id"])),
            ("pg_version", text(&database["version"])),
            ("system_id", text(&database["system-id"])),
            ("current", (newest == database["id"].as_u64()).to_string()),
        ]);
        self.exactly("database_info", &labels, 1.0);
    }

    fn backup(&mut self, stanza: &Value, name: &str, backup: &Value, asked: Asked) {
        let (id, key) = (&backup["database"]["id"], &backup["database"]["repo-key"]);
        let of_backup = labels([
            ("stanza", name.to_owned()),
            ("repo_key", text(key)),
            ("database_id", text(id)),
            ("backup_name", text(&backup["label"])),
            ("backup_type", text(&backup["type"])),
            ("block_incr", block_incr(backup)),
        ]);
        let put = |name: &str| format!("backup_{name}");
        self.numbers("backup", &of_backup, backup);
        self.exactly(&put("start_timestamp_seconds"), &of_backup, number(&backup["timestamp"]["start"]));
        self.exactly(&put("stop_timestamp_seconds"), &of_backup, stop(backup));
        self.exactly(&put("start_lsn_bytes"), &of_backup, backup["lsn"]["start"].as_str().map(lsn));
        self.exactly(&put("stop_lsn_bytes"), &of_backup, backup["lsn"]["stop"].as_str().map(lsn));
        let time = |which: &str| utc(backup["timestamp"][which].as_i64().unwrap());
        let times = with(of_backup.clone(), &[("start_time", time("start")), ("stop_time", time("stop"))]);
        self.exactly(&put("duration_seconds"), &times, seconds(backup));
        let databases = list(stanza, "db");
        let database = databases.iter().find(|database| database["id"] == *id && database["repo-key"] == *key);
        let optional = |value: &Value, absent: &str| value.as_str().unwrap_or(absent).to_owned();
        let told = with(
            of_backup.clone(),
            &[
                ("backrest_ver", text(&backup["backrest"]["version"])),
                ("pg_version", text(&database.unwrap()["version"])),
                ("prior", optional(&backup["prior"], "")),
                ("lsn_start", optional(&backup["lsn"]["start"], "-")),
                ("lsn_stop", optional(&backup["lsn"]["stop"], "-")),
                ("wal_start", optional(&backup["archive"]["start"], "")),
                ("wal_stop", optional(&backup["archive"]["stop"], "")),
            ],
        );
        self.exactly(&put("info"), &told, 1.0);
        if asked.references {
            self.references("backup_references", &of_backup, backup);
        }
        for (annotation, value) in backup["annotation"].as_object().into_iter().flatten() {
            let labels = labels([
                ("stanza", name.to_owned()),
                ("repo_key", text(key)),
                ("backup_name", text(&backup["label"])),
                ("key", annotation.clone()),
                ("value", text(value)),
            ]);
            self.exactly("backup_annotation_info", &labels, 1.0);
        }
    }

    /// What a backup and a slot have in common.
    fn numbers(&mut self, prefix: &str, labels: &BTreeMap<String, String>, backup: &Value) {
        let (info, repository) = (&backup["info"], &backup["info"]["repository"]);
        for (name, value) in [
            ("size_bytes", &info["size"]),
            ("delta_bytes", &info["delta"]),
            ("repo_size_bytes", &repository["size"]),
            ("repo_delta_bytes", &repository["delta"]),
            ("repo_size_map_bytes", &repository["size-map"]),
            ("repo_delta_map_bytes", &repository["delta-map"]),
            ("error_status", &backup["error"]),
        ] {
            self.exactly(&format!("{prefix}_{name}"), labels, number(value));
        }
        let annotations = backup["annotation"].as_object().map_or(0, serde_json::Map::len);
        self.exactly(&format!("{prefix}_annotations"), labels, annotations as f64);
    }

    fn references(&mut self, name: &str, labels: &BTreeMap<String, String>, backup: &Value) {
        for (kind, letter) in [("full", 'F'), ("diff", 'D'), ("incr", 'I')] {
            let count = list(backup, "reference").into_iter().filter(|label| text(label).ends_with(letter)).count();
            self.exactly(name, &with(labels.clone(), &[("ref_backup", kind.to_owned())]), count as f64);
        }
    }

    /// The newest backup of each slot.
    fn slots(&mut self, family: &str, of: &BTreeMap<String, String>, backups: &[&Value]) {
        for (slot, types) in [("full", &["full"][..]), ("diff", &["full", "diff"]), ("incr", &["full", "diff", "incr"])]
        {
            let fits = |backup: &&&Value| types.contains(&backup["type"].as_str().unwrap());
            let Some(newest) = backups.iter().filter(fits).max_by_key(|backup| stop(backup) as u64) else { continue };
            let labels = with(of.clone(), &[("backup_type", slot.to_owned()), ("block_incr", block_incr(newest))]);
            if family == "backup_repo" {
                self.put("backup_repo_since_last_completion_seconds", &labels, Expected::Since(stop(newest)));
                self.exactly("backup_repo_last_duration_seconds", &labels, seconds(newest));
                continue;
            }
            self.put("backup_since_last_completion_seconds", &labels, Expected::Since(stop(newest)));
            self.exactly("backup_last_duration_seconds", &labels, seconds(newest));
            self.numbers("backup_last", &labels, newest);
            self.references("backup_last_references", &labels, newest);
        }
    }
}
