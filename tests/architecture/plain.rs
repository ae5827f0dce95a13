//! The dashboards where targets have no labels but `job` and `instance`: one job for each cluster, pages with the label names
//! written as `pg-exporter mixin` does. A panel that has data with our labels has data there, too.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use lab::{Architecture, Plan, Ports, Prometheus, Target};
use regex::Regex;
use serde_json::Value;
use support::dashboard::{Dashboard, is_promql, list, text};
use support::{one_at_a_time, programs};

use crate::preview::load::Load;

/// How many of the panels that have data with our labels must have some.
const SHARE: f64 = 0.95;
/// A rate needs some scrapes.
const INTERVAL: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(120);
/// The server whose pages are compared.
const SERVER: &str = "pg-lab-1";

/// The labels that are ours, and those that every target has.
static RENAMED: LazyLock<[(Regex, &str); 2]> =
    LazyLock::new(|| [("cls", "job"), ("ins", "instance")].map(|(ours, plain)| (word(ours), plain)));

fn word(text: &str) -> Regex {
    Regex::new(&format!(r"\b{text}\b")).unwrap()
}

/// Writes the plain labels in the place of ours, in every text and name of a document.
fn renamed(value: &Value) -> Value {
    let plain = |text: &str| {
        RENAMED.iter().fold(text.to_owned(), |text, (ours, plain)| ours.replace_all(&text, *plain).into_owned())
    };
    match value {
        Value::String(text) => Value::String(plain(text)),
        Value::Array(values) => values.iter().map(renamed).collect(),
        Value::Object(values) => {
            let written: serde_json::Map<_, _> =
                values.iter().map(|(key, value)| (plain(key), renamed(value))).collect();
            assert_eq!(written.len(), values.len(), "two keys became one: {values:?}");
            Value::Object(written)
        }
        other => other.clone(),
    }
}

/// A page with a value for each of its variables, before one Prometheus.
struct Shown<'a> {
    prometheus: &'a Prometheus,
    page: Dashboard,
    values: Vec<(String, String)>,
}

impl<'a> Shown<'a> {
    /// Chooses the values: of a label's the first that is preferred.
    fn new(prometheus: &'a Prometheus, page: Dashboard, preferred: &BTreeSet<String>) -> Shown<'a> {
        let names = page.variables();
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{}: {names:?}", page.stem);
        let variables: Vec<Value> = list(&page.json["templating"]["list"]).to_vec();
        let mut shown = Shown { prometheus, page, values: Vec::new() };
        for variable in variables.iter().filter(|one| one["type"] == "query") {
            let value = shown.value(variable, preferred);
            shown.values.push((text(&variable["name"]).to_owned(), value));
        }
        shown
    }

    fn value(&self, variable: &Value, preferred: &BTreeSet<String>) -> String {
        if let Some(all) = variable["allValue"].as_str() {
            return all.to_owned();
        }
        let query = text(&variable["definition"]);
        let (selector, label) =
            query.strip_prefix("label_values(").unwrap().trim_end_matches(')').rsplit_once(", ").unwrap();
        let series = self.prometheus.query(&self.filled(&format!("count by ({label}) ({selector})"))).unwrap();
        let found: Vec<String> = series.into_iter().filter_map(|one| one.labels.get(label).cloned()).collect();
        if variable["multi"] == true {
            return found.join("|");
        }
        found.iter().find(|one| preferred.contains(*one)).or(found.first()).cloned().unwrap_or_default()
    }

    fn filled(&self, query: &str) -> String {
        let windows = query.replace("$__rate_interval", "1m").replace("$__range", "10m");
        let mut values = self.values.clone();
        // A name that begins another one comes after it.
        values.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        values.iter().fold(windows, |query, (name, value)| query.replace(&format!("${name}"), value))
    }

    /// Whether a panel has data, by the panel's id.
    fn with_data(&self) -> BTreeSet<u64> {
        let answers = |target: &Value| {
            let query = self.filled(text(&target["expr"]));
            !self.prometheus.query(&query).unwrap_or_else(|error| panic!("{}: {error}", self.page.stem)).is_empty()
        };
        let panels = self.page.panels().into_iter();
        panels
            .filter(|panel| list(&panel["targets"]).iter().filter(|target| is_promql(target)).any(answers))
            .map(|panel| panel["id"].as_u64().unwrap())
            .collect()
    }
}

/// The same targets, without our labels.
pub fn unlabelled(targets: &[Target]) -> Vec<Target> {
    let mut seen = BTreeSet::new();
    let addresses = targets.iter().filter(|target| seen.insert(target.address.clone()));
    addresses.map(|target| Target::new("pg-lab", &target.address)).collect()
}

#[test]
#[ignore = "make situations"]
fn panels_with_data_have_some_with_job_and_instance_alone() {
    let _turn = one_at_a_time();
    let plan = Plan {
        programs: programs().to_owned(),
        ports: Ports::Free,
        interval: INTERVAL,
        exporter_args: vec!["--cache-ttls=1,5,5,5".to_owned(), "--tag=exact_size".to_owned()],
        ..Plan::default()
    };
    let architecture = Architecture::start(&plan).unwrap();
    let targets = architecture.targets();
    let plain = Prometheus::start(&unlabelled(&targets), INTERVAL).unwrap();
    let _load = Load::start(&architecture);
    let ours: BTreeSet<String> = targets
        .iter()
        .filter(|target| target.labels.contains(&("ins".to_owned(), SERVER.to_owned())))
        .map(|target| target.address.clone())
        .chain([SERVER.to_owned()])
        .collect();
    for prometheus in [&architecture.prometheus, &plain] {
        prometheus.wait_for("min(count_over_time(pg_up[10m])) >= 12", LIMIT).unwrap();
    }

    let (mut all, mut empty) = (0, Vec::new());
    for page in Dashboard::all() {
        let json = renamed(&page.json);
        let named = Dashboard { stem: page.stem.clone(), json };
        let labelled = Shown::new(&architecture.prometheus, page, &ours);
        let wanted = labelled.with_data();
        let found = Shown::new(&plain, named, &ours).with_data();
        all += wanted.len();
        let titles = labelled.page.panels().into_iter().filter(|panel| {
            let id = panel["id"].as_u64().unwrap();
            wanted.contains(&id) && !found.contains(&id)
        });
        empty.extend(titles.map(|panel| format!("{}: {}", labelled.page.stem, text(&panel["title"]))));
    }
    let share = (all - empty.len()) as f64 / all as f64;
    println!(
        "{} of {all} panels have data with job and instance alone; without:\n{}",
        all - empty.len(),
        empty.join("\n")
    );
    assert!(share >= SHARE, "{:.1} %", share * 100.0);
}
