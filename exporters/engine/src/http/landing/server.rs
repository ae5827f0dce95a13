//! One server: its state with the reason, the figures that tell how the exporter fares with it, what it consists of.

use std::collections::BTreeSet;
use std::fmt::Write;

use reason::Reason;

use super::html::text;
use super::{chart, collectors};
use crate::http::collector_status::{CollectorStatus, Kind, status};
use crate::http::explain::{details, identity, since};
use crate::http::health;
use crate::http::humanize::{bytes, duration, grouped};
use crate::scrape::{Outcome, Scrape, Scraper, Snapshot};
use crate::source::Source;

/// Everything that the page tells of one server.
pub(super) struct Server<'a, S: Source> {
    /// Its place in the targets.
    at: usize,
    pub scraper: &'a Scraper<S>,
    /// `None` before the first scrape.
    pub view: Option<Snapshot>,
    /// The state of each collector that the view shows.
    pub states: Vec<CollectorStatus>,
    scrapes: Vec<(&'a Scrape, &'a Outcome)>,
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

    /// Its part of the page; `alone` if it is the only one.
    pub fn write(&self, page: &mut String, alone: bool) {
        let target = self.scraper.source.target();
        let (at, class, word) = (self.at, self.class(), self.word());
        write!(page, "<section id=server-{at}><h2><b class=\"mark {class}\">{word}</b> <bdi>{}</bdi>", text(&target))
            .ok();
        let Some(view) = &self.view else {
            page.push_str("</h2><p>not looked at yet, the first scrape will</p></section>");
            return;
        };
        if let Some(who) = self.identity() {
            write!(page, " <small>{}</small>", text(&who)).ok();
        }
        write!(page, " <small>looked at {} s ago</small></h2>", view.started.elapsed().as_secs()).ok();
        if let Err(error) = &view.up {
            write!(page, "<p class=bad>{} ({})</p>", text(&error.message), text(error.reason.as_str())).ok();
        }
        for advice in view.up.iter().flat_map(|facts| &facts.advice) {
            write!(page, "<p class=advice>{}</p>", text(advice)).ok();
        }
        self.tiles(page, view);
        self.details(page, view);
        chart::write(page, &self.scrapes);
        collectors::write(page, self, view, alone);
        page.push_str("</section>");
    }

    /// Role, version and user, as they were last seen.
    fn identity(&self) -> Option<String> {
        let view = self.view.as_ref()?;
        match &view.up {
            Ok(facts) => {
                let lag = facts.lag_seconds.map(|lag| format!(", {lag:.1} s behind"));
                Some(format!("{}{}", identity(facts), lag.unwrap_or_default()))
            }
            Err(_) => Some(format!("last seen as {}", identity(view.databases.first()?.facts.as_ref()?))),
        }
    }

    fn tiles(&self, page: &mut String, view: &Snapshot) {
        page.push_str("<dl class=tiles>");
        let ok = self.count(Kind::Ok) + self.count(Kind::Flawed);
        let class = if self.failed() > 0 { "warn" } else { "" };
        tile(page, "collectors", &format!("{} ok", grouped(ok)), &self.others(view), class);
        if let Some((scrape, outcome)) = self.scrapes.last() {
            let gzip = if scrape.gzip { ", compressed" } else { "" };
            tile(page, "series", &grouped(outcome.series), &format!("on a page of {}{gzip}", bytes(scrape.bytes)), "");
            let class = if outcome.took >= scrape.allowed { "warn" } else { "" };
            tile(page, "last scrape", &duration(outcome.took), &work(scrape, outcome), class);
        }
        if view.databases.len() > 1 {
            let unread = view.databases.iter().filter(|database| database.state.error.is_some()).count();
            let (note, class) = match unread {
                0 => ("all can be read".to_owned(), ""),
                unread => (format!("{unread} cannot be read"), "warn"),
            };
            tile(page, "databases", &grouped(view.databases.len()), &note, class);
        }
        let connections = self.scraper.source.connections();
        if connections.budget > 0 {
            let value = format!("{} of {}", connections.open, connections.budget);
            let note = format!("open now; {} opened so far", grouped(connections.opened as usize));
            tile(page, "connections", &value, &note, "");
        }
        page.push_str("</dl>");
    }

    /// The collectors that are not well, or not here.
    fn others(&self, view: &Snapshot) -> String {
        if view.databases.is_empty() {
            return "the server has never been seen".into();
        }
        let planned: BTreeSet<usize> = view.shown.iter().map(|one| one.collector).collect();
        let skipped = self.scraper.catalog.collectors.len() - planned.len();
        let counts = [
            (self.failed(), "failing"),
            (self.count(Kind::Held), "held"),
            (self.count(Kind::Absent), "not shown"),
            (self.count(Kind::Flawed), "with dropped samples"),
            (skipped, "left out"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        told.collect::<Vec<_>>().join(", ")
    }

    fn details(&self, page: &mut String, view: &Snapshot) {
        let details = details(view);
        if details.is_empty() {
            return;
        }
        page.push_str("<dl class=details>");
        for detail in details {
            let class = if detail.well { "ok" } else { "bad" };
            write!(
                page,
                "<div class={class}><dt>{}<dd>{}{}</div>",
                text(&detail.name),
                text(&detail.state),
                text(&since(detail))
            )
            .ok();
        }
        page.push_str("</dl>");
    }
}

fn states<S: Source>(scraper: &Scraper<S>, view: &Snapshot) -> Vec<CollectorStatus> {
    let of = |one: &crate::scrape::CollectorView| {
        let facts = view.databases[one.database].facts.as_deref();
        let collector = &scraper.catalog.collectors[one.collector];
        // What is shown was planned, and by facts.
        facts.map_or(CollectorStatus { kind: Kind::Absent, text: String::new() }, |facts| {
            status(collector, facts, one, view)
        })
    };
    view.shown.iter().map(of).collect()
}

/// Several servers at a glance.
pub(super) fn overview<S: Source>(page: &mut String, servers: &[Server<'_, S>]) {
    page.push_str("<table class=overview><thead><tr><th>server<th>failing<th>series<th>last scrape<th>state<tbody>");
    for server in servers {
        let (target, class, word) = (server.scraper.source.target(), server.class(), server.word());
        write!(page, "<tr><td><b class=\"mark {class}\">{word}</b> <a href=\"#server-{}\">", server.at).ok();
        let class = if server.failed() > 0 { "bad" } else { "" };
        write!(page, "<bdi>{}</bdi></a><td class=\"{class}\">{}", text(&target), grouped(server.failed())).ok();
        match server.scrapes.last() {
            Some((_, outcome)) => write!(page, "<td>{}<td>{}", grouped(outcome.series), duration(outcome.took)).ok(),
            None => write!(page, "<td><td>").ok(),
        };
        let state = match server.view.as_ref().map(|view| &view.up) {
            Some(Err(error)) => error.message.clone(),
            _ => server.identity().unwrap_or_default(),
        };
        write!(page, "<td>{}", text(&state)).ok();
    }
    page.push_str("</table>");
}

/// A figure with its name above and a note below.
fn tile(page: &mut String, name: &str, value: &str, note: &str, class: &str) {
    write!(page, "<div class=\"{class}\"><dt>{name}<dd>{value}<small>{note}</small></div>").ok();
}

/// How much of a scrape was work, and how much time it had.
fn work(scrape: &Scrape, outcome: &Outcome) -> String {
    let read = match outcome.fetched {
        0 if outcome.planned == 0 => "nothing to read".to_owned(),
        0 => "all from the cache".to_owned(),
        all if all == outcome.planned => "all read anew".to_owned(),
        some => format!("{some} of {} read anew", outcome.planned),
    };
    format!("{read}; {} ago, limit {}", duration(scrape.at.elapsed()), duration(scrape.allowed))
}
