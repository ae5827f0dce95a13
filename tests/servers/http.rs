//! The HTTP interface as scrapers, load balancers and people see it.

mod health;
mod landing;
mod metrics;
mod pages;
mod untrusted;

/// Nothing listens there.
const DOWN: (&str, &str) = ("PG_EXPORTER_URL", "postgres://u@127.0.0.1:1/d");

/// A good collector, one whose SQL fails, one with a row that cannot be read, one that a predicate skips.
const COLLECTORS: &str = "\
good: { query: 'SELECT 1 AS a', metrics: [ a: { usage: GAUGE, description: A } ] }
bad: { query: SELECT 1/0 AS b, metrics: [ b: { usage: GAUGE, description: B } ] }
odd: { query: \"SELECT 'x' AS c\", metrics: [ c: { usage: GAUGE, description: C } ] }
off:
  query: SELECT 1 AS d
  predicate_queries: [ { name: never, predicate_query: SELECT false } ]
  metrics: [ d: { usage: GAUGE, description: D } ]
";
