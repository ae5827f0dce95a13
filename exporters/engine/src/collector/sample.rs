//! The key `sample`, and what a sampled collector cannot have.

use std::time::Duration;

use super::diagnostic::Diagnostics;
use super::fields::Fields;
use super::{Collector, Usage};

/// The shortest time between two samples, in seconds: more often would be load.
const SHORTEST_SECONDS: f64 = 0.1;
/// Keys about results that are fetched by scrapes and kept.
const OF_FETCHED: [&str; 5] = ["ttl", "stale", "depends_on", "lookup", "fatal"];

/// Reads `sample`: how many seconds are between two samples.
pub(super) fn read_sample(key: &str, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let node = fields.get("sample")?;
    for other in OF_FETCHED.into_iter().filter(|name| fields.get(name).is_some()) {
        let message = format!("branch {key} has {other} and sample: a sampled collector is not fetched by scrapes");
        diagnostics.error(fields.position(other, node.position), message);
    }
    let seconds = fields.number("sample")?;
    let sample = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds >= SHORTEST_SECONDS);
    if sample.is_none() {
        let message = format!("sample: expected seconds, at least {SHORTEST_SECONDS}, found {}", node.describe());
        diagnostics.error(node.position, message);
    }
    sample
}

/// Checks the columns and the tags of a sampled collector.
pub(super) fn check_sampled(collector: &Collector, fields: &Fields<'_>, diagnostics: &mut Diagnostics) {
    let at = fields.position("sample", collector.position);
    diagnostics
        .errors
        .extend(no_counter(collector).map(|message| super::Diagnostic::new(&collector.file, at, message)));
    for column in collector.columns.iter().filter(|column| !column.is_sampled()) {
        diagnostics.error(column.position, not_sampled(&column.name));
    }
    if !collector.tags.iter().any(|tag| tag == "cluster") {
        let message =
            format!("branch {} is sampled: expected the tag cluster, since samples run once per server", collector.key);
        diagnostics.error(at, message);
    }
}

/// What is wrong with a sampled collector that counts nothing.
pub(crate) fn no_counter(collector: &Collector) -> Option<String> {
    let has_counter = collector.columns.iter().any(|column| column.usage == Usage::Counter);
    (!has_counter).then(|| format!("branch {} is sampled: expected a COUNTER column, whose values are multiplied by the seconds between samples", collector.key))
}

/// What is wrong with a column of a sampled collector that cannot be summed up over time.
pub(crate) fn not_sampled(column: &str) -> String {
    format!("column {column}: a sampled collector has LABEL and COUNTER columns only")
}
