//! The report: all that `doctor` says, as data. [`super::text()`] writes it for a person; its JSON is an interface.

use std::collections::BTreeSet;

use serde::Serialize;

use super::examine::{Examined, Unread};
use super::finding::Finding;
use super::rule::Severity;
use crate::facts::Role;
use crate::http::{Attention, attention, watched};
use crate::plan::SkipReason;
use crate::scrape::{CollectorView, Scraper, Snapshot};
use crate::source::Source;

/// Of the form of the JSON: it grows when a key goes or changes its meaning, not when one comes.
const SCHEMA_VERSION: u32 = 1;
/// How many of the collectors that take longest are listed.
const LONGEST: usize = 5;

/// The report on all servers.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema_version: u32,
    program: &'static str,
    pub servers: Vec<ServerReport>,
}

/// The report on one server.
#[derive(Debug, Serialize)]
pub(crate) struct ServerReport {
    pub target: String,
    /// Whether it answers.
    pub up: bool,
    /// Why not.
    pub error: Option<String>,
    pub version: Option<String>,
    /// `primary` or `replica`; `None` where there is no such thing.
    pub role: Option<&'static str>,
    pub user: Option<String>,
    pub databases: Vec<String>,
    pub collectors: Collectors,
    pub cost: Cost,
    /// What is watched beside the server, as the services of pg-exporter, and the state of each.
    pub watched: Vec<String>,
    /// What should be changed so that the exporter works well.
    pub advice: Vec<String>,
    /// Statements that let it read more.
    pub grants: BTreeSet<String>,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// How many rules there are.
    pub rules: usize,
    /// Rules that could not be examined.
    pub unread: Vec<Unread>,
}

/// What runs and what does not.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Collectors {
    /// Where their files are.
    pub origin: String,
    /// Planned ones in all databases.
    pub planned: usize,
    /// Those that need attention.
    pub attention: Vec<Attention>,
    /// Those that are not planned in the main database.
    pub skipped: Vec<Skipped>,
}

/// A collector that is not planned.
#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub collector: String,
    pub reason: String,
    /// Whether something on the server or in the flags would let it run.
    pub optional: bool,
}

/// What the report cost the server.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Cost {
    /// Queries of collectors, and how long the server worked on them.
    pub queries: usize,
    pub seconds: f64,
    /// The same of rules.
    pub rule_queries: usize,
    pub rule_seconds: f64,
    /// The collectors that take longest.
    pub longest: Vec<Longest>,
}

/// One collector in one database.
#[derive(Debug, Serialize)]
pub(crate) struct Longest {
    pub collector: String,
    pub database: String,
    pub seconds: f64,
}

impl Report {
    pub fn new(program: &'static str, servers: Vec<ServerReport>) -> Self {
        Self { schema_version: SCHEMA_VERSION, program, servers }
    }

    /// True if every server is up, without a critical finding.
    pub fn is_good(&self) -> bool {
        let is_critical = |finding: &Finding| finding.severity == Severity::Critical;
        self.servers.iter().all(|server| server.up && !server.findings.iter().any(is_critical))
    }

    /// The report as JSON.
    ///
    /// # Errors
    /// JSON that cannot be written, which does not happen with such plain data.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl ServerReport {
    /// What the collection showed of a server, and what the rules found there.
    pub fn new<S: Source>(scraper: &Scraper<S>, view: Option<&Snapshot>, rules: usize, examined: Examined) -> Self {
        let error = match view.map(|view| &view.up) {
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(format!("{error} ({})", error.reason)),
            None => Some("nothing was collected before the deadline (--scrape-timeout)".to_owned()),
        };
        let probe = view.and_then(|view| view.databases.first()?.probe.as_deref());
        let facts = probe.map(|probe| &probe.facts);
        let role = facts.map(|facts| facts.role).filter(|role| *role != Role::Neither);
        let (attention, mut grants) = view.map(|view| attention(scraper, view)).unwrap_or_default();
        grants.extend(examined.unread.iter().filter_map(|unread| unread.grant.clone()));
        Self {
            target: scraper.source.target(),
            up: error.is_none(),
            error,
            version: facts.map(|facts| facts.version.to_string()),
            role: role.map(Role::word),
            user: facts.map(|facts| facts.user.clone()).filter(|user| !user.is_empty()),
            databases: view
                .map(|view| view.databases.iter().map(|one| one.name.to_string()).collect())
                .unwrap_or_default(),
            collectors: Collectors {
                origin: scraper.catalog.origin.clone(),
                planned: view.map_or(0, |view| view.shown.len()),
                attention,
                skipped: view.map(|view| skipped(scraper, view)).unwrap_or_default(),
            },
            cost: cost(scraper, view, &examined),
            watched: watched(&*scraper.source),
            advice: probe.map(|probe| probe.notes.advice.clone()).unwrap_or_default(),
            grants,
            findings: examined.findings,
            rules,
            unread: examined.unread,
        }
    }
}

/// The collectors that are not planned in the main database.
fn skipped<S: Source>(scraper: &Scraper<S>, view: &Snapshot) -> Vec<Skipped> {
    let main = view.databases.first().map(|main| &*main.skipped).unwrap_or_default();
    let skipped = main.iter().map(|(index, reason)| Skipped {
        collector: scraper.catalog.collectors[*index].key.to_string(),
        reason: reason.to_string(),
        optional: is_optional(reason),
    });
    skipped.collect()
}

fn is_optional(reason: &SkipReason) -> bool {
    matches!(reason, SkipReason::Extension(_) | SkipReason::Membership { .. } | SkipReason::TagMissing(_))
}

fn cost<S: Source>(scraper: &Scraper<S>, view: Option<&Snapshot>, examined: &Examined) -> Cost {
    let mut shown: Vec<&CollectorView> = view.map(|view| view.shown.iter().collect()).unwrap_or_default();
    shown.sort_by_key(|one| std::cmp::Reverse(one.state.duration));
    let longest = shown.iter().take(LONGEST).filter_map(|one| {
        Some(Longest {
            collector: scraper.catalog.collectors[one.collector].key.to_string(),
            database: view?.databases[one.database].name.to_string(),
            seconds: one.state.duration.as_secs_f64(),
        })
    });
    Cost {
        queries: shown.iter().filter(|one| !one.state.duration.is_zero()).count(),
        seconds: shown.iter().map(|one| one.state.duration.as_secs_f64()).sum(),
        rule_queries: examined.queries,
        rule_seconds: examined.took.as_secs_f64(),
        longest: longest.collect(),
    }
}
