//! The entries of a map of YAML by their keys.

use engine::{Position, YamlKind, YamlNode};

use crate::report::ImportReport;

/// A map, and where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entries<'a> {
    entries: &'a [(YamlNode, YamlNode)],
    pub position: Position,
}

impl<'a> Entries<'a> {
    /// The node as a map.
    pub fn of(node: &'a YamlNode) -> Option<Self> {
        match &node.kind {
            YamlKind::Map(entries) => Some(Self { entries, position: node.position }),
            _ => None,
        }
    }

    /// Its entries with a key that is a scalar, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Position, &'a YamlNode)> + use<'a> {
        self.entries.iter().filter_map(|(key, value)| Some((key.scalar()?, key.position, value)))
    }

    /// The value of the key, unless it is empty; of several, the last one counts.
    pub fn get(&self, key: &str) -> Option<&'a YamlNode> {
        let values = self.entries.iter().rev().filter(|(name, _)| name.scalar() == Some(key)).map(|(_, value)| value);
        values.into_iter().find(|value| !matches!(value.kind, YamlKind::Null))
    }

    /// Where the key is, else where the map is.
    pub fn place(&self, key: &str) -> Position {
        self.entries().find(|(name, ..)| *name == key).map_or(self.position, |(_, at, _)| at)
    }

    /// The value as text, unless it is blank.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(YamlNode::scalar).filter(|text| !text.trim().is_empty())
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.trim().parse().ok()
    }

    /// Whether the value is true.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| matches!(node.kind, YamlKind::Bool(true, _)) || node.scalar() == Some("true"))
    }

    /// The items of a list; of anything else none.
    pub fn list(&self, key: &str) -> &'a [YamlNode] {
        match self.get(key).map(|node| &node.kind) {
            Some(YamlKind::List(items)) => items,
            _ => &[],
        }
    }

    /// The texts of a list.
    pub fn texts(&self, key: &str) -> Vec<&'a str> {
        self.list(key).iter().filter_map(YamlNode::scalar).collect()
    }

    /// The map that the value is.
    pub fn map(&self, key: &str) -> Option<Self> {
        self.get(key).and_then(Self::of)
    }

    /// Reports keys that are not read.
    pub fn report_others(&self, known: &[&str], what: &str, report: &mut ImportReport) {
        for (key, at, _) in self.entries().filter(|(key, ..)| !known.contains(key)) {
            report.lost(at, format!("{what}: unknown key {key} is ignored"));
        }
    }
}
