//! What a query asks: metrics, labels, and how counters are read.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, LabelModifier, VectorSelector, parse};

use super::known::{Known, OF_TARGET};

/// Windows that stand for Grafana's own, told apart from any that is written out.
const RATE_INTERVAL: Duration = Duration::from_secs(241);
const RANGE: Duration = Duration::from_secs(3601);
/// How long what is gone is remembered.
const DAY: Duration = Duration::from_secs(86_400);

/// Functions that only a counter makes sense for, and those that only a gauge does.
const OF_COUNTERS: &[&str] = &["rate", "irate", "increase", "resets"];
const OF_GAUGES: &[&str] = &["deriv", "delta", "idelta", "predict_linear"];

/// Where in an expression a selector stands.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Its growth is what counts: below a rate, a difference, a count of series, a comparison of presence.
    tamed: bool,
}

/// The label that `count_values` or `label_replace` makes.
fn made(argument: Option<&Expr>) -> impl Iterator<Item = String> {
    argument
        .into_iter()
        .filter_map(|one| if let Expr::StringLiteral(label) = one { Some(label.val.clone()) } else { None })
}

/// One query of a panel.
pub struct Expression<'a> {
    known: &'a Known,
    /// A window that is written out is meant.
    pub fixed_window: bool,
    /// It is drawn over time, where the height of a counter says nothing.
    pub graph: bool,
    pub faults: Vec<String>,
    pub metrics: BTreeSet<String>,
}

impl<'a> Expression<'a> {
    pub fn new(known: &'a Known) -> Expression<'a> {
        Expression { known, fixed_window: false, graph: false, faults: Vec::new(), metrics: BTreeSet::new() }
    }

    /// Looks at a query, and gives the labels that its series may have.
    pub fn look(&mut self, text: &str) -> BTreeSet<String> {
        let plain = text.replace("$__rate_interval", "4m1s").replace("$__range", "1h0m1s").replace('$', "");
        match parse(&plain) {
            Ok(expression) => self.walk(&expression, Place::default()),
            Err(error) => {
                self.faults.push(format!("does not parse: {error}"));
                BTreeSet::new()
            }
        }
    }

    fn walk(&mut self, expression: &Expr, place: Place) -> BTreeSet<String> {
        match expression {
            Expr::VectorSelector(selector) => self.selector(selector, None, place),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs, Some(matrix.range), place),
            Expr::Paren(inner) => self.walk(&inner.expr, place),
            Expr::Unary(inner) => self.walk(&inner.expr, place),
            Expr::Subquery(inner) => self.walk(&inner.expr, place),
            Expr::Aggregate(aggregate) => {
                let counted = matches!(aggregate.op.to_string().as_str(), "count" | "group");
                let labels = self.walk(&aggregate.expr, Place { tamed: place.tamed || counted });
                if let Some(LabelModifier::Include(by)) = &aggregate.modifier {
                    self.require(&by.labels, &labels, "by");
                }
                match (aggregate.op.to_string().as_str(), &aggregate.modifier) {
                    ("topk" | "bottomk", _) | (_, Some(LabelModifier::Exclude(_))) => labels,
                    (_, Some(LabelModifier::Include(by))) => {
                        by.labels.iter().cloned().chain(made(aggregate.param.as_deref())).collect()
                    }
                    (_, None) => made(aggregate.param.as_deref()).collect(),
                }
            }
            Expr::Binary(binary) => {
                let operator = binary.op.to_string();
                let tamed = place.tamed || matches!(operator.as_str(), "-" | "unless" | "and");
                let left = self.walk(&binary.lhs, Place { tamed });
                let right = self.walk(&binary.rhs, Place { tamed });
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                if let Some(LabelModifier::Include(on)) = matching {
                    self.require(&on.labels, &left, "on, left");
                    self.require(&on.labels, &right, "on, right");
                }
                left.union(&right).cloned().collect()
            }
            Expr::Call(call) => {
                let name = call.func.name;
                let replaced = call.args.args.get(1).filter(|_| name == "label_replace");
                let mut labels: BTreeSet<String> = made(replaced.map(|label| &**label)).collect();
                for argument in &call.args.args {
                    self.argument(name, argument);
                    let tamed = place.tamed || OF_COUNTERS.contains(&name);
                    labels.extend(self.walk(argument, Place { tamed }));
                }
                labels
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => BTreeSet::new(),
        }
    }

    /// A function of windows: the right type of metric, and Grafana's window.
    fn argument(&mut self, function: &str, argument: &Expr) {
        let Expr::MatrixSelector(matrix) = argument else { return };
        let name = matrix.vs.name.as_deref().unwrap_or_default();
        let Some(metric) = self.known.0.get(name) else { return };
        if OF_COUNTERS.contains(&function) && !metric.counter {
            self.faults.push(format!("{function} of the gauge {name}"));
        }
        if OF_GAUGES.contains(&function) && metric.counter {
            self.faults.push(format!("{function} of the counter {name}"));
        }
        let remembered = function == "last_over_time" && matrix.range == DAY;
        // A trend of hours, whatever range is shown.
        let is_forecast = function == "deriv";
        if !self.fixed_window && !remembered && !is_forecast && ![RATE_INTERVAL, RANGE].contains(&matrix.range) {
            self.faults.push(format!("{function} of {name} has a window of its own"));
        }
    }

    fn selector(&mut self, selector: &VectorSelector, range: Option<Duration>, place: Place) -> BTreeSet<String> {
        let Some(name) = selector.name.as_deref() else { return self.selector_of_pattern(selector) };
        let Some(metric) = self.known.0.get(name) else {
            self.faults.push(format!("no such metric: {name}"));
            return BTreeSet::new();
        };
        self.metrics.insert(name.to_owned());
        let target = OF_TARGET.iter().map(|label| (*label).to_owned());
        let labels: BTreeSet<String> = metric.labels.iter().cloned().chain(target).collect();
        let matched: Vec<String> = selector.matchers.matchers.iter().map(|matcher| matcher.name.clone()).collect();
        self.require(&matched, &labels, name);
        if self.graph && metric.counter && range.is_none() && !place.tamed {
            self.faults.push(format!("the counter {name} is drawn as it is"));
        }
        labels
    }

    /// A selector of several metrics: `{__name__=~"one|other"}`. It is only asked for the labels of targets.
    fn selector_of_pattern(&mut self, selector: &VectorSelector) -> BTreeSet<String> {
        let target: BTreeSet<String> = OF_TARGET.iter().map(|label| (*label).to_owned()).collect();
        let (names, others): (Vec<_>, Vec<_>) =
            selector.matchers.matchers.iter().partition(|matcher| matcher.name == "__name__");
        let MatchOp::Re(pattern) = names.first().map_or(&MatchOp::Equal, |matcher| &matcher.op) else {
            self.faults.push("a selector without a metric".to_owned());
            return BTreeSet::new();
        };
        let known = self.known.0.keys().filter(|name| pattern.is_match(name)).cloned();
        self.metrics.extend(known);
        if self.metrics.is_empty() {
            self.faults.push(format!("no such metric: {pattern}"));
        }
        let matched: Vec<String> = others.into_iter().map(|matcher| matcher.name.clone()).collect();
        self.require(&matched, &target, pattern.as_str());
        target
    }

    fn require(&mut self, wanted: &[String], labels: &BTreeSet<String>, whose: &str) {
        for label in wanted.iter().filter(|label| !labels.contains(*label)) {
            self.faults.push(format!("no label {label}: {whose}"));
        }
    }
}
