//! From a YAML tree to collectors: every key known, every value checked, every diagnostic told.

use std::sync::Arc;
use std::time::Duration;

use super::columns::read_columns;
use super::diagnostic::Diagnostics;
use super::top::{read_lookup, read_top};
use super::yaml::{self, Kind, Node, Position};
use super::{Ask, Collector, Predicate};
use crate::facts::{Version, VersionRange};
use crate::names::is_metric_name;
use crate::tiers::Tiers;

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

/// Reads one file's text; what is wrong with it goes to the diagnostics that come back beside its sound branches.
pub(crate) fn read_file(file: &str, text: &str, tiers: &Tiers) -> (Vec<Collector>, Diagnostics) {
    let mut diagnostics = Diagnostics::new(file);
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err((position, message)) => {
            diagnostics.error(position, message);
            return (Vec::new(), diagnostics);
        }
    };
    let branches = match &root.kind {
        Kind::Null => return (Vec::new(), diagnostics),
        Kind::Map(branches) => branches,
        _ => {
            diagnostics
                .error(root.position, format!("expected a map from branch to collector, found {}", root.describe()));
            return (Vec::new(), diagnostics);
        }
    };
    let mut collectors: Vec<Collector> = Vec::new();
    let mut seen: Vec<(&str, Position)> = Vec::new();
    for (key, body) in branches {
        let Some(name) = key.scalar() else {
            diagnostics.error(key.position, format!("expected the name of a branch, found {}", key.describe()));
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
            diagnostics.error(key.position, format!("branch {name} is there already, at line {}", first.line));
        }
        seen.push((name, key.position));
        collectors.extend(read_collector(name, key.position, body, tiers, &mut diagnostics));
    }
    (collectors, diagnostics)
}

