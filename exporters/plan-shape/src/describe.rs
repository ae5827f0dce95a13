//! A plan as one line, in the words of EXPLAIN's text format.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::node::Node;

/// The whole shape of a plan.
pub fn shape(plan: &Node) -> String {
    let mut text = String::new();
    describe(plan, None, &mut text);
    text
}

/// Writes a node and what is below it; `scan` is the bitmap scan above.
fn describe(node: &Node, scan: Option<&Node>, text: &mut String) {
    if node.node_type == "Hash" {
        // There is one below each hash join, and nowhere else.
        return children(node, None, text);
    }
    if matches!(node.node_type.as_str(), "Append" | "Merge Append") {
        return append(node, text);
    }
    name(node, text);
    object(node, text);
    if let Some(index) = &node.index {
        let _infallible = write!(text, " using {}", index_name(index, scan.unwrap_or(node)));
    }
    if !node.plans.is_empty() {
        text.push('(');
        children(node, if node.relation.is_some() { Some(node) } else { scan }, text);
        text.push(')');
    }
}

fn children(node: &Node, scan: Option<&Node>, text: &mut String) {
    for (place, child) in node.plans.iter().enumerate() {
        if place > 0 {
            text.push_str(", ");
        }
        subplan(child, text);
        let scan = scan.filter(|_| child.node_type.starts_with("Bitmap"));
        describe(child, scan, text);
    }
}

/// The partitions that are read alike count once. If all are, nothing says that there are several: with other parameters
/// it would be one.
fn append(node: &Node, text: &mut String) {
    let mut members: Vec<String> = Vec::new();
    for child in &node.plans {
        let mut member = String::new();
        subplan(child, &mut member);
        describe(child, None, &mut member);
        if !members.contains(&member) {
            members.push(member);
        }
    }
    match members.as_slice() {
        [only] => text.push_str(only),
        _ => {
            name(node, text);
            let _infallible = write!(text, "({})", members.join(", "));
        }
    }
}

/// What a plan below is for, without its number: `InitPlan`, `SubPlan` or `CTE c`.
fn subplan(node: &Node, text: &mut String) {
    let is_subplan = matches!(node.relationship.as_deref(), Some("InitPlan" | "SubPlan"));
    if let Some(subplan) = node.subplan.as_deref().filter(|_| is_subplan) {
        let kind = if subplan.starts_with("CTE ") { subplan } else { node.relationship.as_deref().unwrap_or_default() };
        let _infallible = write!(text, "{kind}: ");
    }
}

/// The node's name, as in EXPLAIN's text format.
fn name(node: &Node, text: &mut String) {
    let mode = node.partial_mode.as_deref().filter(|mode| *mode != "Simple");
    if let Some(mode) = mode {
        let _infallible = write!(text, "{mode} ");
    }
    if node.is_parallel {
        text.push_str("Parallel ");
    }
    let kind = node.node_type.as_str();
    let strategy = node.strategy.as_deref();
    match (kind, strategy, node.join_type.as_deref()) {
        ("Aggregate", Some("Sorted"), _) => text.push_str("GroupAggregate"),
        ("Aggregate", Some("Hashed"), _) => text.push_str("HashAggregate"),
        ("Aggregate", Some("Mixed"), _) => text.push_str("MixedAggregate"),
        ("SetOp", Some("Hashed"), _) => text.push_str("HashSetOp"),
        ("ModifyTable", ..) => text.push_str(node.operation.as_deref().unwrap_or(kind)),
        (_, _, Some("Inner") | None) => text.push_str(kind),
        (_, _, Some(join)) => {
            let method = kind.strip_suffix(" Join").unwrap_or(kind);
            let _infallible = write!(text, "{method} {join} Join");
        }
    }
    let operation = node.operation.as_deref().filter(|operation| kind == "Foreign Scan" && *operation != "Select");
    for word in [operation, node.command.as_deref(), node.provider.as_deref()].into_iter().flatten() {
        let _infallible = write!(text, " {word}");
    }
    if node.direction.as_deref() == Some("Backward") {
        text.push_str(" Backward");
    }
}

/// What the node reads: a table, a function, a CTE.
fn object(node: &Node, text: &mut String) {
    let names = [&node.relations, &node.function, &node.table_function, &node.cte];
    let relation =
        node.relation.as_deref().map(|name| if may_be_partition(node) { masked(name) } else { name.to_owned() });
    if let Some(object) = relation.as_ref().or_else(|| names.into_iter().flatten().next()) {
        let _infallible = write!(text, " {object}");
    }
}

/// The index of a scan; that of a partition has the partition's name in its own.
fn index_name<'a>(index: &'a str, scan: &Node) -> Cow<'a, str> {
    let relation = scan.relation.as_deref().filter(|_| may_be_partition(scan));
    match relation.and_then(|relation| Some((relation, index.strip_prefix(relation)?))) {
        Some((relation, rest)) => Cow::from(masked(relation) + rest),
        None => Cow::from(index),
    }
}

/// Whether the statement calls the relation something else, as it does with partitions. These are told apart by numbers.
fn may_be_partition(node: &Node) -> bool {
    let (Some(relation), Some(alias)) = (&node.relation, &node.alias) else { return true };
    let numbered =
        |rest: &str| rest.strip_prefix('_').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    !alias.strip_prefix(relation.as_str()).is_some_and(|rest| rest.is_empty() || numbered(rest))
}

/// A name with `#` for each number.
fn masked(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            _ => text.push(letter),
        }
    }
    text
}
