//! What metrics there are, with their type and labels.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Major, Postgres};
use support::reference::{self, Listed, metrics_on};
use support::{exporter, scrape};

/// Labels that the scrape configuration gives to all series of a target.
pub const OF_TARGET: &[&str] = &["cls", "ins", "ip", "job", "instance"];

pub struct Metric {
    pub counter: bool,
    pub labels: BTreeSet<String>,
}

/// All metrics by name.
pub struct Known(pub BTreeMap<String, Metric>);

impl Known {
    /// From the pages of docs/reference.
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
            // What it is made of only grows.
            let kind = if listed.kind == "histogram" { "counter".to_owned() } else { listed.kind.clone() };
            for (name, labels) in listed.into_series() {
                self.add(&name, &kind, labels.iter().map(String::as_str));
            }
        }
    }

    /// The exporters' own metrics: each exporter has them by its own namespace.
    fn add_own(&mut self) {
        for listed in metrics_on(reference::OWN) {
            for namespace in ["pg", "pgbouncer", "pgbackrest"] {
                let name = listed.name.replacen("pg", namespace, 1);
                self.add(&name, &listed.kind, listed.labels.iter().map(String::as_str));
            }
        }
    }
}

/// What a page exposes about the exporter itself is what the reference lists.
pub fn assert_own_are_listed() {
    let server = Postgres::start(Major::V18).unwrap();
    let exporter = exporter(&server, "postgres", &[]);
    let page = scrape(&exporter);
    let of_collectors: BTreeSet<String> =
        reference::COLLECTORS.into_iter().flat_map(metrics_on).map(|listed| listed.name).collect();
    let listed: BTreeMap<String, Listed> =
        metrics_on(reference::OWN).into_iter().map(|listed| (listed.name.clone(), listed)).collect();
    let is_own = |family: &&str| family.starts_with("pg_") && !of_collectors.contains(*family);
    let own: Vec<&str> = page.families().into_iter().filter(is_own).collect();
    assert!(own.len() > 30, "{own:?}");
    for family in own {
        let listed = listed.get(family).unwrap_or_else(|| panic!("{family} is not in {}", reference::OWN));
        assert_eq!(page.kind(family), Some(listed.kind.as_str()), "{family}");
        for sample in page.samples(family, &[]) {
            let labels: BTreeSet<String> = sample.labels.keys().cloned().collect();
            assert_eq!(labels, listed.labels, "{family}");
        }
    }
}