fn read_collector(
    key: &str,
    position: Position,
    body: &Node,
    tiers: &Tiers,
    diagnostics: &mut Diagnostics,
) -> Option<Collector> {
    let before = diagnostics.errors.len();
    let fields = Fields::read(body, &format!("branch {key}"), COLLECTOR_KEYS, diagnostics)?;
    let ask = read_ask(key, position, &fields, diagnostics);
    let name = fields.text("name", diagnostics).unwrap_or_else(|| key.to_owned());
    if !is_metric_name(&name) {
        let at = fields.get("name").map_or(position, |node| node.position);
        diagnostics.error(
            at,
            format!("{name:?} cannot begin a metric name: expected ASCII letters, digits, _ and :, not a digit first"),
        );
    }
    let timeout = match fields.number("timeout", diagnostics) {
        None | Some(0.0) => DEFAULT_TIMEOUT,
        Some(seconds) if seconds < 0.0 => NO_TIMEOUT,
        Some(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or(NO_TIMEOUT),
    };
    let mut collector = Collector {
        key: Arc::from(key),
        description: fields.text("desc", diagnostics).unwrap_or_default(),
        grant: fields.text("grant", diagnostics),
        source: fields.text("source", diagnostics),
        predicates: read_predicates(&fields, tiers, diagnostics),
        search_path: read_search_path(&fields, diagnostics),
        tags: read_tags(&fields, diagnostics),
        ttl: fields.period("ttl", tiers, diagnostics).unwrap_or_default(),
        stale: fields.period("stale", tiers, diagnostics).unwrap_or_default(),
        timeout,
        priority: fields.number("priority", diagnostics).unwrap_or_default() as i64,
        versions: fields.versions(diagnostics),
        version_of: fields.text("version_of", diagnostics),
        fatal: fields.truth("fatal", diagnostics).unwrap_or_default(),
        skip: fields.truth("skip", diagnostics).unwrap_or_default(),
        max_series: fields.count("max_series", diagnostics),
        top: None,
        lookup: read_lookup(&fields, diagnostics),
        ask: ask.unwrap_or_else(|| Ask::Query(String::new())),
        columns: Vec::new(),
        file: diagnostics.file.clone(),
        position,
        name,
    };
    read_columns(&mut collector, position, fields.get("metrics"), diagnostics);
    collector.top = read_top(&collector, &fields, diagnostics);
    (diagnostics.errors.len() == before).then_some(collector)
}

fn read_ask(key: &str, position: Position, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Ask> {
    let query = fields.text("query", diagnostics);
    let from = fields.text("from", diagnostics);
    let blank = |text: &str| text.trim().is_empty();
    match (query, from) {
        (Some(query), None) if !blank(&query) => Some(Ask::Query(query)),
        (None, Some(from)) if !blank(&from) => {
            let from = from.trim();
            let bare = from.get(..5).filter(|word| word.eq_ignore_ascii_case("from ")).map_or(from, |_| &from[5..]);
            Some(Ask::From(bare.to_owned()))
        }
        (Some(_), Some(_)) => {
            diagnostics.error(
                fields.position("from", position),
                format!("branch {key} has both query and from: expected one of them"),
            );
            None
        }
        (None, None) => {
            // One that is there and no text has been told already.
            if fields.get("query").or(fields.get("from")).is_none() {
                diagnostics.error(position, format!("branch {key} asks nothing: expected query or from"));
            }
            None
        }
        (query, _) => {
            let name = if query.is_some() { "query" } else { "from" };
            diagnostics.error(fields.position(name, position), format!("{name} of branch {key} is blank"));
            None
        }
    }
}

fn read_predicates(fields: &Fields<'_>, tiers: &Tiers, diagnostics: &mut Diagnostics) -> Vec<Predicate> {
    let mut predicates = Vec::new();
    for node in fields.list("predicate_queries", diagnostics) {
        let Some(item) = Fields::read(node, "predicate_queries", PREDICATE_KEYS, diagnostics) else { continue };
        let query = item.text("predicate_query", diagnostics).unwrap_or_default();
        if query.trim().is_empty() {
            diagnostics.error(node.position, "a predicate asks nothing: expected predicate_query");
        }
        let name = item.text("name", diagnostics).unwrap_or_else(|| format!("predicate {}", predicates.len() + 1));
        let ttl = item.period("ttl", tiers, diagnostics).unwrap_or_default();
        let reason = item.text("reason", diagnostics);
        predicates.push(Predicate { name, query, ttl, reason });
    }
    predicates
}

/// Names of schemas, as they are: without quotes of SQL.
fn read_search_path(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Arc<[String]> {
    let nodes = fields.list("search_path", diagnostics).iter();
    let names = nodes.filter_map(|node| match node.scalar().map(str::trim) {
        Some(name) if !name.is_empty() && !name.contains('\0') => Some(name.to_owned()),
        _ => {
            diagnostics.error(node.position, format!("expected the name of a schema, found {}", node.describe()));
            None
        }
    });
    names.collect()
}

fn read_tags(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Vec<String> {
    let mut tags = Vec::new();
    for node in fields.list("tags", diagnostics) {
        match node.scalar().map(str::trim) {
            Some(tag) if !tag.is_empty() && !tag.ends_with(':') => tags.push(tag.to_owned()),
            _ => diagnostics.error(
                node.position,
                format!("expected a tag, as in cluster, standby or dbname:app, found {}", node.describe()),
            ),
        }
    }
    tags
}

/// The entries of one map by key, each known and there once: name, position of the key, value.
pub(super) struct Fields<'a>(Vec<(&'a str, Position, &'a Node)>);

impl<'a> Fields<'a> {
    /// Takes `node` as a map with keys out of `known`.
    pub fn read(node: &'a Node, what: &str, known: &[&str], diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            diagnostics.error(node.position, format!("{what}: expected a map, found {}", node.describe()));
            return None;
        };
        Some(Self::of(entries.iter().map(|(key, value)| (key, value)), what, known, diagnostics))
    }

    pub fn of(
        entries: impl Iterator<Item = (&'a Node, &'a Node)>,
        what: &str,
        known: &[&str],
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut fields: Vec<(&str, Position, &Node)> = Vec::new();
        for (key, value) in entries {
            let name = key.scalar().unwrap_or_default();
            if !known.contains(&name) {
                diagnostics.error(
                    key.position,
                    format!("{what}: unknown key {}: expected one of {}", key.describe(), known.join(", ")),
                );
            } else if fields.iter().any(|(other, ..)| *other == name) {
                diagnostics.error(key.position, format!("{what}: key {name} is there twice"));
            } else {
                fields.push((name, key.position, value));
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
    pub fn position(&self, name: &str, otherwise: Position) -> Position {
        self.0.iter().find(|(key, ..)| *key == name).map_or(otherwise, |(_, position, _)| *position)
    }

    fn scalar(&self, name: &str, wanted: &str, diagnostics: &mut Diagnostics) -> Option<(&'a Node, &'a str)> {
        let node = self.get(name)?;
        let text = node.scalar();
        if text.is_none() {
            diagnostics.error(node.position, format!("{name}: expected {wanted}, found {}", node.describe()));
        }
        text.map(|text| (node, text))
    }

    pub fn text(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<String> {
        self.scalar(name, "a text", diagnostics).map(|(_, text)| text.to_owned())
    }

    pub fn number(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<f64> {
        let (node, text) = self.scalar(name, "a number", diagnostics)?;
        let number = text.trim().replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
        if number.is_none() {
            diagnostics.error(node.position, format!("{name}: expected a number, found {}", node.describe()));
        }
        number
    }

    pub fn count(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<usize> {
        let (node, text) = self.scalar(name, "a whole number above 0", diagnostics)?;
        let count = text.trim().replace('_', "").parse::<usize>().ok().filter(|count| *count > 0);
        if count.is_none() {
            diagnostics
                .error(node.position, format!("{name}: expected a whole number above 0, found {}", node.describe()));
        }
        count
    }

    fn truth(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
        let node = self.get(name)?;
        match (&node.kind, node.scalar()) {
            (Kind::Bool(value, _), _) => Some(*value),
            (_, Some("true")) => Some(true),
            (_, Some("false")) => Some(false),
            _ => {
                diagnostics.error(node.position, format!("{name}: expected true or false, found {}", node.describe()));
                None
            }
        }
    }

    /// Seconds, or the name of a tier.
    fn period(&self, name: &str, tiers: &Tiers, diagnostics: &mut Diagnostics) -> Option<Duration> {
        let wanted = "seconds, or one of fast, norm, slow, slowest";
        let (node, text) = self.scalar(name, wanted, diagnostics)?;
        let seconds = || text.trim().parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let period = tiers.by_name(text).or_else(seconds);
        if period.is_none() {
            diagnostics.error(node.position, format!("{name}: expected {wanted}, found {}", node.describe()));
        }
        period
    }

    pub fn versions(&self, diagnostics: &mut Diagnostics) -> VersionRange {
        let range = VersionRange {
            min: self.version("min_version", diagnostics),
            max: self.version("max_version", diagnostics),
        };
        if range.is_empty() {
            let at = self.get("max_version").map_or(Position::default(), |node| node.position);
            diagnostics.error(at, format!("no version is in this range, {range}: max_version is exclusive"));
        }
        range
    }

    fn version(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<Version> {
        let wanted = "a version such as 14, 140000, 1.24 or 12400";
        let (node, text) = self.scalar(name, wanted, diagnostics)?;
        let version = Version::parse(text);
        if version.is_none() {
            diagnostics.error(node.position, format!("{name}: expected {wanted}, found {}", node.describe()));
        }
        version.filter(|version| version.0 > 0)
    }

    pub fn list(&self, name: &str, diagnostics: &mut Diagnostics) -> &'a [Node] {
        match self.get(name) {
            None => &[],
            Some(Node { kind: Kind::List(items), .. }) => items,
            Some(node) => {
                diagnostics.error(node.position, format!("{name}: expected a list, found {}", node.describe()));
                &[]
            }
        }
    }
}
