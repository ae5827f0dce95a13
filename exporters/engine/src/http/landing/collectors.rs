//! The collectors of each database: those that need a person first, then by what they cost.

use std::cmp::Reverse;
use std::fmt::Write;

use super::html::text;
use super::server::Server;
use crate::http::collector_status::{CollectorStatus, Kind};
use crate::http::humanize::{duration, grouped};
use crate::plan::SkipReason;
use crate::scrape::{CollectorView, DatabaseView, Snapshot};
use crate::source::Source;

/// A collector with its state.
type Row<'a> = (&'a CollectorView, &'a CollectorStatus);

/// How many databases with ills stand open; the others say so in their line.
const OPEN: usize = 3;

/// Every database of a server, the main one first, then those with ills; `alone` if there is no other server.
pub(super) fn write<S: Source>(page: &mut String, server: &Server<'_, S>, view: &Snapshot, alone: bool) {
    let mut databases: Vec<(&DatabaseView, Vec<Row<'_>>)> =
        view.databases.iter().enumerate().map(|(at, database)| (database, rows(server, view, at))).collect();
    databases.sort_by_key(|(database, rows)| (!database.main, !has_ills(database, rows)));
    let mut opened = 0;
    for (database, rows) in &databases {
        let ills = has_ills(database, rows) && view.up.is_ok() && opened < OPEN;
        opened += usize::from(ills);
        let open = if ills || (database.main && alone) { " open" } else { "" };
        write!(page, "<details{open}><summary>{}</summary>", head(database, rows)).ok();
        if let (Some(error), Ok(_)) = (&database.state.error, &view.up) {
            write!(page, "<p class=bad>{} ({})</p>", text(&error.message), text(error.reason.as_str())).ok();
        }
        if !rows.is_empty() {
            table(page, server, rows);
        }
        skipped(page, server, database);
        page.push_str("</details>");
    }
}

fn rows<'a, S: Source>(server: &'a Server<'_, S>, view: &'a Snapshot, database: usize) -> Vec<Row<'a>> {
    let all = view.shown.iter().zip(&server.states);
    let mut rows: Vec<Row<'_>> = all.filter(|(one, _)| one.database == database).collect();
    rows.sort_by_key(|(one, state)| (state.kind, Reverse(one.state.duration)));
    rows
}

fn has_ills(database: &DatabaseView, rows: &[Row<'_>]) -> bool {
    database.state.error.is_some() || rows.iter().any(|(_, state)| state.kind <= Kind::Flawed)
}

/// A database in one line.
fn head(database: &DatabaseView, rows: &[Row<'_>]) -> String {
    let count = |of: &dyn Fn(Kind) -> bool| rows.iter().filter(|(_, state)| of(state.kind)).count();
    let mut head = match &*database.name {
        "" => "<h3>collectors</h3>".to_owned(),
        name if database.main => format!("<h3><bdi>{}</bdi> <small>main</small></h3>", text(name)),
        name => format!("<h3><bdi>{}</bdi></h3>", text(name)),
    };
    if database.state.error.is_some() {
        head.push_str(" <span class=bad>cannot be read</span>");
    }
    for (many, class, what) in [
        (count(&|kind| kind == Kind::Failed), "bad", "failing"),
        (count(&|kind| kind == Kind::Held), "warn", "held"),
        (count(&|kind| kind == Kind::Absent), "off", "not shown"),
        (count(&|kind| kind == Kind::Flawed || kind == Kind::Ok), "off", "ok"),
    ] {
        if many > 0 {
            write!(head, " <span class={class}>{many} {what}</span>").ok();
        }
    }
    let series = rows.iter().filter_map(|(one, _)| one.result.as_ref()).map(|result| result.series).sum();
    let (series, visit) = (grouped(series), duration(database.state.last));
    write!(head, " <span class=off>{series} series</span> <span class=off>last visit {visit}</span>").ok();
    head
}

fn table<S: Source>(page: &mut String, server: &Server<'_, S>, rows: &[Row<'_>]) {
    page.push_str("<table><thead><tr><th>collector<th>age of ttl<th>ms<th>rows<th>series<th>state<tbody>");
    let slowest = rows.iter().map(|(one, _)| one.state.duration.as_secs_f64()).fold(f64::MIN_POSITIVE, f64::max);
    for (one, state) in rows {
        let class = match state.kind {
            Kind::Failed => "bad",
            Kind::Held | Kind::Flawed => "warn",
            Kind::Absent => "off",
            Kind::Ok if state.text == "ok" => "ok",
            Kind::Ok => "ok said",
        };
        let key = &server.scraper.catalog.collectors[one.collector].key;
        write!(page, "<tr class=\"{class}\"><td>{}", text(key)).ok();
        age(page, one, server.scraper.ttl(one.collector).as_secs_f64());
        let seconds = one.state.duration.as_secs_f64();
        write!(page, "<td class=part style=\"--part:{:.0}%\">{:.1}", 100.0 * seconds / slowest, seconds * 1e3).ok();
        match &one.result {
            Some(result) => write!(page, "<td>{}<td>{}", grouped(result.rows), grouped(result.series)).ok(),
            None => write!(page, "<td>–<td>–").ok(),
        };
        write!(page, "<td>{}", text(&state.text)).ok();
    }
    page.push_str("</table>");
}

/// How old the result is, as a number and as a part of its time to live, if it has one.
fn age(page: &mut String, one: &CollectorView, ttl_seconds: f64) {
    let seconds = one.state.last_success.as_ref().map(|good| good.at.elapsed().as_secs_f64());
    match seconds {
        None => page.push_str("<td>–"),
        Some(seconds) if ttl_seconds > 0.0 => {
            let part = (100.0 * seconds / ttl_seconds).min(100.0);
            let due = if part < 100.0 { "" } else { " due" };
            let class_and_style = format!("class=\"part{due}\" style=\"--part:{part:.0}%\"");
            write!(page, "<td {class_and_style}>{seconds:.0} of {ttl_seconds} s").ok();
        }
        Some(seconds) => write!(page, "<td>{seconds:.0} s").unwrap_or_default(),
    }
}

/// What is not planned, and why.
fn skipped<S: Source>(page: &mut String, server: &Server<'_, S>, database: &DatabaseView) {
    // Said once below, since it would be most of the page.
    let (elsewhere, skipped): (Vec<_>, Vec<_>) =
        database.plan.skipped.iter().partition(|(_, reason)| *reason == SkipReason::MainDatabaseOnly);
    if skipped.is_empty() && elsewhere.is_empty() {
        return;
    }
    write!(page, "<details class=out><summary>{} left out</summary><dl>", database.plan.skipped.len()).ok();
    for (index, reason) in skipped {
        let key = &server.scraper.catalog.collectors[*index].key;
        write!(page, "<div><dt>{}<dd>not planned: {}</div>", text(key), text(&reason.to_string())).ok();
    }
    if !elsewhere.is_empty() {
        write!(page, "<div><dt>{} more<dd>run once per server, in the main database</div>", elsewhere.len()).ok();
    }
    page.push_str("</dl></details>");
}
