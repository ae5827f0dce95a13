//! Keys and values of pg_exporter's files that ours do not have: what an older release knew, and what none ever did. Files of
//! other exporters.

use super::diagnostic::Diagnostics;
use super::key::{Key, KeyMap, KeyType};
use super::yaml::{Kind, Node, Position};

/// Keys of a query that only another exporter has, with its name for `pg-exporter import`.
const QUERY_KEYS: [(&str, &str); 6] = [
    ("target_databases", CLOUDNATIVE_PG),
    ("predicate_query", CLOUDNATIVE_PG),
    ("primary", CLOUDNATIVE_PG),
    ("master", POSTGRES_EXPORTER),
    ("cache_seconds", POSTGRES_EXPORTER),
    ("runonserver", POSTGRES_EXPORTER),
];
const POSTGRES_EXPORTER: &str = "postgres_exporter";
const CLOUDNATIVE_PG: &str = "cloudnative-pg";

/// Keys that only describe: a misspelt one costs no more than its text.
const DESCRIPTIONS: [&str; 2] = ["desc", "description"];

/// Reports a key that the map does not have. pg_exporter ignores it, as it does keys of its own older releases, such
/// as `skip_errors`; so do we. A misspelt key stays an error: a limit that is written there would silently not hold.
pub(super) fn unknown_key(node: &Node, what: &str, map: &KeyMap, diagnostics: &mut Diagnostics) {
    let expected = format!("expected one of {}", map.names());
    let key = node.describe();
    let similar = map.keys.iter().find(|known| is_similar(node.scalar().unwrap_or_default(), known.name));
    let is_ours = map.keys.iter().all(|key| !key.inherited);
    match similar {
        Some(known) if is_ours || !DESCRIPTIONS.contains(&known.name) => {
            let message = format!("{what}: unknown key {key}: {expected}: did you mean {}?", known.name);
            diagnostics.error(node.position, message);
        }
        None if is_ours => diagnostics.error(node.position, format!("{what}: unknown key {key}: {expected}")),
        _ => {
            diagnostics.tolerable(node.position, format!("{what}: unknown key {key}: {expected}"), "");
            if let Some(noted) = diagnostics.tolerable.last_mut() {
                noted.warning = format!("{what}: unknown key {key} is ignored");
            }
        }
    }
}

/// Whether a key is probably meant to be the other one.
fn is_similar(found: &str, known: &str) -> bool {
    let most = if known.len() < 5 { 1 } else { 2 };
    strsim::osa_distance(&found.to_ascii_lowercase(), known) <= most
}

/// Whether this is a ttl below 0, which older releases took as "not kept".
pub(super) fn is_no_ttl(key: &Key, value: &Node) -> bool {
    let is_negative = || value.scalar().and_then(|text| text.trim().parse::<f64>().ok()).is_some_and(|ttl| ttl < 0.0);
    key.inherited && matches!(key.kind, KeyType::Period) && is_negative()
}

/// Whether this is a text without characters: pg_exporter's own dumps have it where a key is not set.
pub(super) fn is_unset(key: &Key, value: &Node) -> bool {
    key.inherited && matches!(key.kind, KeyType::Text | KeyType::Number) && value.scalar() == Some("")
}

/// Where a file shows that it is another exporter's, and what to do with it.
pub(super) fn other_exporter(root: &Node, file: &str) -> Option<(Position, String)> {
    let (name, position) = manifest(root).or_else(|| collector_or_metrics(root)).or_else(|| queries(root))?;
    let message = format!(
        "expected collectors, found a file of {name}: write collector files with \
         pg-exporter import {name} {file} --out DIR"
    );
    Some((position, message))
}

/// The value of the key and where the key is, if the node is a map.
fn entry<'a>(node: &'a Node, key: &str) -> Option<(Position, &'a Node)> {
    let Kind::Map(entries) = &node.kind else { return None };
    entries.iter().find(|(name, _)| name.scalar() == Some(key)).map(|(name, value)| (name.position, value))
}

/// An object of Kubernetes.
fn manifest(root: &Node) -> Option<(&'static str, Position)> {
    let (position, _) = entry(root, "apiVersion").filter(|_| entry(root, "kind").is_some())?;
    Some((CLOUDNATIVE_PG, position))
}

fn collector_or_metrics(root: &Node) -> Option<(&'static str, Position)> {
    if let Some((position, _)) = entry(root, "collector_name") {
        return Some(("sql_exporter", position));
    }
    if let Some((position, Node { kind: Kind::List(_), .. })) = entry(root, "collectors") {
        return Some(("sql_exporter", position));
    }
    let Kind::Map(metrics) = &entry(root, "metrics")?.1.kind else { return None };
    metrics.iter().find_map(|(_, metric)| entry(metric, "sqls")).map(|(position, _)| ("pgwatch", position))
}

/// Queries with keys of another exporter, and without any that only ours have.
fn queries(root: &Node) -> Option<(&'static str, Position)> {
    let Kind::Map(branches) = &root.kind else { return None };
    let is_shared = |key: &str| matches!(key, "query" | "metrics" | "name");
    let of_other = |branch: &Node| {
        let Kind::Map(entries) = &branch.kind else { return false };
        entries
            .iter()
            .filter_map(|(key, _)| key.scalar())
            .all(|key| is_shared(key) || QUERY_KEYS.iter().any(|(known, _)| *known == key))
    };
    let found = |(key, name): &(&str, &'static str)| {
        let mut others = branches.iter().map(|(_, branch)| branch).filter(|branch| of_other(branch));
        others.find_map(|branch| entry(branch, key)).map(|(position, _)| (*name, position))
    };
    QUERY_KEYS.iter().find_map(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::keys::{COLLECTOR, COLUMN, MAPS};

    #[test]
    fn keys_of_older_releases_and_of_other_exporters_resemble_none() {
        for (map, keys) in [
            (
                &COLLECTOR,
                &["skip_errors", "branch", "path", "master", "cache_seconds", "runonserver", "description"][..],
            ),
            (&COLUMN, &["desc", "unit", "type", "help", "labels"]),
        ] {
            for (key, known) in keys.iter().flat_map(|key| map.keys.iter().map(move |known| (key, known.name))) {
                assert!(!is_similar(key, known), "{key} is similar to {known}");
            }
        }
    }

    #[test]
    fn misspelt_keys_are_recognized() {
        for (found, known) in [("timout", "timeout"), ("min_verison", "min_version"), ("TTL", "ttl"), ("tll", "ttl")] {
            assert!(is_similar(found, known), "{found}");
        }
        let keys = || MAPS.iter().flat_map(|map| map.keys).map(|key| key.name);
        assert!(keys().all(|key| is_similar(key, key)));
    }
}
