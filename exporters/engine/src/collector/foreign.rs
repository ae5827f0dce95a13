//! Keys and values of pg_exporter's files that ours do not have: what an older release knew, and what none ever did.

use super::diagnostic::Diagnostics;
use super::keys::{Key, KeyMap, KeyType};
use super::yaml::Node;

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
