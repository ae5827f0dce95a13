//! What became of the panels, and what may have no data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// A page and one of its panels.
type Name = (String, String);

/// A page and what is wrong on it.
pub type Fault = (String, String);

/// When a panel that is on the list has no data.
#[derive(PartialEq)]
enum When {
    Always,
    Sometimes,
}

/// The panels that may be empty; each has a reason in the file.
pub struct Allowed(BTreeMap<Name, When>);

impl Allowed {
    /// Reads the list: page, panel, always or sometimes, reason.
    pub fn read(root: &Path) -> Allowed {
        let text = std::fs::read_to_string(root.join("tests/architecture/preview/empty.tsv")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Allowed(lines.map(Allowed::line).collect())
    }

    fn line(line: &str) -> (Name, When) {
        let [page, panel, when, reason] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        assert!(!reason.is_empty(), "no reason: {line}");
        let when = match when {
            "always" => When::Always,
            "sometimes" => When::Sometimes,
            other => panic!("when is {other}: {line}"),
        };
        ((page.to_owned(), panel.to_owned()), when)
    }
}

/// The outcomes of one drawing of all pages.
pub struct Drawn(Vec<Value>);

fn text<'v>(outcome: &'v Value, key: &str) -> &'v str {
    outcome[key].as_str().unwrap_or_default()
}

fn name(outcome: &Value) -> Name {
    (text(outcome, "page").to_owned(), text(outcome, "panel").to_owned())
}

/// Whether it shows the colour of a warning or an emergency.
fn is_alarming(outcome: &Value) -> bool {
    outcome["alarm"] == true
}

impl Drawn {
    pub fn of(outcomes: Vec<Value>) -> Drawn {
        Drawn(outcomes)
    }

    fn with<'a>(&'a self, outcome: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |one| text(one, "outcome") == outcome)
    }

    pub fn counts(&self) -> String {
        let pages: BTreeSet<&str> = self.0.iter().map(|one| text(one, "page")).collect();
        let (pages, panels, drawn) = (pages.len(), self.0.len(), self.with("drawn").count());
        format!(
            "{pages} dashboards, {panels} panels, {drawn} with data from the architecture, {} without",
            panels - drawn
        )
    }

    /// Takes newer outcomes in the place of those of the same pages.
    pub fn replace(&mut self, newer: Vec<Value>) {
        let pages: BTreeSet<String> = newer.iter().map(|one| text(one, "page").to_owned()).collect();
        self.0.retain(|one| !pages.contains(text(one, "page")));
        self.0.extend(newer);
    }

    /// Queries that failed, and pages that broke.
    pub fn errors(&self) -> Vec<Fault> {
        self.with("error")
            .map(|one| (name(one).0, format!("{}: {}", text(one, "panel"), text(one, "message"))))
            .collect()
    }

    /// Panels without data that are not on the list, and those on the list as always empty that are not.
    pub fn unexpected(&self, Allowed(allowed): &Allowed) -> Vec<Fault> {
        let told = |what: &'static str| move |(page, panel): Name| (page, format!("{panel} {what}"));
        let empty = self.with("empty").map(name).filter(|name| !allowed.contains_key(name));
        let full = self.with("drawn").map(name).filter(|name| allowed.get(name) == Some(&When::Always));
        let known: BTreeSet<Name> = self.0.iter().map(name).collect();
        let gone = allowed.keys().filter(|name| !known.contains(*name)).cloned();
        let full = full.map(told("has data, but is on the list of those without"));
        empty.map(told("has no data")).chain(full).chain(gone.map(told("is on the list, and no panel"))).collect()
    }

    /// Tiles that are orange or red.
    pub fn alarming(&self) -> Vec<String> {
        let alarming = self.0.iter().filter(|one| is_alarming(one));
        alarming.map(|one| format!("{}: {}", text(one, "page"), text(one, "panel"))).collect()
    }

    /// Whether a tile is orange or red.
    pub fn is_alarming(&self, page: &str, panel: &str) -> bool {
        self.0.iter().any(|one| text(one, "page") == page && text(one, "panel") == panel && is_alarming(one))
    }
}
