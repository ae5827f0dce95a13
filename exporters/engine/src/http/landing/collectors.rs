//! The collectors of each database: those that need attention first, then by what they cost.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::server::Server;
use crate::http::collector_status::{CollectorStatus, Kind, rest_status};
use crate::http::humanize::{duration, grouped};
use crate::plan::SkipReason;
use crate::scrape::{CollectorView, DatabaseView, Snapshot};
use crate::source::Source;

/// A collector with its state.
type Row<'a> = (&'a CollectorView, &'a CollectorStatus);

/// How many databases with problems are open; the others name them in their summary.
const OPEN: usize = 3;

/// Every database of a server, the main one first, then those with problems; `alone` if there is no other server.
pub(super) fn databases<S: Source>(server: &Server<'_, S>, view: &Snapshot, alone: bool) -> Markup {
    let mut databases: Vec<(&DatabaseView, Vec<Row<'_>>)> =
        view.databases.iter().enumerate().map(|(at, database)| (database, rows(server, view, at))).collect();
    databases.sort_by_key(|(database, rows)| (!database.main, !has_problems(database, rows)));
    let mut opened = 0;
    let mut is_open = |database: &DatabaseView, rows: &[Row<'_>]| {
        let shows_problems = has_problems(database, rows) && view.up.is_ok() && opened < OPEN;
        opened += usize::from(shows_problems);
        shows_problems || (database.main && alone)
    };
    html! {
        @for (database, rows) in &databases {
            details open[is_open(database, rows)] {
                summary { (summary(database, rows)) }
                @if let (Some(error), Ok(_)) = (&database.state.error, &view.up) {
                    p.bad { (error.message) " (" (error.reason) ")" }
                }
                @if !rows.is_empty() { (table(server, rows)) }
                (skipped(server, database))
            }
        }
    }
}

/// The collectors of a REST interface.
pub(super) fn rest<S: Source>(server: &Server<'_, S>, view: &Snapshot) -> Markup {
    let states: Vec<CollectorStatus> = view.rest.iter().map(rest_status).collect();
    let rows: Vec<Row<'_>> = view.rest.iter().zip(&states).collect();
    let is_bad = states.iter().any(|state| state.kind <= Kind::Flawed);
    html! {
        @if !rows.is_empty() {
            details open[is_bad] {
                summary { h3 { "REST interface of Patroni" } }
                (table(server, &rows))
            }
        }
    }
}

fn rows<'a, S: Source>(server: &'a Server<'_, S>, view: &'a Snapshot, database: usize) -> Vec<Row<'a>> {
    let all = view.shown.iter().zip(&server.states);
    let mut rows: Vec<Row<'_>> = all.filter(|(one, _)| one.database == database).collect();
    rows.sort_by_key(|(one, state)| (state.kind, Reverse(one.state.duration)));
    rows
}

fn has_problems(database: &DatabaseView, rows: &[Row<'_>]) -> bool {
    database.state.error.is_some() || rows.iter().any(|(_, state)| state.kind <= Kind::Flawed)
}

/// A database in one line.
fn summary(database: &DatabaseView, rows: &[Row<'_>]) -> Markup {
    let count = |of: &dyn Fn(Kind) -> bool| rows.iter().filter(|(_, state)| of(state.kind)).count();
    let counts = [
        (count(&|kind| kind == Kind::Failed), "bad", "failing"),
        (count(&|kind| kind == Kind::Stale), "warn", "stale"),
        (count(&|kind| kind == Kind::Absent), "off", "not exported"),
        (count(&|kind| kind == Kind::Flawed || kind == Kind::Ok), "off", "ok"),
    ];
    let series = rows.iter().filter_map(|(one, _)| one.result.as_ref()).map(|result| result.series).sum();
    html! {
        h3 {
            @match &*database.name {
                "" => "collectors",
                name => { bdi { (name) } @if database.main { " " small { "main" } } }
            }
        }
        @if database.state.error.is_some() { " " span.bad { "cannot be read" } }
        @if database.is_unread() { " " span.warn { "not read yet" } }
        @for (many, class, what) in counts.iter().filter(|(many, ..)| *many > 0) {
            " " span class=(class) { (many) " " (what) }
        }
        " " span.off { (grouped(series)) " series" }
        " " span.off { "last collection " (duration(database.state.last)) }
    }
}

fn table<S: Source>(server: &Server<'_, S>, rows: &[Row<'_>]) -> Markup {
    let slowest = rows.iter().map(|(one, _)| one.state.duration.as_secs_f64()).fold(f64::MIN_POSITIVE, f64::max);
    html! {
        table {
            thead {
                tr { th { "collector" } th { "age of ttl" } th { "ms" } th { "rows" } th { "series" } th { "state" } }
            }
            tbody {
                @for (one, state) in rows {
                    @let seconds = one.state.duration.as_secs_f64();
                    tr class=(class(state)) {
                        td { (server.scraper.catalog.collectors[one.collector].key) }
                        (age(one, server.scraper.ttl(one.collector).as_secs_f64()))
                        td.part style=(format!("--part:{:.0}%", 100.0 * seconds / slowest)) {
                            (format_args!("{:.1}", seconds * 1e3))
                        }
                        @match &one.result {
                            Some(result) => { td { (grouped(result.rows)) } td { (grouped(result.series)) } }
                            None => { td { "–" } td { "–" } }
                        }
                        td { (state.text) }
                    }
                }
            }
        }
    }
}

fn class(state: &CollectorStatus) -> &'static str {
    match state.kind {
        Kind::Failed => "bad",
        Kind::Stale | Kind::Flawed => "warn",
        Kind::Absent => "off",
        Kind::Ok if state.text == "ok" => "ok",
        Kind::Ok => "ok said",
    }
}

/// How old the result is, as a number and as a part of its time to live, if it has one.
fn age(one: &CollectorView, ttl_seconds: f64) -> Markup {
    let success = one.state.last_success.as_ref();
    html! {
        @match success.map(|success| (success.at.elapsed().as_secs_f64(), success.expires_in().is_zero())) {
            None => td { "–" },
            Some((seconds, is_due)) if ttl_seconds > 0.0 => {
                @let part = (100.0 * seconds / ttl_seconds).min(100.0);
                td.part.due[is_due] style=(format!("--part:{part:.0}%")) {
                    (format_args!("{seconds:.0} of {ttl_seconds} s"))
                }
            }
            Some((seconds, _)) => td { (format_args!("{seconds:.0} s")) },
        }
    }
}

/// The collectors that are not planned, and why.
fn skipped<S: Source>(server: &Server<'_, S>, database: &DatabaseView) -> Markup {
    // Those that run in the main database would be most of the page, so there is one line for all of them.
    let (elsewhere, skipped): (Vec<_>, Vec<_>) =
        database.skipped.iter().partition(|(_, reason)| *reason == SkipReason::MainDatabaseOnly);
    html! {
        @if !database.skipped.is_empty() {
            details.out {
                summary { (database.skipped.len()) " skipped" }
                dl {
                    @for (index, reason) in skipped {
                        div {
                            dt { (server.scraper.catalog.collectors[*index].key) }
                            dd { "not planned: " (reason) }
                        }
                    }
                    @if !elsewhere.is_empty() {
                        div { dt { (elsewhere.len()) " more" } dd { "run once per server, in the main database" } }
                    }
                }
            }
        }
    }
}
