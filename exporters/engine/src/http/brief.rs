//! `explain` in brief: one line for each database, what fails and why, and what takes longest.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::collector_status::{Kind, TO_SEE_EVERYTHING, rest_status, status};
use super::explain::explain_head;
use super::humanize::duration;
use crate::printable::Lines;
use crate::scrape::{CollectorView, DatabaseView, Scraper, Snapshot, Targets};
use crate::source::Source;

/// How many of the collectors that take longest are listed.
const LONGEST: usize = 5;

/// The plan of every server in brief, as text.
pub(crate) fn explain_briefly<S: Source>(targets: &Targets<S>) -> String {
    let mut out = Lines::default();
    for (at, scraper) in targets.scrapers.iter().enumerate() {
        if at > 0 {
            out.line("");
        }
        explain_head(&mut out, scraper);
        if let Some(view) = scraper.last_snapshot() {
            databases(&mut out, &view);
            attention_sections(&mut out, scraper, &view);
            longest(&mut out, scraper, &view);
        }
    }
    out.line("");
    out.line("# explain --all lists every collector, with those that are not planned and why");
    out.into_text()
}

/// Whether every server answered and no planned collector of it failed.
pub(crate) fn all_succeeded<S: Source>(targets: &Targets<S>) -> bool {
    targets.scrapers.iter().all(|scraper| {
        let is_good = |view: &Snapshot| view.up.is_ok() && view.running().all(|one| one.state.failure.is_none());
        scraper.last_snapshot().is_some_and(|view| is_good(&view))
    })
}

fn of_database(view: &Snapshot, at: usize) -> impl Iterator<Item = &CollectorView> {
    view.shown.iter().filter(move |one| one.database == at)
}

fn databases(out: &mut Lines, view: &Snapshot) {
    // A server that is down has shown none.
    if view.databases.is_empty() {
        return;
    }
    let width = view.databases.iter().map(|database| database.name.len()).max().unwrap_or_default().max(8);
    out.line("");
    out.line(format_args!("{:<width$}  collectors  failed  series      time", "database"));
    for (at, database) in view.databases.iter().enumerate() {
        if database.probe.is_none() {
            out.line(format_args!("{:<width$}  {}", database.name, unread(database)));
            continue;
        }
        let (count, failed) = (of_database(view, at).count(), failures(view, at));
        let results = of_database(view, at).filter_map(|one| one.state.last_success.as_ref());
        let series: usize = results.map(|good| good.result.series).sum();
        let time = duration(of_database(view, at).map(|one| one.state.duration).sum::<Duration>());
        let main = if database.main && view.databases.len() > 1 { "  main" } else { "" };
        out.line(format_args!("{:<width$}  {count:>10}  {failed:>6}  {series:>6}  {time:>8}{main}", database.name));
    }
}

fn unread(database: &DatabaseView) -> String {
    match &database.state.error {
        Some(error) => format!("cannot be read: {error} ({})", error.reason),
        None => "not read: there was no time for this database".into(),
    }
}

fn failures(view: &Snapshot, at: usize) -> usize {
    of_database(view, at).filter(|one| one.state.failure.is_some()).count()
}

/// A collector that failed or whose samples were dropped.
#[derive(Debug, Serialize)]
pub(crate) struct Attention {
    pub database: String,
    pub collector: String,
    pub status: String,
}

/// Collectors that need attention, and the grants that would show more.
pub(crate) fn attention<S: Source>(scraper: &Scraper<S>, view: &Snapshot) -> (Vec<Attention>, BTreeSet<String>) {
    let (mut found, mut grants) = (Vec::new(), BTreeSet::new());
    for one in &view.shown {
        let (collector, database) = (&scraper.catalog.collectors[one.collector], &view.databases[one.database]);
        let Some(probe) = &database.probe else { continue };
        let status = status(collector, probe, one, view);
        if status.kind != Kind::Ok {
            let (database, collector) = (database.name.to_string(), collector.key.to_string());
            found.push(Attention { database, collector, status: status.text });
        } else if let Some((_, grant)) = status.text.split_once(TO_SEE_EVERYTHING) {
            grants.insert(format!("{grant};"));
        }
    }
    for (one, status) in view.rest.iter().map(|one| (one, rest_status(one))) {
        if status.kind != Kind::Ok {
            let collector = scraper.catalog.collectors[one.collector].key.to_string();
            found.push(Attention { database: String::new(), collector, status: status.text });
        }
    }
    (found, grants)
}

/// What needs attention, and the grants that would show more, as text.
pub(super) fn attention_sections<S: Source>(out: &mut Lines, scraper: &Scraper<S>, view: &Snapshot) {
    let (attention, grants) = attention(scraper, view);
    let place = |name: &str| if name.is_empty() { String::new() } else { format!("{name} ") };
    let line = |one: &Attention| format!("{}{}: {}", place(&one.database), one.collector, one.status);
    out.section("# needs attention", attention.iter().map(line));
    out.section("# to see everything", grants);
}

fn longest<S: Source>(out: &mut Lines, scraper: &Scraper<S>, view: &Snapshot) {
    let mut shown: Vec<&CollectorView> = view.shown.iter().collect();
    shown.sort_by_key(|one| std::cmp::Reverse(one.state.duration));
    let longest = shown.into_iter().take(LONGEST).map(|one| {
        let database = &view.databases[one.database].name;
        let place = if database.is_empty() { String::new() } else { format!(" in {database}") };
        format!("{}{place} {}", scraper.catalog.collectors[one.collector].key, duration(one.state.duration))
    });
    let longest: Vec<String> = longest.collect();
    if !longest.is_empty() {
        out.line("");
        out.line(format_args!("# longest: {}", longest.join(", ")));
    }
}
