//! The metrics that the pages of `docs/reference` list.

use std::collections::BTreeSet;
use std::fs;

/// The pages of the exporters' collectors.
pub const COLLECTORS: [&str; 3] = ["metrics.md", "metrics-pgbouncer.md", "metrics-pgbackrest.md"];
/// The page of what the exporters expose about themselves, with the prefix `pg`.
pub const OWN: &str = "self-metrics.md";
/// The page of what other programs expose.
pub const EXTERNAL: &str = "external-metrics.md";

/// One row of a table of metrics.
pub struct Listed {
    pub name: String,
    pub kind: String,
    pub labels: BTreeSet<String>,
}

impl Listed {
    /// The names of its samples with their labels: a histogram of a collector has three.
    pub fn into_series(self) -> Vec<(String, BTreeSet<String>)> {
        let Self { name, kind, labels } = self;
        let is_part = ["_bucket", "_sum", "_count"].iter().any(|ending| name.ends_with(ending));
        if kind != "histogram" || is_part {
            return vec![(name, labels)];
        }
        let with_bound = labels.iter().cloned().chain(["le".to_owned()]).collect();
        vec![
            (format!("{name}_bucket"), with_bound),
            (format!("{name}_sum"), labels.clone()),
            (format!("{name}_count"), labels),
        ]
    }
}

/// The metrics on a page. Their labels are in the third column or, on the pages of collectors, in a table above.
pub fn metrics_on(page: &str) -> Vec<Listed> {
    let text = fs::read_to_string(super::path("docs/reference").join(page)).unwrap();
    let mut listed = Vec::new();
    let (mut labels_above, mut labels_in_row) = (BTreeSet::new(), false);
    for line in text.lines() {
        if let Some(labels) = line.strip_prefix("| Labels | ") {
            labels_above = quoted(labels);
        } else if line.starts_with("| metric | ") {
            labels_in_row = line.starts_with("| metric | type | labels |");
        } else if let Some((name, rest)) = line.strip_prefix("| `").and_then(|rest| rest.split_once("` | ")) {
            let mut cells = rest.split(" | ");
            let kind = cells.next().unwrap().to_owned();
            let mut labels =
                if labels_in_row { quoted(cells.next().unwrap_or_default()) } else { labels_above.clone() };
            if name.ends_with("_bucket") {
                labels.insert("le".to_owned());
            }
            listed.push(Listed { name: name.to_owned(), kind, labels });
        }
    }
    assert!(!listed.is_empty(), "{page} lists no metric");
    listed
}

/// The words in backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
