//! What is planned for each database, what is not and why, and what each collector costs.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::health::word;
use crate::collector::{Collector, quote};
use crate::facts::{Role, ServerFacts};
use crate::scrape::{DatabaseView, Fleet, Record, Scraper};
use crate::source::Source;

/// The plan of every database of every server, as text.
pub(crate) fn explain<S: Source>(fleet: &Fleet<S>) -> String {
    fleet.scrapers.iter().map(|scraper| explain_server(scraper)).collect::<Vec<_>>().join("\n")
}

fn explain_server<S: Source>(scraper: &Scraper<S>) -> String {
    let mut out = format!("# server {}, collectors of {}\n", scraper.source.target(), scraper.catalog.origin);
    match scraper.last_look() {
        None => out.push_str("# not looked at yet: it will be at the first scrape\n"),
        // Writing to a String cannot fail, here and below.
        Some((Ok(facts), at)) => {
            writeln!(out, "# {}, looked at {} s ago", identity(&facts), at.elapsed().as_secs()).ok();
            for advice in &facts.advice {
                writeln!(out, "# {advice}").ok();
            }
        }
        Some((Err(error), at)) => {
            writeln!(out, "# {}: {error} ({}), {} s ago", word(&error), error.reason, at.elapsed().as_secs()).ok();
        }
    }
    for database in scraper.databases() {
        explain_database(&mut out, scraper, &database);
    }
    out
}

/// What a server is, in a few words.
pub(super) fn identity(facts: &ServerFacts) -> String {
    let role = if facts.role == Role::Neither { String::new() } else { format!("{}, ", facts.role.word()) };
    let user = if facts.user.is_empty() { String::new() } else { format!(", as {}", facts.user) };
    format!("{role}version {}{user}", facts.version)
}

fn explain_database<S: Source>(out: &mut String, scraper: &Scraper<S>, database: &DatabaseView) {
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
    for planned in &database.plan.planned {
        let collector = &scraper.catalog.collectors[planned.collector];
        let record = scraper.record(planned.collector, &database.name);
        let (age, rows, series) = match &record.good {
            Some(good) => (good.at.elapsed().as_secs().to_string(), good.block.rows, good.block.series),
            None => ("-".into(), 0, 0),
        };
        let ttl = scraper.ttl(planned.collector).as_secs_f64();
        let ms = record.duration.as_secs_f64() * 1e3;
        let (key, state) = (&collector.key, self::state(collector, facts, &record));
        writeln!(out, "{key:<width$} {ttl:>5} {age:>6} {ms:>8.1} {rows:>7} {series:>7}  {state}").ok();
    }
    for (index, reason) in &database.plan.left_out {
        writeln!(out, "{:<width$} not planned: {reason}", scraper.catalog.collectors[*index].key).ok();
    }
}

/// One line on what became of a collector, and on what to grant if the role is not let at something.
pub(super) fn state(collector: &Collector, facts: &ServerFacts, record: &Record) -> String {
    let state = outcome(record);
    let forbidden = record.failure.as_ref().is_some_and(|failure| failure.error.reason == "permission");
    let Some(grant) = collector.grant.as_deref() else { return state };
    let role = grant.strip_prefix("GRANT ").and_then(|rest| rest.split_once(" TO ")).map(|(role, _)| role);
    // Of a grant that is no membership nobody knows whether it was given, until it is missed.
    let gives_more = role.is_some_and(|role| !role.contains(' ') && !facts.roles.contains(role));
    if forbidden || gives_more {
        format!("{state}; to let it see all: {}", grant.replace("@user@", &quote(&facts.user)))
    } else {
        state
    }
}

fn outcome(record: &Record) -> String {
    if let Some(failure) = &record.failure {
        let wait = failure.next_try.saturating_duration_since(Instant::now());
        let next =
            if wait == Duration::ZERO { "at the next scrape".into() } else { format!("in {} s", wait.as_secs() + 1) };
        let often = if failure.in_a_row == 1 { String::new() } else { format!(" {} times in a row", failure.in_a_row) };
        return format!("failed{often} ({}): {}; next try {next}", failure.error.reason, failure.error);
    }
    match &record.good {
        _ if record.in_flight => "running".into(),
        Some(good) if good.block.skipped => "skipped by a predicate".into(),
        Some(good) if good.block.drops.is_empty() => match good.block.others {
            Some(others) if others > 0 => format!("ok, {others} rows summed into other"),
            _ => "ok".into(),
        },
        Some(good) => {
            let drops: Vec<String> = good
                .block
                .drops
                .iter()
                .map(|(why, (count, example))| format!("{count} {} ({example})", why.word()))
                .collect();
            format!("ok, but samples dropped: {}", drops.join(", "))
        }
        None => "not run yet".into(),
    }
}
