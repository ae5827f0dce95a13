//! Prepares a document for filters once: finds the newest backups and summarizes those of each cluster.
//!
//! A repository may contain thousands of backups. Without this, every filter would iterate over all of them at every scrape.

use std::collections::{BTreeMap, HashMap};

use jaq_json::Val;

use crate::json::{elements, int, member, object, string, text, with};
use crate::wal::{lsn_bytes, segment_bytes, segment_position};

/// Stanza, repository and label of a backup.
pub(crate) type BackupKey = (String, u64, String);

/// Which stanzas and backups of a document are read.
#[derive(Debug, Clone)]
pub(crate) struct BackupSelection {
    pub excluded_stanzas: Vec<String>,
    /// Backup types that are read.
    pub types: Vec<&'static str>,
    /// How many backups of each stanza are exported individually. The newest of each type always are.
    pub limit: usize,
}

/// A document prepared for filters.
#[derive(Debug, Clone, Default)]
pub(crate) struct PreparedDocument {
    /// The array of stanzas.
    pub stanzas: Vec<Val>,
    /// The newest backup of each type in each repository.
    pub newest: Vec<Val>,
    /// Other backups that are exported individually, the newest first.
    pub others: Vec<Val>,
    /// A summary of the backups of each cluster in each repository.
    pub clusters: Vec<Val>,
    /// The number of backups.
    pub backups: u64,
    /// How many of them are not exported individually.
    pub omitted: u64,
}

/// A document of another format.
#[derive(Debug, thiserror::Error)]
#[error("unknown JSON format: expected an array of stanzas with names")]
pub(crate) struct UnknownFormat;

/// A backup with its sort keys.
struct Backup<'a> {
    value: &'a Val,
    kind: String,
    stop: f64,
    repo_key: u64,
    database_id: u64,
    /// Its rank among those of its type in its repository, 0 for the newest.
    rank: usize,
}

/// Prepares a document; `databases` are those of single backups, as far as known.
pub(crate) fn prepare(
    document: &Val,
    selection: &BackupSelection,
    databases: &BTreeMap<BackupKey, Val>,
) -> Result<PreparedDocument, UnknownFormat> {
    let Val::Arr(stanzas) = document else { return Err(UnknownFormat) };
    let mut prepared = PreparedDocument::default();
    for stanza in stanzas.iter() {
        let name = text(stanza, "name").ok_or(UnknownFormat)?;
        if !selection.excluded_stanzas.contains(&name) {
            let all = member(stanza, "backup").map(elements).unwrap_or_default();
            let list: Vec<Val> = all.iter().filter_map(|backup| select(backup, &name, selection, databases)).collect();
            prepared.add(&name, &list, selection.limit);
            prepared.stanzas.push(with(stanza, [("backup", list.into_iter().collect())]));
        }
    }
    Ok(prepared)
}

/// The backup with its databases, if known; `None` if its type is excluded.
fn select(
    backup: &Val,
    stanza: &str,
    selection: &BackupSelection,
    databases: &BTreeMap<BackupKey, Val>,
) -> Option<Val> {
    let kind = text(backup, "type")?;
    if !selection.types.contains(&kind.as_str()) {
        return None;
    }
    let known = if databases.is_empty() { None } else { databases.get(&key(stanza, backup)) };
    Some(known.map_or_else(|| backup.clone(), |known| with(backup, [("database-ref", known.clone())])))
}

/// The key of a backup.
pub(crate) fn key(stanza: &str, backup: &Val) -> BackupKey {
    (stanza.to_owned(), in_database(backup, "repo-key"), text(backup, "label").unwrap_or_default())
}

impl PreparedDocument {
    fn add(&mut self, stanza: &str, list: &[Val], limit: usize) {
        let mut backups: Vec<Backup<'_>> = list.iter().map(Backup::read).collect();
        backups.sort_by(|a, b| b.stop.total_cmp(&a.stop));
        let mut counts: HashMap<(u64, String), usize> = HashMap::new();
        for backup in &mut backups {
            let count = counts.entry((backup.repo_key, backup.kind.clone())).or_default();
            backup.rank = *count;
            *count += 1;
        }
        let (newest, others): (Vec<&Backup<'_>>, Vec<_>) = backups.iter().partition(|backup| backup.rank == 0);
        let individual = limit.saturating_sub(newest.len()).min(others.len());
        self.backups += backups.len() as u64;
        self.omitted += (others.len() - individual) as u64;
        self.newest.extend(newest.iter().map(|backup| backup.to_json(stanza)));
        self.others.extend(others[..individual].iter().map(|backup| backup.to_json(stanza)));
        self.clusters.extend(clusters(stanza, &backups));
    }
}

impl<'a> Backup<'a> {
    fn read(value: &'a Val) -> Self {
        Self {
            value,
            kind: text(value, "type").unwrap_or_default(),
            stop: stop(value),
            repo_key: in_database(value, "repo-key"),
            database_id: in_database(value, "id"),
            rank: 0,
        }
    }

