//! What is planned for each database, what is not and why, and what each collector costs.

use std::fmt::Write;

use super::figures::duration;
use super::health::word;
use super::state::state;
use crate::facts::{Detail, Role, ServerFacts};
use crate::scrape::{DatabaseView, Fleet, Scraper, View};
use crate::source::Source;

/// The plan of every database of every server, as text.
pub(crate) fn explain<S: Source>(fleet: &Fleet<S>) -> String {
    fleet.scrapers.iter().map(|scraper| explain_server(scraper)).collect::<Vec<_>>().join("\n")
}

fn explain_server<S: Source>(scraper: &Scraper<S>) -> String {
    let mut out = format!("# server {}, collectors of {}\n", scraper.source.target(), scraper.catalog.origin);
    let Some(view) = scraper.last_view() else {
        out.push_str("# not looked at yet: it will be at the first scrape\n");
        return out;
    };
    let age = view.started.elapsed().as_secs();
    // Writing to a String cannot fail, here and below.
    match &view.up {
        Ok(facts) => {
            writeln!(out, "# {}, looked at {age} s ago", identity(facts)).ok();
            for advice in &facts.advice {
                writeln!(out, "# {advice}").ok();
            }
        }
        Err(error) => writeln!(out, "# {}: {error} ({}), {age} s ago", word(error), error.reason).unwrap_or_default(),
    }
    for detail in details(&view) {
        writeln!(out, "# {}: {}{}", detail.name, detail.state, since(detail)).ok();
    }
    for (at, database) in view.databases.iter().enumerate() {
        explain_database(&mut out, scraper, &view, at, database);
    }
    out
}

/// What a server is, in a few words.
pub(super) fn identity(facts: &ServerFacts) -> String {
    let role = if facts.role == Role::Neither { String::new() } else { format!("{}, ", facts.role.word()) };
    let user = if facts.user.is_empty() { String::new() } else { format!(", as {}", facts.user) };
    format!("{role}version {}{user}", facts.version)
}

/// What the server consists of, as last seen.
pub(super) fn details(view: &View) -> &[Detail] {
    view.databases.first().and_then(|main| main.facts.as_ref()).map_or(&[], |facts| &facts.details)
}

/// How long ago the state of a detail came about.
pub(super) fn since(detail: &Detail) -> String {
    detail.since.map_or_else(String::new, |since| format!(", {} ago", duration(since.elapsed())))
}

fn explain_database<S: Source>(
    out: &mut String,
    scraper: &Scraper<S>,
    view: &View,
    at: usize,
    database: &DatabaseView,
) {
    let main = if database.main { ", the main one" } else { "" };
    match &*database.name {
        // There is nothing to tell apart.
        "" => out.push('\n'),
        name => writeln!(out, "\n## database {name}{main}").unwrap_or_default(),
    }
    if let Some(error) = &database.record.error {
        writeln!(out, "cannot be read: {error} ({})", error.reason).ok();
    }
    let Some(facts) = &database.facts else { return };
    let width = scraper.catalog.collectors.iter().map(|collector| collector.key.len()).max().unwrap_or_default();
    let [collector, ttl, age, ms, rows, series, state] = ["collector", "ttl", "age", "ms", "rows", "series", "state"];
    writeln!(out, "{collector:<width$} {ttl:>5} {age:>6} {ms:>8} {rows:>7} {series:>7}  {state}").ok();
    for one in view.shown.iter().filter(|one| one.database == at) {
        let collector = &scraper.catalog.collectors[one.collector];
        let (age, rows, series) = match &one.record.good {
            Some(good) => (good.at.elapsed().as_secs().to_string(), good.block.rows, good.block.series),
            None => ("-".into(), 0, 0),
        };
        let ttl = scraper.ttl(one.collector).as_secs_f64();
        let ms = one.record.duration.as_secs_f64() * 1e3;
        let (key, state) = (&collector.key, self::state(collector, facts, one, view).text);
        writeln!(out, "{key:<width$} {ttl:>5} {age:>6} {ms:>8.1} {rows:>7} {series:>7}  {state}").ok();
    }
    for (index, reason) in &database.plan.left_out {
        writeln!(out, "{:<width$} not planned: {reason}", scraper.catalog.collectors[*index].key).ok();
    }
}
