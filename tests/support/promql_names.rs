//! The metrics and labels that an expression names, and those that there are.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};

use crate::reference::{self, Listed, metrics_on};

/// Metrics with their labels, but for those that the scrape adds.
pub type Known = BTreeMap<String, BTreeSet<String>>;

/// What the scrape adds to every series, at some sites.
const TARGET: &[&str] = &[
    "job",
    "cls",
    "ins",
    "ip",
    "instance",
    "namespace",
    "pod",
    "container",
    "endpoint",
    "node",
    "host",
    "host_ip",
    "pod_ip",
    "uid",
    "hostname",
    "vip",
    "cluster",
    "region",
    "zone",
    "datacenter",
    "dc",
    "site",
    "environment",
    "env",
    "tenant",
    "pid",
];

/// What an expression names.
#[derive(Default)]
pub struct Used {
    /// Metrics, with the labels that they are matched by.
    pub metrics: Vec<(String, Vec<String>)>,
    /// Labels that are grouped or joined by, or removed.
    grouped: BTreeSet<String>,
    /// Labels that `label_replace` and `count_values` make.
    pub made: BTreeSet<String>,
}

/// All metrics of the pages of `docs/reference`.
pub fn documented() -> Known {
    let mut known = Known::new();
    for page in reference::COLLECTORS.into_iter().chain([reference::EXTERNAL]) {
        for (name, labels) in metrics_on(page).into_iter().flat_map(Listed::into_series) {
            let metric = known.entry(name).or_default();
            metric.extend(labels);
            if page.contains("pgbouncer") {
                // Added when several are read.
                metric.insert("target".to_owned());
            }
        }
    }
    for listed in metrics_on(reference::OWN) {
        let for_pgbouncer = listed.name.replacen("pg", "pgbouncer", 1);
        let with_target = listed.labels.iter().cloned().chain(["target".to_owned()]).collect();
        known.insert(for_pgbouncer, with_target);
        known.insert(listed.name.replacen("pg", "pgbackrest", 1), listed.labels.clone());
        known.insert(listed.name, listed.labels);
    }
    assert!(known.len() > 500, "the pages of metrics are not read: {}", known.len());
    known
}

/// The names in an expression.
pub fn used(expression: &str) -> Used {
    let mut used = Used::default();
    used.visit(&parser::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}")));
    used
}

impl Used {
    fn visit(&mut self, expression: &Expr) {
        match expression {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            Expr::Paren(paren) => self.visit(&paren.expr),
            Expr::Unary(unary) => self.visit(&unary.expr),
            Expr::Subquery(subquery) => self.visit(&subquery.expr),
            Expr::Aggregate(aggregate) => {
                self.group(aggregate.modifier.as_ref());
                if let Some(Expr::StringLiteral(made)) = aggregate.param.as_deref() {
                    self.made.insert(made.val.clone());
                }
                self.visit(&aggregate.expr);
            }
            Expr::Binary(binary) => {
                self.group(binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()));
                self.visit(&binary.lhs);
                self.visit(&binary.rhs);
            }
            Expr::Call(call) => {
                if let ("label_replace", Some(Expr::StringLiteral(made))) =
                    (call.func.name, call.args.args.get(1).map(|argument| &**argument))
                {
                    self.made.insert(made.val.clone());
                }
                call.args.args.iter().for_each(|argument| self.visit(argument));
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }

    fn select(&mut self, selector: &VectorSelector) {
        let matched = selector.matchers.matchers.iter().map(|matcher| matcher.name.clone());
        self.metrics.push((selector.name.clone().unwrap(), matched.collect()));
    }

    fn group(&mut self, modifier: Option<&LabelModifier>) {
        if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = modifier {
            self.grouped.extend(labels.labels.iter().cloned());
        }
    }

    /// The labels that its metrics have together.
    pub fn labels_of_metrics<'a>(&'a self, known: &'a Known) -> impl Iterator<Item = String> + 'a {
        self.metrics.iter().flat_map(|(metric, _)| known[metric].iter().cloned())
    }

    /// Labels that are named and that no series here can have.
    pub fn unknown_labels(&self, known: &Known) -> Vec<String> {
        let is_target = |label: &String| TARGET.contains(&label.as_str());
        let matched = self.metrics.iter().flat_map(|(metric, labels)| {
            let missing = labels.iter().filter(|label| !is_target(label) && !known[metric].contains(*label));
            missing.map(move |label| format!("{metric}{{{label}}}"))
        });
        let together: BTreeSet<String> = self.labels_of_metrics(known).chain(self.made.iter().cloned()).collect();
        let grouped = self.grouped.iter().filter(|label| !is_target(label) && !together.contains(*label));
        matched.chain(grouped.cloned()).collect()
    }
}
