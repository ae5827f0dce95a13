//! From a YAML tree to collectors: every key known, every value checked, every fault told.

use std::sync::Arc;
use std::time::Duration;

use super::columns::read_columns;
use super::faults::Faults;
use super::top::{read_lookup, read_top};
use super::yaml::{self, Kind, Node, Place};
use super::{Ask, Collector, Predicate};
use crate::facts::{Version, VersionRange};
use crate::options::Tiers;

const COLLECTOR_KEYS: &[&str] = &[
    "name",
    "desc",
    "query",
    "from",
    "predicate_queries",
    "search_path",
    "tags",
    "ttl",
    "stale",
    "timeout",
    "priority",
    "min_version",
    "max_version",
    "version_of",
    "fatal",
    "skip",
    "max_series",
    "top",
    "lookup",
    "grant",
    "source",
    "metrics",
];
const PREDICATE_KEYS: &[&str] = &["name", "predicate_query", "ttl", "reason"];

/// The time that a query may run when its file does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
/// What "no limit" (a negative timeout) means: longer than any scrape, short enough to end by itself one day.
const NO_TIMEOUT: Duration = Duration::from_secs(3600);

/// Reads one file's text; what is wrong with it goes to the faults that come back beside its sound branches.
pub(crate) fn read_file(file: &str, text: &str, tiers: &Tiers) -> (Vec<Collector>, Faults) {
    let mut faults = Faults::new(file);
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err((place, message)) => {
            faults.error(place, message);
            return (Vec::new(), faults);
        }
    };
    let branches = match &root.kind {
        Kind::Null => return (Vec::new(), faults),
        Kind::Map(branches) => branches,
        _ => {
            faults.error(root.place, format!("expected a map from branch to collector, found {}", root.describe()));
            return (Vec::new(), faults);
        }
    };
    let mut collectors: Vec<Collector> = Vec::new();
    let mut seen: Vec<(&str, Place)> = Vec::new();
    for (key, body) in branches {
        let Some(name) = key.scalar() else {
            faults.error(key.place, format!("expected the name of a branch, found {}", key.describe()));
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
            faults.error(key.place, format!("branch {name} is there already, at line {}", first.line));
        }
        seen.push((name, key.place));
        collectors.extend(read_collector(name, key.place, body, tiers, &mut faults));
    }
    (collectors, faults)
}

