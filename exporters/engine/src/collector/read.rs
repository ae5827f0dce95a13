//! From a YAML tree to collectors: every key known, every value checked, every diagnostic told.

use std::sync::Arc;

use super::access::{read_access, read_rest};
use super::ask::{SqlFile, check_macros, read_ask};
use super::change::Change;
use super::columns::read_columns;
use super::diagnostic::{Diagnostics, LEFT_OUT};
use super::fields::{DEFAULT_TIMEOUT, Fields};
use super::foreign;
use super::keys::{COLLECTOR, PREDICATE};
use super::log_keys::{read_log_lines, resolve_cells};
use super::sample::{check_sampled, read_sample};
use super::scope::depends_on_database_only;
use super::top::{read_lookup, read_top};
use super::yaml::{self, Kind, Node, Position};
use super::{Ask, Collector, Predicate};
use crate::names::is_metric_name;
use crate::tiers::Tiers;

/// What a collector file has.
#[derive(Debug)]
pub(crate) struct CollectorFile {
    /// Its sound branches with a query.
    pub collectors: Vec<Collector>,
    /// Its branches with settings only.
    pub changes: Vec<Change>,
    /// What is wrong with the others.
    pub told: Diagnostics,
}

/// Reads one file's text; what is wrong with it goes to the diagnostics that come back beside its sound branches.
pub(crate) fn read_file(file: &str, text: &str, tiers: &Tiers, sql_file: &SqlFile<'_>) -> CollectorFile {
    let mut diagnostics = Diagnostics::new(file);
    let (collectors, changes) = read_branches(text, tiers, sql_file, &mut diagnostics);
    CollectorFile { collectors, changes, told: diagnostics }
}

fn read_branches(
    text: &str,
    tiers: &Tiers,
    sql_file: &SqlFile<'_>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Collector>, Vec<Change>) {
    let (mut collectors, mut changes) = (Vec::new(), Vec::new());
    let root = match yaml::parse(text) {
        Ok((root, None)) => root,
        Ok((root, Some(second))) => {
            let message = "expected one document in a file, found a second";
            diagnostics.tolerable(second, message, "it is left out");
            root
        }
        Err((position, message)) => {
            diagnostics.error(position, message);
            return (collectors, changes);
        }
    };
    if let Some((position, message)) = foreign::other_exporter(&root, &diagnostics.file) {
        diagnostics.error(position, message);
        return (collectors, changes);
    }
    check_macros(&root, text, diagnostics);
    let branches = match &root.kind {
        Kind::Null => return (collectors, changes),
        Kind::Map(branches) => branches,
        _ => {
            diagnostics
                .error(root.position, format!("expected a map from branch to collector, found {}", root.describe()));
            return (collectors, changes);
        }
    };
    for (key, body) in branches {
        let Some(name) = key.scalar() else {
            diagnostics.error(key.position, format!("expected the name of a branch, found {}", key.describe()));
            continue;
        };
        if Change::is_one(body) {
            changes.extend(Change::read(name, key.position, body, tiers, diagnostics));
            continue;
        }
        match read_collector(name, key.position, body, tiers, sql_file, diagnostics) {
            Some(collector) => collectors.push(collector),
            None => diagnostics.left_out.push((name.into(), key.position)),
        }
    }
    (collectors, changes)
}

