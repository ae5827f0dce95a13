//! The entries of one map of a collector file, checked against the table of its keys.

use std::time::Duration;

use super::diagnostic::Diagnostics;
use super::foreign;
use super::key::{Item, Key, KeyMap, KeyType, TIERS};
use super::yaml::{Kind, Node, Position};
use crate::facts::{Version, VersionRange};
use crate::tiers::Tiers;

/// The time that a query may run when its file does not say.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
/// What "no limit" (a negative timeout) means: longer than any scrape, short enough to end by itself one day.
const NO_TIMEOUT: Duration = Duration::from_secs(3600);

/// The entries of one map: each key is known and there once, each value has the type that the table says.
pub(crate) struct Fields<'a>(Vec<Field<'a>>);

struct Field<'a> {
    name: &'static str,
    /// Where the key is.
    position: Position,
    value: &'a Node,
    /// Whether the value has the key's type; what is wrong with it has been told.
    sound: bool,
}

impl<'a> Fields<'a> {
    /// Takes `node` as a map with the keys of `map`.
    pub fn read(node: &'a Node, what: &str, map: &KeyMap, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            diagnostics.error(node.position, format!("{what}: expected a map, found {}", node.describe()));
            return None;
        };
        Some(Self::of(entries.iter().map(|(key, value)| (key, value)), what, map, diagnostics))
    }

    pub fn of(
        entries: impl Iterator<Item = (&'a Node, &'a Node)>,
        what: &str,
        map: &KeyMap,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut fields: Vec<Field<'_>> = Vec::new();
        for (node, value) in entries {
            let Some(key) = map.key(node.scalar().unwrap_or_default()) else {
                foreign::unknown_key(node, what, map, diagnostics);
                continue;
            };
            if let Some(at) = fields.iter().position(|field| field.name == key.name) {
                let earlier = fields.remove(at).position.line;
                let message = format!("{what}: key {} is there twice", key.name);
                diagnostics.tolerable(node.position, message, &format!("its value of line {earlier} is left out"));
            }
            if foreign::is_unset(key, value) {
                continue;
            }
            let sound = check(key, value, diagnostics);
            fields.push(Field { name: key.name, position: node.position, value, sound });
        }
        Self(fields)
    }

    fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.0.iter().find(|field| field.name == name && !matches!(field.value.kind, Kind::Null))
    }

    /// The value of `name`, whatever it is; a key without a value is as good as absent.
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.field(name).map(|field| field.value)
    }

    /// The value of `name`, if it has the type of its key.
    fn sound(&self, name: &str) -> Option<&'a Node> {
        self.field(name).filter(|field| field.sound).map(|field| field.value)
    }

    /// Where the key `name` is, else `otherwise`.
    pub fn position(&self, name: &str, otherwise: Position) -> Position {
        self.0.iter().find(|field| field.name == name).map_or(otherwise, |field| field.position)
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.sound(name)?.scalar().map(str::to_owned)
    }

    /// The word of the table that it is, however it is written.
    pub fn word(&self, map: &KeyMap, name: &str) -> Option<&'static str> {
        let KeyType::Word(words, any_case) = map.key(name)?.kind else { return None };
        word(self.sound(name)?, words, any_case)
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        number(self.sound(name)?)
    }

    pub fn count(&self, name: &str) -> Option<usize> {
        count(self.sound(name)?)
    }

    pub fn truth(&self, name: &str) -> Option<bool> {
        truth(self.sound(name)?)
    }

    /// Seconds, or what the tier of that name has.
    pub fn period(&self, name: &str, tiers: &Tiers) -> Option<Duration> {
        let node = self.sound(name)?;
        tiers.by_name(node.scalar()?).or_else(|| seconds(node))
    }

    /// How long a query may run; less than 0 is without a limit.
    pub fn timeout(&self) -> Option<Duration> {
        match self.number("timeout")? {
            0.0 => Some(DEFAULT_TIMEOUT),
            seconds if seconds < 0.0 => Some(NO_TIMEOUT),
            seconds => Some(Duration::try_from_secs_f64(seconds).unwrap_or(NO_TIMEOUT)),
        }
    }

    pub fn versions(&self) -> VersionRange {
        let version = |name| self.sound(name).and_then(version).filter(|version| version.0 > 0);
        VersionRange { min: version("min_version"), max: version("max_version") }
    }

    /// Where a range without any version ends, and what is wrong with it.
    pub fn empty_range(&self, range: VersionRange) -> Option<(Position, String)> {
        let at = self.get("max_version").map_or(Position::default(), |node| node.position);
        let message = || format!("no version is in this range, {range}: max_version is exclusive");
        range.is_empty().then(|| (at, message()))
    }

    pub fn list(&self, name: &str) -> &'a [Node] {
        match self.get(name) {
            Some(Node { kind: Kind::List(items), .. }) => items,
            _ => &[],
        }
    }
}

/// Tells what is wrong with the type of a value; of lists and maps only whether they are such.
fn check(key: &Key, value: &Node, diagnostics: &mut Diagnostics) -> bool {
    let sound = matches!(value.kind, Kind::Null)
        || match key.kind {
            KeyType::Text | KeyType::Query => value.scalar().is_some(),
            KeyType::Number => number(value).is_some(),
            KeyType::Count => count(value).is_some(),
            KeyType::Bool => truth(value).is_some(),
            KeyType::Period => TIERS.iter().any(|tier| value.scalar() == Some(tier)) || seconds(value).is_some(),
            KeyType::Version => version(value).is_some(),
            KeyType::Word(words, any_case) => word(value, words, any_case).is_some(),
            // Says more when it is read.
            KeyType::Map(_) | KeyType::Match | KeyType::List(Item::Column) => true,
            KeyType::List(_) => matches!(value.kind, Kind::List(_)),
        };
    if !sound && foreign::is_no_ttl(key, value) {
        let message = format!("{}: expected {}, found {}", key.name, key.kind.expected(), value.describe());
        diagnostics.tolerable(value.position, message, "read as 0: results are not kept");
    } else if !sound {
        let expected = key.kind.expected();
        diagnostics.error(value.position, format!("{}: expected {expected}, found {}", key.name, value.describe()));
    }
    sound
}

fn plain(node: &Node) -> Option<String> {
    Some(node.scalar()?.trim().replace('_', ""))
}

fn number(node: &Node) -> Option<f64> {
    plain(node)?.parse().ok()
}

fn count(node: &Node) -> Option<usize> {
    plain(node)?.parse().ok().filter(|count| *count > 0)
}

fn seconds(node: &Node) -> Option<Duration> {
    node.scalar()?.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn version(node: &Node) -> Option<Version> {
    node.scalar().and_then(Version::parse)
}

fn truth(node: &Node) -> Option<bool> {
    match (&node.kind, node.scalar()) {
        (Kind::Bool(value, _), _) => Some(*value),
        (_, Some("true")) => Some(true),
        (_, Some("false")) => Some(false),
        _ => None,
    }
}

fn word(node: &Node, words: &'static [&'static str], any_case: bool) -> Option<&'static str> {
    let text = node.scalar()?;
    words.iter().copied().find(|word| *word == text || any_case && word.eq_ignore_ascii_case(text))
}
