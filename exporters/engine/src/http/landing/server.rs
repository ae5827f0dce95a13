//! One server: everything that the status page shows of it.

use reason::Reason;

use crate::http::collector_status::{CollectorStatus, Kind, status};
use crate::http::explain::identity;
use crate::http::health;
use crate::scrape::{CollectorView, Outcome, Scrape, Scraper, Snapshot};
use crate::source::Source;

/// Everything that the page shows of one server.
pub(super) struct Server<'a, S: Source> {
    /// Its place in the targets.
    pub at: usize,
    pub scraper: &'a Scraper<S>,
    /// `None` before the first scrape.
    pub view: Option<Snapshot>,
    /// The state of each collector that the view shows.
    pub states: Vec<CollectorStatus>,
    /// The last scrapes, the oldest first.
    pub scrapes: Vec<(&'a Scrape, &'a Outcome)>,
}

impl<'a, S: Source> Server<'a, S> {
    pub fn new(at: usize, scraper: &'a Scraper<S>, history: &'a [Scrape]) -> Self {
        let view = scraper.last_snapshot();
        let states = view.as_ref().map(|view| states(scraper, view)).unwrap_or_default();
        let scrapes = history.iter().filter_map(|scrape| Some((scrape, scrape.servers.get(at)?))).collect();
        Self { at, scraper, view, states, scrapes }
    }

    /// How many collectors are in that state.
    pub fn count(&self, kind: Kind) -> usize {
        self.states.iter().filter(|state| state.kind == kind).count()
    }

    pub fn failed(&self) -> usize {
        self.count(Kind::Failed)
    }

    /// Up, down or starting.
    pub fn word(&self) -> &'static str {
        match self.view.as_ref().map(|view| &view.up) {
            None => "not scraped yet",
            Some(Ok(_)) => "up",
            Some(Err(error)) => health::word(error),
        }
    }

    /// The colour of its state.
    pub fn class(&self) -> &'static str {
        match self.view.as_ref().map(|view| &view.up) {
            None => "off",
            Some(Err(error)) if error.reason == Reason::Starting => "warn",
            Some(Err(_)) => "bad",
            Some(Ok(_)) => "ok",
        }
    }

    /// Role, version and user, as they were last seen.
    pub fn identity(&self) -> Option<String> {
        let view = self.view.as_ref()?;
        match &view.up {
            Ok(probe) => {
                let lag = probe.lag_seconds.map(|lag| format!(", {lag:.1} s behind"));
                Some(format!("{}{}", identity(&probe.facts), lag.unwrap_or_default()))
            }
            Err(_) => Some(format!("last seen as {}", identity(&view.databases.first()?.probe.as_ref()?.facts))),
        }
    }
}

fn states<S: Source>(scraper: &Scraper<S>, view: &Snapshot) -> Vec<CollectorStatus> {
    let of = |one: &CollectorView| {
        let probe = view.databases[one.database].probe.as_deref();
        let collector = &scraper.catalog.collectors[one.collector];
        // A collector that is shown was planned, and so there was a probe.
        probe.map_or(CollectorStatus { kind: Kind::Absent, text: String::new() }, |probe| {
            status(collector, probe, one, view)
        })
    };
    view.shown.iter().map(of).collect()
}
