//! The key `access`, and what a collector with it cannot have.

use std::sync::Arc;

use super::diagnostic::Diagnostics;
use super::fields::Fields;

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
}