    /// The backup as filters see it in `$backups`, with members for labels.
    fn to_json(&self, stanza: &str) -> Val {
        let repository = member(self.value, "info").and_then(|info| member(info, "repository"));
        let has = |name| repository.and_then(|repository| member(repository, name)).is_some();
        with(
            self.value,
            [
                ("stanza", string(stanza)),
                ("repo_key", int(self.repo_key)),
                ("rank", int(self.rank as u64)),
                ("block_incr", string(if has("size-map") && has("delta-map") { "y" } else { "n" })),
            ],
        )
    }
}

/// Summarizes the backups of each cluster in each repository; `backups` are sorted, the newest first.
fn clusters(stanza: &str, backups: &[Backup<'_>]) -> Vec<Val> {
    let mut clusters: BTreeMap<(u64, u64), Vec<&Backup<'_>>> = BTreeMap::new();
    for backup in backups {
        clusters.entry((backup.repo_key, backup.database_id)).or_default().push(backup);
    }
    let starts = backups.iter().filter_map(|backup| {
        Some((lsn_bytes(&within(backup.value, "lsn", "start")?)?, within(backup.value, "archive", "start")?))
    });
    let size = segment_bytes(starts);
    let summary = |((repo_key, id), backups): ((u64, u64), Vec<&Backup<'_>>)| {
        let count = |kind: &str| int(backups.iter().filter(|backup| backup.kind == kind).count() as u64);
        let segment = |backup: &&Backup<'_>, name| segment_position(&within(backup.value, "archive", name)?, size);
        let start = backups.iter().filter_map(|backup| segment(backup, "start")).min();
        let end = backups.iter().filter_map(|backup| segment(backup, "stop")).max().map(|at| at.saturating_add(size));
        // A backup with page errors may not be usable for a restore.
        let sound = || backups.iter().filter(|backup| member(backup.value, "error") != Some(&Val::Bool(true)));
        let oldest_full = sound().rfind(|backup| backup.kind == "full");
        object([
            ("stanza", string(stanza)),
            ("repo_key", int(repo_key)),
            ("database_id", int(id)),
            ("segment_bytes", int(size)),
            ("full", count("full")),
            ("diff", count("diff")),
            ("incr", count("incr")),
            ("oldest_full", oldest_full.map_or(Val::Null, |backup| backup.value.clone())),
            ("newest", sound().next().map_or(Val::Null, |backup| backup.value.clone())),
            ("needed_start_bytes", start.map_or(Val::Null, int)),
            ("needed_end_bytes", end.map_or(Val::Null, int)),
        ])
    };
    clusters.into_iter().map(summary).collect()
}

/// When a backup ended, in Unix seconds; 0 if unknown.
pub(crate) fn stop(backup: &Val) -> f64 {
    let stop = member(backup, "timestamp").and_then(|times| member(times, "stop"));
    stop.and_then(|stop| stop.to_string().parse().ok()).unwrap_or_default()
}

/// A number in `database`; 0 before 2.32, which does not report it.
fn in_database(backup: &Val, name: &str) -> u64 {
    let value = member(backup, "database").and_then(|database| member(database, name));
    value.and_then(|value| value.to_string().parse().ok()).unwrap_or_default()
}

fn within(value: &Val, outer: &str, inner: &str) -> Option<String> {
    text(member(value, outer)?, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(limit: usize) -> BackupSelection {
        BackupSelection { excluded_stanzas: vec!["out".into()], types: vec!["full", "incr"], limit }
    }

    fn backup(label: &str, kind: &str, stop: u64) -> String {
        format!(
            r#"{{"label":"{label}","type":"{kind}","timestamp":{{"stop":{stop}}},"database":{{"id":1,"repo-key":2}},
                "lsn":{{"start":"0/5000028"}},"archive":{{"start":"000000010000000000000005","stop":"000000010000000000000006"}}}}"#
        )
    }

    fn document(backups: &[String]) -> Val {
        let text = format!(r#"[{{"name":"a","backup":[{}]}},{{"name":"out"}}]"#, backups.join(","));
        serde_json::from_str(&text).unwrap()
    }

    fn labels(backups: &[Val]) -> Vec<String> {
        backups.iter().filter_map(|backup| text(backup, "label")).collect()
    }

    #[test]
    fn lists_newest_of_each_type_then_others_up_to_limit() {
        let backups =
            [("f1", "full", 10), ("i1", "incr", 20), ("d1", "diff", 30), ("f2", "full", 40), ("i2", "incr", 50)];
        let document = document(&backups.map(|(label, kind, stop)| backup(label, kind, stop)));
        let prepared = prepare(&document, &selection(3), &BTreeMap::new()).unwrap();
        assert_eq!(labels(&prepared.newest), ["i2", "f2"]);
        assert_eq!(labels(&prepared.others), ["i1"]);
        assert_eq!((prepared.backups, prepared.omitted, prepared.stanzas.len()), (4, 1, 1));
        let cluster = &prepared.clusters[0];
        let number = |name| member(cluster, name).unwrap().to_string();
        assert_eq!((number("full"), number("incr"), number("repo_key")), ("2".into(), "2".into(), "2".into()));
        assert_eq!(text(member(cluster, "oldest_full").unwrap(), "label").as_deref(), Some("f1"));
        assert_eq!(number("needed_end_bytes"), (7 << 24).to_string());
    }

    #[test]
    fn adds_known_databases() {
        let document = document(&[backup("f1", "full", 10)]);
        let known = [(("a".to_owned(), 2, "f1".to_owned()), Val::from(7isize))].into();
        let prepared = prepare(&document, &selection(9), &known).unwrap();
        assert_eq!(member(&prepared.newest[0], "database-ref"), Some(&Val::from(7isize)));
    }

    #[test]
    fn rejects_other_documents() {
        for text in ["1", "[1]", r#"[{"name":1}]"#, "[null]", "[[]]"] {
            let document: Val = serde_json::from_str(text).unwrap();
            assert!(prepare(&document, &selection(9), &BTreeMap::new()).is_err(), "{text}");
        }
    }
}
