//! `explain`: what is planned for each database, what is not and why, and what each collector costs.

use super::collector_status::{CollectorStatus, rest_status, status};
use super::health::word;
use super::humanize::duration;
use crate::facts::{Detail, Role, ServerFacts};
use crate::printable::Lines;
use crate::scrape::{CollectorView, DatabaseView, Scraper, Snapshot, Targets};
use crate::source::Source;

/// The plan of every database of every server, as text.
pub(crate) fn explain<S: Source>(targets: &Targets<S>) -> String {
    let mut out = Lines::default();
    for (at, scraper) in targets.scrapers.iter().enumerate() {
        if at > 0 {
            out.line("");
        }
        explain_server(&mut out, scraper);
    }
    out.into_text()
}

fn explain_server<S: Source>(out: &mut Lines, scraper: &Scraper<S>) {
    explain_head(out, scraper);
    let Some(view) = scraper.last_snapshot() else { return };
    for (at, database) in view.databases.iter().enumerate() {
        explain_database(out, scraper, &view, at, database);
    }
    if !view.rest.is_empty() {
        out.line("");
        out.line("## REST interface of Patroni");
        heading(out, scraper);
        view.rest.iter().for_each(|one| row(out, scraper, one, &rest_status(one)));
    }
}

fn key_width<S: Source>(scraper: &Scraper<S>) -> usize {
    scraper.catalog.collectors.iter().map(|collector| collector.key.len()).max().unwrap_or_default()
}

fn heading<S: Source>(out: &mut Lines, scraper: &Scraper<S>) {
    let width = key_width(scraper);
    let [collector, ttl, age, ms, rows, series, state] = ["collector", "ttl", "age", "ms", "rows", "series", "state"];
    out.line(format_args!("{collector:<width$} {ttl:>5} {age:>6} {ms:>8} {rows:>7} {series:>7}  {state}"));
}

fn row<S: Source>(out: &mut Lines, scraper: &Scraper<S>, one: &CollectorView, status: &CollectorStatus) {
    let (age, rows, series) = match &one.state.last_success {
        Some(good) => (good.at.elapsed().as_secs().to_string(), good.result.rows, good.result.series),
        None => ("-".into(), 0, 0),
    };
    let (width, ttl) = (key_width(scraper), scraper.ttl(one.collector).as_secs_f64());
    let ms = one.state.duration.as_secs_f64() * 1e3;
    let (key, state) = (&scraper.catalog.collectors[one.collector].key, &status.text);
    out.line(format_args!("{key:<width$} {ttl:>5} {age:>6} {ms:>8.1} {rows:>7} {series:>7}  {state}"));
}

/// What the server is, how it was reached, and what it advises.
pub(super) fn explain_head<S: Source>(out: &mut Lines, scraper: &Scraper<S>) {
    out.line(format_args!("# server {}, collectors of {}", scraper.source.target(), scraper.catalog.origin));
    let Some(view) = scraper.last_snapshot() else {
        out.line("# no scrape yet: the first one probes the server");
        return watched(&*scraper.source).iter().for_each(|line| out.line(format_args!("# {line}")));
    };
    let age = view.started.elapsed().as_secs();
    match &view.up {
        Ok(probe) => {
            out.line(format_args!("# {}, probed {age} s ago", identity(&probe.facts)));
            for advice in &probe.notes.advice {
                out.line(format_args!("# {advice}"));
            }
        }
        Err(error) => out.line(format_args!("# {}: {error} ({}), {age} s ago", word(error), error.reason)),
    }
    for detail in details(&view) {
        out.line(format_args!("# {}: {}{}", detail.name, detail.state, since(detail)));
    }
    watched(&*scraper.source).iter().for_each(|line| out.line(format_args!("# {line}")));
}

/// What the source watches beside the server, one line each.
pub(crate) fn watched<S: Source>(source: &S) -> Vec<String> {
    source.details().iter().map(|one| format!("{}: {}{}", one.name, one.state, since(one))).collect()
}

/// What a server is, in a few words.
pub(super) fn identity(facts: &ServerFacts) -> String {
    let role = if facts.role == Role::Neither { String::new() } else { format!("{}, ", facts.role.word()) };
    let user = if facts.user.is_empty() { String::new() } else { format!(", as {}", facts.user) };
    format!("{role}version {}{user}", facts.version)
}

/// What the server consists of, as last seen.
pub(super) fn details(view: &Snapshot) -> &[Detail] {
    view.databases.first().and_then(|main| main.probe.as_ref()).map_or(&[], |probe| &probe.notes.details)
}

/// How long ago the state of a detail came about.
pub(super) fn since(detail: &Detail) -> String {
    detail.since.map_or_else(String::new, |since| format!(", {} ago", duration(since.elapsed())))
}

fn explain_database<S: Source>(
    out: &mut Lines,
    scraper: &Scraper<S>,
    view: &Snapshot,
    at: usize,
    database: &DatabaseView,
) {
    let main = if database.main { ", the main database" } else { "" };
    match &*database.name {
        // The server has no databases.
        "" => out.line(""),
        name => {
            out.line("");
            out.line(format_args!("## database {name}{main}"));
        }
    }
    if let Some(error) = &database.state.error {
        out.line(format_args!("cannot be read: {error} ({})", error.reason));
    }
    let Some(probe) = &database.probe else {
        if database.is_unread() {
            out.line("not read yet: there was no time for this database since the exporter started");
        }
        return;
    };
    heading(out, scraper);
    for one in view.shown.iter().filter(|one| one.database == at) {
        let collector = &scraper.catalog.collectors[one.collector];
        row(out, scraper, one, &status(collector, probe, one, view));
    }
    let width = key_width(scraper);
    for (index, reason) in &*database.skipped {
        out.line(format_args!("{:<width$} not planned: {reason}", scraper.catalog.collectors[*index].key));
    }
}
