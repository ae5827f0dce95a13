//! The scrape core on a scripted source, under paused time: seconds of the script pass in no time.
//!
//! The clock of the result cache does not follow paused time, so results here have no time to live or a long one, and
//! expire when a test lets them.

mod databases;
mod encodings;
mod failures;
mod own_rows;
mod rest;
mod sampled;
mod script;
mod self_metrics;
mod shared_query;
mod sharing;
mod timing;
mod unchanged;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::script::{Script, ScriptedSource};
use super::{ScrapeSettings, Snapshot, Targets};
use crate::build_info::BuildInfo;
use crate::catalog::{Catalog, EmbeddedFolder, Origin};
use crate::exposition::{Format, Page};
use crate::facts::Role;
use crate::plan::Selection;
use crate::status::ProcessStatus;
use crate::tiers::Tiers;

/// The time that a scrape has.
const LIMIT: Duration = Duration::from_secs(9);

/// A server by script, with these collectors: each a name and further keys, all with one gauge `n`.
struct Bench {
    script: Arc<Script>,
    targets: Arc<Targets<ScriptedSource>>,
}

impl Bench {
    /// Collectors whose query is their name.
    fn new(collectors: &[(&str, &str)]) -> Self {
        let text: String = collectors
            .iter()
            .map(|(name, keys)| format!("{name}: {{ query: {name}, {keys} metrics: [ n: {{ usage: GAUGE }} ] }}\n"))
            .collect();
        Self::of_file(text)
    }

    fn of_file(text: String) -> Self {
        let folder = EmbeddedFolder { name: "test", files: vec![("test.yml".to_owned(), text)] };
        let catalog = Catalog::load(&Origin::Embedded(folder), &Tiers::default(), &[]).unwrap();
        let script = Arc::<Script>::default();
        let settings = ScrapeSettings {
            namespace: "pg".to_owned(),
            build: BuildInfo { revision: "unknown", date: "unknown" },
            selection: Selection { product: "pg".to_owned(), tags: Default::default(), samples: true },
            constant_labels: Arc::from([]),
            disable_cache: false,
            most_result_bytes: 1 << 20,
            unchanged_limit: Tiers::default().slowest(),
            state_directory: None,
            disable_intro: false,
            started: std::time::Instant::now(),
            status: ProcessStatus::default(),
        };
        let targets = Arc::new(Targets::new(catalog, vec![ScriptedSource(script.clone())], settings));
        Self { script, targets }
    }

    /// A scrape that has nine seconds.
    async fn scrape(&self) -> String {
        self.scrape_within(LIMIT).await
    }

    async fn scrape_within(&self, limit: Duration) -> String {
        // What came before is from before.
        tokio::time::sleep(Duration::from_millis(1)).await;
        text(self.targets.scrape(Instant::now() + limit, Format::Text, false, None).await)
    }

    /// A scrape that goes on its own.
    fn begin_scrape(&self) -> tokio::task::JoinHandle<String> {
        let targets = self.targets.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            text(targets.scrape(Instant::now() + LIMIT, Format::Text, false, None).await)
        })
    }

    fn snapshot(&self) -> Snapshot {
        self.targets.scrapers[0].last_snapshot().unwrap()
    }

    /// Lets every result expire.
    fn expire(&self) {
        self.targets.scrapers[0].shared.store.expire_all();
    }

    /// The state of a collector as `explain` describes it.
    fn explained(&self, collector: &str) -> String {
        let text = crate::http::explain(&self.targets);
        let line = text.lines().find(|line| line.starts_with(&format!("{collector} "))).unwrap_or_default();
        line.split_whitespace().skip(6).collect::<Vec<_>>().join(" ")
    }
}

fn text(page: Page) -> String {
    page.chunks.iter().map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect()
}

/// The value of the sample that begins like this.
fn value(page: &str, sample: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(sample))?;
    line.trim().parse().ok()
}

/// Whether a collector succeeded in the main database.
fn success(page: &str, collector: &str) -> Option<f64> {
    success_in(page, collector, "main")
}

fn success_in(page: &str, collector: &str, database: &str) -> Option<f64> {
    value(page, &format!("pg_exporter_collector_success{{collector=\"{collector}\",datname=\"{database}\"}}"))
}

/// How often a collector failed for a reason in the main database.
fn errors(page: &str, collector: &str, reason: &str) -> Option<f64> {
    let labels = format!("collector=\"{collector}\",datname=\"main\",reason=\"{reason}\"");
    value(page, &format!("pg_exporter_collector_errors_total{{{labels}}}"))
}

fn up_reason(page: &str) -> Option<&str> {
    page.lines().find_map(|line| line.strip_prefix("pg_up_reason{reason=\"")?.split('"').next())
}
