//! Rules as Prometheus reads them.

use std::collections::BTreeMap;

/// A group of rules, evaluated one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The group's name.
    pub name: String,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A recording or an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What the rule makes.
    pub kind: Kind,
    /// PromQL.
    pub expr: String,
    /// Labels of what it makes.
    pub labels: BTreeMap<String, String>,
}

/// What a rule makes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A series of this name.
    Record(String),
    /// An alert.
    Alert {
        /// Its name.
        name: String,
        /// How long its condition must hold.
        hold: Option<String>,
        /// How long it goes on after its condition ended.
        keep_firing_for: Option<String>,
        /// What a person reads, in this order.
        annotations: Vec<(&'static str, String)>,
    },
}

/// A file of rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFile {
    /// Its name without `.yml`.
    pub stem: String,
    /// Its first comment.
    pub about: String,
    /// Its groups.
    pub groups: Vec<Group>,
}
