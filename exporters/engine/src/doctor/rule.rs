//! A rule: what to ask a server, and what its rows mean.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::condition::{Condition, Template};
use crate::collector::expand_macros;
use crate::facts::{Role, ServerFacts, VersionRange};
use crate::plan::with_schemas;
use crate::source::Query;

/// How urgent a finding is; the worst is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Data or availability is at risk now or soon.
    Critical,
    /// It will cost time, space or data one day.
    Warning,
    /// It could be better.
    Info,
}

impl Severity {
    /// As rule files and reports spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Where a rule is examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Once, in the main database.
    Server,
    /// In each database.
    Database,
}

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub name: String,
    pub severity: Severity,
    pub summary: String,
    pub why: String,
    pub scope: Scope,
    /// The role of servers that it is about; `None`: both.
    pub role: Option<Role>,
    pub extension: Option<String>,
    /// In the language of the source, one row for each object that is not as it should be.
    pub query: String,
    /// A query with one row, which is added to each row of the other one.
    pub join: Option<String>,
    pub when: Vec<Condition>,
    /// The columns to show; empty: all.
    pub evidence: Vec<String>,
    pub fix: Option<Template>,
    pub fix_in: &'static str,
    pub grant: Option<String>,
    /// Names and values of the numbers in its texts.
    pub thresholds: Vec<(String, f64)>,
    pub versions: VersionRange,
    pub timeout: Duration,
    pub source: String,
}

impl Rule {
    /// Whether it is about this database of a server; `main` is whether the exporter was pointed at it.
    pub fn applies(&self, facts: &ServerFacts, main: bool) -> bool {
        let has = |name: &String| facts.extensions.contains_key(name);
        (main || self.scope == Scope::Database)
            && self.versions.contains(facts.version)
            && self.role.is_none_or(|role| role == facts.role)
            && self.extension.as_ref().is_none_or(has)
    }

    /// Its query, and the one to join, for this database.
    pub fn queries(&self, facts: &ServerFacts) -> (Query, Option<Query>) {
        let query = |text: &String| {
            let text = expand_macros(text, facts.version);
            let text = with_schemas(&text, facts).unwrap_or_else(|| text.into_owned());
            let (collector, search_path) = (self.name.as_str().into(), Arc::default());
            Query { collector, text: text.into(), values: None, search_path, timeout: self.timeout }
        };
        (query(&self.query), self.join.as_ref().map(query))
    }
}