fn read_collector(
    key: &str,
    position: Position,
    body: &Node,
    tiers: &Tiers,
    sql_file: &SqlFile<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Collector> {
    let before = diagnostics.errors.len();
    let fields = Fields::read(body, &format!("branch {key}"), &COLLECTOR, diagnostics)?;
    let ask = read_ask(key, position, &fields, sql_file, diagnostics);
    let name = fields.text("name").unwrap_or_else(|| key.to_owned());
    if !is_metric_name(&name) {
        let at = fields.get("name").map_or(position, |node| node.position);
        let message = format!(
            "\"{name}\" cannot begin a metric name: expected ASCII letters, digits, _ and :, not a digit first"
        );
        match ask {
            Some(_) => diagnostics.error(at, message),
            // A branch that only holds what others take from it by an alias.
            None => diagnostics.tolerable(at, message, LEFT_OUT),
        }
    }
    let (mut runs, ask) = (ask.is_some(), ask.unwrap_or_else(|| Ask::From(String::new())));
    let predicates = read_predicates(&fields, tiers, diagnostics);
    let of_database_only = match fields.text("depends_on") {
        Some(word) => word == "database",
        None if fields.get("log").is_some() => false,
        None => depends_on_database_only(&ask, &predicates),
    };
    let versions = fields.versions();
    if let Some((at, message)) = fields.empty_range(versions) {
        diagnostics.tolerable(at, message, LEFT_OUT);
        runs = false;
    }
    let mut collector = Collector {
        key: Arc::from(key),
        description: fields.text("desc").unwrap_or_default(),
        grant: fields.text("grant"),
        source: fields.text("source"),
        query_of: fields.text("query_of"),
        access: read_access(key, &fields, diagnostics),
        rest: read_rest(key, &fields, diagnostics),
        selected: None,
        predicates,
        search_path: read_search_path(&fields, diagnostics),
        tags: read_tags(&fields, &mut runs, diagnostics),
        ttl: fields.period("ttl", tiers).unwrap_or_default(),
        sample: read_sample(key, &fields, diagnostics),
        log: read_log_lines(key, &fields, diagnostics),
        stale: fields.period("stale", tiers).unwrap_or_default(),
        of_database_only,
        timeout: fields.timeout().unwrap_or(DEFAULT_TIMEOUT),
        priority: fields.number("priority").unwrap_or_default() as i64,
        versions,
        version_of: fields.text("version_of"),
        fatal: fields.truth("fatal").unwrap_or_default(),
        skip: fields.truth("skip").unwrap_or_default(),
        max_series: fields.count("max_series"),
        top: None,
        lookup: read_lookup(&fields, diagnostics),
        ask,
        columns: Vec::new(),
        file: diagnostics.file.clone(),
        position,
        name,
    };
    read_columns(&mut collector, position, fields.get("metrics"), diagnostics);
    resolve_cells(&mut collector, diagnostics);
    collector.top = read_top(&collector, &fields, diagnostics);
    // With query_of it is told that the pace is that of the other.
    if collector.sample.is_some() && collector.query_of.is_none() {
        check_sampled(&collector, &fields, diagnostics);
    }
    if collector.skip && diagnostics.errors.len() > before {
        diagnostics.tolerate_since(before, "the branch has skip: true and is left out");
        return None;
    }
    if runs && diagnostics.errors.len() == before && !collector.has_metric() {
        let message = format!("branch {key} has no metric: expected a GAUGE, COUNTER or HISTOGRAM column");
        diagnostics.tolerable(position, message, LEFT_OUT);
        runs = false;
    }
    (diagnostics.errors.len() == before && runs).then_some(collector)
}

fn read_predicates(fields: &Fields<'_>, tiers: &Tiers, diagnostics: &mut Diagnostics) -> Vec<Predicate> {
    let mut predicates = Vec::new();
    for node in fields.list("predicate_queries") {
        let Some(item) = Fields::read(node, "predicate_queries", &PREDICATE, diagnostics) else { continue };
        let query = item.text("predicate_query").unwrap_or_default();
        if query.trim().is_empty() {
            diagnostics.error(node.position, "a predicate asks nothing: expected predicate_query");
        }
        let name = item.text("name").unwrap_or_else(|| format!("predicate {}", predicates.len() + 1));
        let ttl = item.period("ttl", tiers).unwrap_or_default();
        let reason = item.text("reason");
        predicates.push(Predicate { name, query, ttl, reason });
    }
    predicates
}

/// Names of schemas, as they are: without quotes of SQL.
fn read_search_path(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Arc<[String]> {
    let nodes = fields.list("search_path").iter();
    let names = nodes.filter_map(|node| match node.scalar().map(str::trim) {
        Some(name) if !name.is_empty() && !name.contains('\0') => Some(name.to_owned()),
        _ => {
            diagnostics.error(node.position, format!("expected the name of a schema, found {}", node.describe()));
            None
        }
    });
    names.collect()
}

/// Sets `runs` to false if one of the tags holds on no server.
fn read_tags(fields: &Fields<'_>, runs: &mut bool, diagnostics: &mut Diagnostics) -> Vec<String> {
    let mut tags = Vec::new();
    for node in fields.list("tags") {
        let message = || format!("expected a tag, as in cluster, standby or dbname:app, found {}", node.describe());
        match (&node.kind, node.scalar().map(str::trim)) {
            (_, Some("not:")) => diagnostics.tolerable(node.position, message(), "the tag always holds and is ignored"),
            (_, Some(tag)) if !tag.is_empty() && !tag.ends_with(':') => tags.push(tag.to_owned()),
            (Kind::List(_) | Kind::Map(_), _) => diagnostics.error(node.position, message()),
            _ => {
                diagnostics.tolerable(node.position, message(), "the tag never holds: the branch is left out");
                *runs = false;
            }
        }
    }
    tags
}