fn read_collector(key: &str, place: Place, body: &Node, tiers: &Tiers, faults: &mut Faults) -> Option<Collector> {
    let before = faults.errors.len();
    let fields = Fields::read(body, &format!("branch {key}"), COLLECTOR_KEYS, faults)?;
    let ask = read_ask(key, place, &fields, faults);
    let name = fields.text("name", faults).unwrap_or_else(|| key.to_owned());
    if !is_metric_name(&name) {
        let at = fields.get("name").map_or(place, |node| node.place);
        faults.error(
            at,
            format!("{name:?} cannot begin a metric name: expected ASCII letters, digits, _ and :, not a digit first"),
        );
    }
    let timeout = match fields.number("timeout", faults) {
        None | Some(0.0) => DEFAULT_TIMEOUT,
        Some(seconds) if seconds < 0.0 => NO_TIMEOUT,
        Some(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or(NO_TIMEOUT),
    };
    let mut collector = Collector {
        key: Arc::from(key),
        description: fields.text("desc", faults).unwrap_or_default(),
        grant: fields.text("grant", faults),
        source: fields.text("source", faults),
        predicates: read_predicates(&fields, tiers, faults),
        search_path: read_search_path(&fields, faults),
        tags: read_tags(&fields, faults),
        ttl: fields.period("ttl", tiers, faults).unwrap_or_default(),
        stale: fields.period("stale", tiers, faults).unwrap_or_default(),
        timeout,
        priority: fields.number("priority", faults).unwrap_or_default() as i64,
        versions: fields.versions(faults),
        version_of: fields.text("version_of", faults),
        fatal: fields.truth("fatal", faults).unwrap_or_default(),
        skip: fields.truth("skip", faults).unwrap_or_default(),
        max_series: fields.count("max_series", faults),
        top: None,
        lookup: read_lookup(&fields, faults),
        ask: ask.unwrap_or_else(|| Ask::Query(String::new())),
        columns: Vec::new(),
        file: faults.file.clone(),
        place,
        name,
    };
    read_columns(&mut collector, place, fields.get("metrics"), faults);
    collector.top = read_top(&collector, &fields, faults);
    (faults.errors.len() == before).then_some(collector)
}

fn read_ask(key: &str, place: Place, fields: &Fields<'_>, faults: &mut Faults) -> Option<Ask> {
    let query = fields.text("query", faults);
    let from = fields.text("from", faults);
    let blank = |text: &str| text.trim().is_empty();
    match (query, from) {
        (Some(query), None) if !blank(&query) => Some(Ask::Query(query)),
        (None, Some(from)) if !blank(&from) => {
            let from = from.trim();
            let bare = from.get(..5).filter(|word| word.eq_ignore_ascii_case("from ")).map_or(from, |_| &from[5..]);
            Some(Ask::From(bare.to_owned()))
        }
        (Some(_), Some(_)) => {
            faults.error(
                fields.place("from", place),
                format!("branch {key} has both query and from: expected one of them"),
            );
            None
        }
        (None, None) => {
            // One that is there and no text has been told already.
            if fields.get("query").or(fields.get("from")).is_none() {
                faults.error(place, format!("branch {key} asks nothing: expected query or from"));
            }
            None
        }
        (query, _) => {
            let name = if query.is_some() { "query" } else { "from" };
            faults.error(fields.place(name, place), format!("{name} of branch {key} is blank"));
            None
        }
    }
}

fn read_predicates(fields: &Fields<'_>, tiers: &Tiers, faults: &mut Faults) -> Vec<Predicate> {
    let mut predicates = Vec::new();
    for node in fields.list("predicate_queries", faults) {
        let Some(item) = Fields::read(node, "predicate_queries", PREDICATE_KEYS, faults) else { continue };
        let query = item.text("predicate_query", faults).unwrap_or_default();
        if query.trim().is_empty() {
            faults.error(node.place, "a predicate asks nothing: expected predicate_query");
        }
        let name = item.text("name", faults).unwrap_or_else(|| format!("predicate {}", predicates.len() + 1));
        let ttl = item.period("ttl", tiers, faults).unwrap_or_default();
        let reason = item.text("reason", faults);
        predicates.push(Predicate { name, query, ttl, reason });
    }
    predicates
}

/// Names of schemas, as they are: without quotes of SQL.
fn read_search_path(fields: &Fields<'_>, faults: &mut Faults) -> Arc<[String]> {
    let nodes = fields.list("search_path", faults).iter();
    let names = nodes.filter_map(|node| match node.scalar().map(str::trim) {
        Some(name) if !name.is_empty() && !name.contains('\0') => Some(name.to_owned()),
        _ => {
            faults.error(node.place, format!("expected the name of a schema, found {}", node.describe()));
            None
        }
    });
    names.collect()
}

fn read_tags(fields: &Fields<'_>, faults: &mut Faults) -> Vec<String> {
    let mut tags = Vec::new();
    for node in fields.list("tags", faults) {
        match node.scalar().map(str::trim) {
            Some(tag) if !tag.is_empty() && !tag.ends_with(':') => tags.push(tag.to_owned()),
            _ => faults.error(
                node.place,
                format!("expected a tag, as in cluster, standby or dbname:app, found {}", node.describe()),
            ),
        }
    }
    tags
}

/// The entries of one map by key, each known and there once: name, place of the key, value.
pub(super) struct Fields<'a>(Vec<(&'a str, Place, &'a Node)>);

impl<'a> Fields<'a> {
    /// Takes `node` as a map with keys out of `known`.
    pub fn read(node: &'a Node, what: &str, known: &[&str], faults: &mut Faults) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            faults.error(node.place, format!("{what}: expected a map, found {}", node.describe()));
            return None;
        };
        Some(Self::of(entries.iter().map(|(key, value)| (key, value)), what, known, faults))
    }

    pub fn of(
        entries: impl Iterator<Item = (&'a Node, &'a Node)>,
        what: &str,
        known: &[&str],
        faults: &mut Faults,
    ) -> Self {
        let mut fields: Vec<(&str, Place, &Node)> = Vec::new();
        for (key, value) in entries {
            let name = key.scalar().unwrap_or_default();
            if !known.contains(&name) {
                faults.error(
                    key.place,
                    format!("{what}: unknown key {}: expected one of {}", key.describe(), known.join(", ")),
                );
            } else if fields.iter().any(|(other, ..)| *other == name) {
                faults.error(key.place, format!("{what}: key {name} is there twice"));
            } else {
                fields.push((name, key.place, value));
            }
        }
        Self(fields)
    }

    /// The value of `name`; a key without a value is as good as absent.
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        let (.., node) = self.0.iter().find(|(key, ..)| *key == name)?;
        (!matches!(node.kind, Kind::Null)).then_some(*node)
    }

    /// Where the key `name` is, else `otherwise`.
    pub fn place(&self, name: &str, otherwise: Place) -> Place {
        self.0.iter().find(|(key, ..)| *key == name).map_or(otherwise, |(_, place, _)| *place)
    }

    fn scalar(&self, name: &str, wanted: &str, faults: &mut Faults) -> Option<(&'a Node, &'a str)> {
        let node = self.get(name)?;
        let text = node.scalar();
        if text.is_none() {
            faults.error(node.place, format!("{name}: expected {wanted}, found {}", node.describe()));
        }
        text.map(|text| (node, text))
    }

    pub fn text(&self, name: &str, faults: &mut Faults) -> Option<String> {
        self.scalar(name, "a text", faults).map(|(_, text)| text.to_owned())
    }

    pub fn number(&self, name: &str, faults: &mut Faults) -> Option<f64> {
        let (node, text) = self.scalar(name, "a number", faults)?;
        let number = text.trim().replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
        if number.is_none() {
            faults.error(node.place, format!("{name}: expected a number, found {}", node.describe()));
        }
        number
    }

    pub fn count(&self, name: &str, faults: &mut Faults) -> Option<usize> {
        let (node, text) = self.scalar(name, "a whole number above 0", faults)?;
        let count = text.trim().replace('_', "").parse::<usize>().ok().filter(|count| *count > 0);
        if count.is_none() {
            faults.error(node.place, format!("{name}: expected a whole number above 0, found {}", node.describe()));
        }
        count
    }

    fn truth(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        let node = self.get(name)?;
        match (&node.kind, node.scalar()) {
            (Kind::Bool(value, _), _) => Some(*value),
            (_, Some("true")) => Some(true),
            (_, Some("false")) => Some(false),
            _ => {
                faults.error(node.place, format!("{name}: expected true or false, found {}", node.describe()));
                None
            }
        }
    }

    /// Seconds, or the name of a tier.
    fn period(&self, name: &str, tiers: &Tiers, faults: &mut Faults) -> Option<Duration> {
        let wanted = "seconds, or one of fast, norm, slow, slowest";
        let (node, text) = self.scalar(name, wanted, faults)?;
        let seconds = || text.trim().parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let period = tiers.by_name(text).or_else(seconds);
        if period.is_none() {
            faults.error(node.place, format!("{name}: expected {wanted}, found {}", node.describe()));
        }
        period
    }

    pub fn versions(&self, faults: &mut Faults) -> VersionRange {
        let range = VersionRange { min: self.version("min_version", faults), max: self.version("max_version", faults) };
        if range.is_empty() {
            let at = self.get("max_version").map_or(Place::default(), |node| node.place);
            faults.error(at, format!("no version is in this range, {range}: max_version is exclusive"));
        }
        range
    }

    fn version(&self, name: &str, faults: &mut Faults) -> Option<Version> {
        let wanted = "a version such as 14, 140000, 1.24 or 12400";
        let (node, text) = self.scalar(name, wanted, faults)?;
        let version = Version::parse(text);
        if version.is_none() {
            faults.error(node.place, format!("{name}: expected {wanted}, found {}", node.describe()));
        }
        version.filter(|version| version.0 > 0)
    }

    pub fn list(&self, name: &str, faults: &mut Faults) -> &'a [Node] {
        match self.get(name) {
            None => &[],
            Some(Node { kind: Kind::List(items), .. }) => items,
            Some(node) => {
                faults.error(node.place, format!("{name}: expected a list, found {}", node.describe()));
                &[]
            }
        }
    }
}

/// Whether `name` may name a metric.
pub(super) fn is_metric_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| rest(c) && !c.is_ascii_digit()) && name.chars().all(rest)
}

/// Whether `name` may name a label.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':') && !name.starts_with("__")
}
