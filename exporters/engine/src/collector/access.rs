//! The keys `access`, `rest` and `endpoints`, and what a collector with them cannot have: no session runs a query for it.

use std::sync::Arc;

use super::diagnostic::Diagnostics;
use super::fields::Fields;
use super::keys::REST_ENDPOINTS;

/// Keys about queries, and about results that are fetched and kept.
const OF_QUERIES: [&str; 16] = [
    "predicate_queries",
    "search_path",
    "tags",
    "ttl",
    "stale",
    "sample",
    "depends_on",
    "timeout",
    "priority",
    "min_version",
    "max_version",
    "version_of",
    "fatal",
    "top",
    "lookup",
    "grant",
];

/// Reads `access`: the table of the source that has its rows.
pub(super) fn read_access(key: &str, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    let node = fields.get("access")?;
    for other in OF_QUERIES.into_iter().filter(|name| fields.get(name).is_some()) {
        let message = format!("branch {key} has {other} and access: no query runs for it");
        diagnostics.error(fields.position(other, node.position), message);
    }
    fields.text("access").map(Into::into)
}

/// Reads `rest` and `endpoints`: the answers of a REST interface on which the query runs, as jq.
pub(super) fn read_rest(key: &str, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Arc<[Arc<str>]>> {
    let Some(node) = fields.get("rest") else {
        if let Some(endpoints) = fields.get("endpoints") {
            diagnostics.error(endpoints.position, format!("branch {key} has endpoints and no rest"));
        }
        return None;
    };
    for other in OF_QUERIES.into_iter().filter(|name| *name != "timeout" && fields.get(name).is_some()) {
        let message = format!("branch {key} has {other} and rest: no server is asked for it");
        diagnostics.error(fields.position(other, node.position), message);
    }
    if fields.get("query").is_none() {
        diagnostics.error(node.position, format!("branch {key} has rest and no query: expected a jq filter"));
    }
    Some(read_endpoints(fields, diagnostics))
}

fn read_endpoints(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Arc<[Arc<str>]> {
    if fields.get("endpoints").is_none() {
        return REST_ENDPOINTS.map(Arc::from).into();
    }
    let mut named = Vec::new();
    for node in fields.list("endpoints") {
        match node.scalar().filter(|name| REST_ENDPOINTS.contains(name)) {
            Some(name) => named.push(Arc::from(name)),
            None => {
                let message = format!("expected one of {}, found {}", REST_ENDPOINTS.join(", "), node.describe());
                diagnostics.error(node.position, message);
            }
        }
    }
    named.into()
}

#[cfg(test)]
mod tests {
    use crate::collector::read_file;
    use crate::tiers::Tiers;

    #[test]
    fn a_collector_without_a_query_has_no_key_about_queries() {
        for (more, expected) in [
            ("", None),
            ("  ttl: 10\n", Some("test.yml:3:3: branch a has ttl and access: no query runs for it")),
            ("  tags: [cluster]\n", Some("test.yml:3:3: branch a has tags and access: no query runs for it")),
            ("  query: SELECT 1\n", Some("test.yml:2:3: branch a has both query and access: expected one of them")),
        ] {
            let text = format!("a:\n  access: services\n{more}  metrics: [{{ ok: {{ usage: GAUGE }} }}]\n");
            let read = read_file("test.yml", &text, &Tiers::default(), &|_| Err("no such file".to_owned()));
            let told: Vec<String> = read.told.errors.iter().map(ToString::to_string).collect();
            assert_eq!(told.first().map(String::as_str), expected, "{more}");
            assert_eq!(read.collectors.len(), usize::from(expected.is_none()));
        }
    }

    #[test]
    fn a_collector_of_a_rest_interface_has_a_filter_and_no_key_about_servers() {
        for (more, expected) in [
            ("  query: .cluster\n  timeout: 2\n", None),
            ("  query: .cluster\n  endpoints: [cluster, config]\n", None),
            (
                "  query: .\n  endpoints: [cluster, leader]\n",
                Some("test.yml:4:24: expected one of patroni, cluster, history, config, found \"leader\""),
            ),
            ("  from: x\n", Some("test.yml:2:9: branch a has rest and no query: expected a jq filter")),
            ("  query: .\n  ttl: 10\n", Some("test.yml:4:3: branch a has ttl and rest: no server is asked for it")),
        ] {
            let text = format!("a:\n  rest: patroni\n{more}  metrics: [{{ ok: {{ usage: GAUGE }} }}]\n");
            let read = read_file("test.yml", &text, &Tiers::default(), &|_| Err("no such file".to_owned()));
            let told: Vec<String> = read.told.errors.iter().map(ToString::to_string).collect();
            assert_eq!(told.first().map(String::as_str), expected, "{more}");
        }
    }
}
