//! What filters look up by stanza, repository and cluster: computed once, so that no filter searches for it.

use std::collections::{BTreeMap, HashMap};

use jaq_json::Val;
use jq::json::{elements, int, member, number, object, string, text};

use crate::backup::Backup;
use crate::wal::{lsn_bytes, segment_bytes, segment_position};

/// Repository and number in the history of a stanza.
type ClusterKey = (u64, u64);

/// A summary of the backups of each cluster in each repository; `backups` are sorted, the newest first.
pub(crate) fn clusters(stanza: &str, backups: &[Backup<'_>]) -> BTreeMap<ClusterKey, Val> {
    let mut clusters: BTreeMap<ClusterKey, Vec<&Backup<'_>>> = BTreeMap::new();
    for backup in backups {
        clusters.entry((backup.repo_key, backup.database_id)).or_default().push(backup);
    }
    let starts = backups
        .iter()
        .filter_map(|backup| Some((lsn_bytes(backup.start_lsn.as_deref()?)?, backup.start_segment.as_deref()?)));
    let size = segment_bytes(starts);
    clusters.into_iter().map(|(key, backups)| (key, summary(stanza, key, &backups, size))).collect()
}

fn summary(stanza: &str, (repo_key, id): ClusterKey, backups: &[&Backup<'_>], segment_bytes: u64) -> Val {
    let count = |kind: &str| int(backups.iter().filter(|backup| backup.kind == kind).count() as u64);
    let position = |name: &Option<String>| segment_position(name.as_deref()?, segment_bytes);
    let start = backups.iter().filter_map(|backup| position(&backup.start_segment)).min();
    let end = backups.iter().filter_map(|backup| position(&backup.stop_segment)).max();
    // A backup with page errors may not be usable for a restore, and one without a time has no place in a recovery window.
    let sound = || backups.iter().filter(|backup| !backup.has_page_errors && backup.stop > 0.0);
    let value = |backup: Option<&&Backup<'_>>| backup.and_then(|backup| backup.value()).unwrap_or_default();
    object([
        ("stanza", string(stanza)),
        ("repo_key", int(repo_key)),
        ("database_id", int(id)),
        ("segment_bytes", int(segment_bytes)),
        ("full", count("full")),
        ("diff", count("diff")),
        ("incr", count("incr")),
        ("oldest_full", value(sound().rfind(|backup| backup.kind == "full"))),
        ("newest", value(sound().next())),
        ("needed_start_bytes", start.map_or(Val::Null, int)),
        ("needed_end_bytes", end.map_or(Val::Null, |end| int(end.saturating_add(segment_bytes)))),
    ])
}

/// The entries of `$index` for a stanza: of a cluster in a repository under `[stanza, repository, number]`, of a repository
/// under `[stanza, repository]`, and of the stanza under `[stanza]`.
pub(crate) fn index(stanza: &Val, clusters: &BTreeMap<ClusterKey, Val>) -> Vec<(Val, Val)> {
    let name = member(stanza, "name").cloned().unwrap_or_default();
    let size =
        clusters.values().next().map_or_else(|| segment_bytes([].into_iter()), |one| number(one, "segment_bytes"));
    let databases = Databases::of(stanza, size);
    let keys = databases.all.keys().chain(clusters.keys()).copied().collect::<std::collections::BTreeSet<_>>();
    let mut repositories: BTreeMap<u64, [u64; 3]> = BTreeMap::new();
    for ((repo_key, _), cluster) in clusters {
        let counts = repositories.entry(*repo_key).or_default();
        for (count, kind) in counts.iter_mut().zip(KINDS) {
            *count += number(cluster, kind);
        }
    }
    let of_clusters = keys.into_iter().map(|key| {
        let cluster = clusters.get(&key).cloned().unwrap_or_default();
        (array([name.clone(), int(key.0), int(key.1)]), databases.entry(key, cluster))
    });
    let of_repositories = repositories.iter().map(|(repo_key, counts)| {
        let counts = KINDS.into_iter().zip(counts).map(|(kind, count)| (string(kind), int(*count)));
        (array([name.clone(), int(*repo_key)]), Val::obj(counts.collect()))
    });
    let of_stanza = (array([name.clone()]), object([("segment_bytes", int(size))]));
    of_clusters.chain(of_repositories).chain([of_stanza]).collect()
}

const KINDS: [&str; 3] = ["full", "diff", "incr"];

fn array<const N: usize>(elements: [Val; N]) -> Val {
    elements.into_iter().collect()
}

/// The clusters in the history of a stanza, and their archives.
struct Databases<'a> {
    all: HashMap<ClusterKey, &'a Val>,
    /// The newest number in each repository.
    current: HashMap<u64, u64>,
    /// Where the last segment of an archive ends.
    ends: HashMap<ClusterKey, u64>,
    /// The furthest of these ends for each system identifier.
    furthest: HashMap<Option<&'a Val>, u64>,
}

impl<'a> Databases<'a> {
    fn of(stanza: &'a Val, segment_bytes: u64) -> Self {
        let list = |name| member(stanza, name).map(elements).unwrap_or_default();
        let mut databases =
            Self { all: HashMap::new(), current: HashMap::new(), ends: HashMap::new(), furthest: HashMap::new() };
        for database in list("db") {
            let (repo_key, id) = cluster_key(database);
            databases.all.entry((repo_key, id)).or_insert(database);
            let current = databases.current.entry(repo_key).or_default();
            *current = id.max(*current);
        }
        for archive in list("archive") {
            let Some(key) = member(archive, "database").map(cluster_key) else { continue };
            let last = text(archive, "max").and_then(|name| segment_position(&name, segment_bytes));
            let Some(end) = last.map(|last| last.saturating_add(segment_bytes)) else { continue };
            databases.ends.entry(key).or_insert(end);
            let furthest = databases.furthest.entry(databases.system(key)).or_default();
            *furthest = end.max(*furthest);
        }
        databases
    }

    fn system(&self, key: ClusterKey) -> Option<&'a Val> {
        self.all.get(&key).and_then(|database| member(database, "system-id"))
    }

    fn entry(&self, key: ClusterKey, cluster: Val) -> Val {
        let version = self.all.get(&key).and_then(|database| member(database, "version")).cloned();
        let position = |position: Option<&u64>| position.map_or(Val::Null, |position| int(*position));
        object([
            ("version", version.unwrap_or_default()),
            ("current", Val::Bool(self.current.get(&key.0) == Some(&key.1))),
            ("cluster", cluster),
            ("end_bytes", position(self.ends.get(&key))),
            ("furthest_bytes", position(self.furthest.get(&self.system(key)))),
        ])
    }
}

/// Repository and number; the repository is 0 before 2.32, which does not report it.
fn cluster_key(database: &Val) -> ClusterKey {
    (number(database, "repo-key"), number(database, "id"))
}
