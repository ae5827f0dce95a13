//! What metrics there are, with their type and labels.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Major, Postgres};
use support::reference::{self, metrics_on};
use support::{exporter, scrape};

/// Labels that the scrape configuration gives to all series of a target.
pub const OF_TARGET: &[&str] = &["cls", "ins", "ip", "job", "instance"];

/// The exporter's own metrics which a page has only in a certain state: name after the namespace, type, labels.
const SOMETIMES: &[(&str, &str, &[&str])] = &[
    ("up_reason", "gauge", &["reason"]),
    ("exporter_collector_errors_total", "counter", &["collector", "datname", "reason"]),
    ("exporter_dropped_samples_total", "counter", &["collector", "reason"]),
    ("exporter_collector_other_rows", "gauge", &["collector", "datname"]),
];

pub struct Metric {
    pub counter: bool,
    pub labels: BTreeSet<String>,
}

/// All metrics by name.
pub struct Known(pub BTreeMap<String, Metric>);

impl Known {
    /// From the pages of docs/reference and from a real page.
    pub fn read() -> Known {
        let mut known = Known(BTreeMap::new());
        for page in reference::COLLECTORS {
            known.add_page(page);
        }
        known.add_own();
        known.add_page(reference::EXTERNAL);
        known
    }

    fn add<'a>(&mut self, name: &str, kind: &str, labels: impl IntoIterator<Item = &'a str>) {
        let counter = kind == "counter";
        let metric = self.0.entry(name.to_owned()).or_insert(Metric { counter, labels: BTreeSet::new() });
        assert_eq!(metric.counter, counter, "{name} has two types");
        metric.labels.extend(labels.into_iter().map(str::to_owned));
    }

    /// Reads a page of docs/reference.
    fn add_page(&mut self, page: &str) {
        for listed in metrics_on(page) {
            self.add(&listed.name, &listed.kind, listed.labels.iter().map(String::as_str));
        }
    }

    /// The exporters' own metrics, read off a page of one of them: the others have the same by their own namespace.
    fn add_own(&mut self) {
        let server = Postgres::start(Major::V18).unwrap();
        let exporter = exporter(&server, "postgres", &[]);
        let page = scrape(&exporter);
        let collectors: BTreeSet<String> = self.0.keys().cloned().collect();
        let own = page.families().into_iter().filter(|family| !collectors.contains(*family));
        let own: Vec<&str> = own.filter(|family| family.starts_with("pg_")).collect();
        assert!(own.contains(&"pg_exporter_collector_success"), "{own:?}");
        for family in own {
            let labels: BTreeSet<&str> =
                page.samples(family, &[]).iter().flat_map(|sample| sample.labels.keys()).map(String::as_str).collect();
            for namespace in ["pg", "pgbouncer", "pgbackrest"] {
                let name = family.replacen("pg", namespace, 1);
                self.add(&name, page.kind(family).unwrap(), labels.iter().copied());
            }
        }
        for (name, kind, labels) in SOMETIMES {
            for namespace in ["pg", "pgbouncer", "pgbackrest"] {
                self.add(&format!("{namespace}_{name}"), kind, labels.iter().copied());
            }
        }
    }
}
