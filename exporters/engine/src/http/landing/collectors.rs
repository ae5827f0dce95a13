//! The collectors of each database: those that need a person first, then by what they cost.

use std::cmp::Reverse;
use std::fmt::Write;

use super::html::text;
use super::server::Server;
use crate::http::figures::{duration, grouped};
use crate::http::state::{Kind, State};
use crate::plan::LeftOut;
use crate::scrape::{DatabaseView, Shown, View};
use crate::source::Source;

/// A collector with its state.
type Row<'a> = (&'a Shown, &'a State);

/// How many databases with ills stand open; the others say so in their line.
const OPEN: usize = 3;

/// Every database of a server, the main one first, then those with ills; `alone` if there is no other server.
pub(super) fn write<S: Source>(page: &mut String, server: &Server<'_, S>, view: &View, alone: bool) {
    let mut databases: Vec<(&DatabaseView, Vec<Row<'_>>)> =
        view.databases.iter().enumerate().map(|(at, database)| (database, rows(server, view, at))).collect();
    databases.sort_by_key(|(database, rows)| (!database.main, !has_ills(database, rows)));
    let mut opened = 0;
    for (database, rows) in &databases {
        let ills = has_ills(database, rows) && view.up.is_ok() && opened < OPEN;
        opened += usize::from(ills);
        let open = if ills || (database.main && alone) { " open" } else { "" };
        write!(page, "<details{open}><summary>{}</summary>", head(database, rows)).ok();
        if let (Some(error), Ok(_)) = (&database.record.error, &view.up) {
            write!(page, "<p class=bad>{} ({})</p>", text(&error.message), text(error.reason)).ok();
        }
        if !rows.is_empty() {
            table(page, server, rows);
        }
        left_out(page, server, database);
        page.push_str("</details>");
    }
}

fn rows<'a, S: Source>(server: &'a Server<'_, S>, view: &'a View, database: usize) -> Vec<Row<'a>> {
    let all = view.shown.iter().zip(&server.states);
    let mut rows: Vec<Row<'_>> = all.filter(|(one, _)| one.database == database).collect();
    rows.sort_by_key(|(one, state)| (state.kind, Reverse(one.record.duration)));
    rows
}

fn has_ills(database: &DatabaseView, rows: &[Row<'_>]) -> bool {
    database.record.error.is_some() || rows.iter().any(|(_, state)| state.kind <= Kind::Flawed)
}

/// A database in one line.
fn head(database: &DatabaseView, rows: &[Row<'_>]) -> String {
    let count = |of: &dyn Fn(Kind) -> bool| rows.iter().filter(|(_, state)| of(state.kind)).count();
    let mut head = match &*database.name {
        "" => "<h3>collectors</h3>".to_owned(),
        name if database.main => format!("<h3><bdi>{}</bdi> <small>main</small></h3>", text(name)),
        name => format!("<h3><bdi>{}</bdi></h3>", text(name)),
    };
    if database.record.error.is_some() {
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
    let series = rows.iter().filter_map(|(one, _)| one.block.as_ref()).map(|block| block.series).sum();
    let (series, visit) = (grouped(series), duration(database.record.last));
    write!(head, " <span class=off>{series} series</span> <span class=off>last visit {visit}</span>").ok();
    head
}

fn table<S: Source>(page: &mut String, server: &Server<'_, S>, rows: &[Row<'_>]) {
    page.push_str("<table><thead><tr><th>collector<th>age of ttl<th>ms<th>rows<th>series<th>state<tbody>");
    let slowest = rows.iter().map(|(one, _)| one.record.duration.as_secs_f64()).fold(f64::MIN_POSITIVE, f64::max);
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
        let seconds = one.record.duration.as_secs_f64();
        write!(page, "<td class=part style=\"--part:{:.0}%\">{:.1}", 100.0 * seconds / slowest, seconds * 1e3).ok();
        match &one.block {
            Some(block) => write!(page, "<td>{}<td>{}", grouped(block.rows), grouped(block.series)).ok(),
            None => write!(page, "<td>–<td>–").ok(),
        };
        write!(page, "<td>{}", text(&state.text)).ok();
    }
    page.push_str("</table>");
}

/// How old the result is, as a number and as a part of its time to live, if it has one.
fn age(page: &mut String, one: &Shown, ttl_seconds: f64) {
    let seconds = one.record.good.as_ref().map(|good| good.at.elapsed().as_secs_f64());
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
fn left_out<S: Source>(page: &mut String, server: &Server<'_, S>, database: &DatabaseView) {
    // Said once below, since it would be most of the page.
    let (elsewhere, left_out): (Vec<_>, Vec<_>) =
        database.plan.left_out.iter().partition(|(_, reason)| *reason == LeftOut::MainDatabaseOnly);
    if left_out.is_empty() && elsewhere.is_empty() {
        return;
    }
    write!(page, "<details class=out><summary>{} left out</summary><dl>", database.plan.left_out.len()).ok();
    for (index, reason) in left_out {
        let key = &server.scraper.catalog.collectors[*index].key;
        write!(page, "<div><dt>{}<dd>not planned: {}</div>", text(key), text(&reason.to_string())).ok();
    }
    if !elsewhere.is_empty() {
        write!(page, "<div><dt>{} more<dd>run once per server, in the main database</div>", elsewhere.len()).ok();
    }
    page.push_str("</dl></details>");
}
