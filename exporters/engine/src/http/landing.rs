//! `/`: state of the server and of every collector, for a person.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use super::Service;
use super::explain::{identity, state};
use super::health::word;
use crate::build;
use crate::plan::LeftOut;
use crate::scrape::{DatabaseView, Scraper};
use crate::source::Source;

/// On a narrow screen each row is a line of numbers, with the state below it unless all is well.
const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1c2733;--quiet:#66717d;--line:#dde3e9;--bad:#b3261e;--page:#fff}
@media(prefers-color-scheme:dark){:root{--text:#dde3e9;--quiet:#8d98a5;--line:#2c353f;--bad:#ff8a80;--page:#14191f}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:var(--text);background:var(--page)}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}h1 small,h2 small{font-weight:400;color:var(--quiet)}
table{border-collapse:collapse;width:100%}tr{border-bottom:1px solid var(--line)}
td,th{padding:.25rem .6rem;text-align:right;vertical-align:top;white-space:nowrap;font-variant-numeric:tabular-nums}
th{color:var(--quiet);font-weight:400}td:first-child,th:first-child{text-align:left;padding-left:0}
td:last-child,th:last-child{text-align:left;width:60%;white-space:normal;overflow-wrap:anywhere}
p{overflow-wrap:anywhere}.bad{color:var(--bad)}.off{color:var(--quiet)}
@media(max-width:44rem){body{margin:1rem auto}table{font-size:.85rem}td,th{padding:0;overflow-wrap:anywhere;white-space:normal}
tr{display:grid;grid-template-columns:1fr 2rem 2.4rem 3rem 2.6rem 3rem;gap:0 .3rem;padding:.3rem 0}
td:last-child,.out td:first-child{grid-column:1/-1;width:auto}td:empty,th:last-child,.ok td:last-child{display:none}}";

pub(super) async fn landing<S: Source>(State(service): State<Arc<Service<S>>>) -> Html<String> {
    let fleet = service.fleet();
    let (name, metrics) = (service.name, &service.telemetry_path);
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{name}</title><style>{STYLE}</style><h1>{name} <small>{}</small></h1>{}\
         <p><a href=\"{metrics}\">metrics</a> · <a href=\"/explain\">explain</a> · <a href=\"/stat\">stat</a> · \
         <a href=\"/up\">up</a> · <a href=\"/version\">version</a></p>",
        build::VERSION,
        fleet.scrapers.iter().map(|scraper| format!("<p>{}</p>", server(scraper))).collect::<String>()
    );
    for scraper in &fleet.scrapers {
        if fleet.scrapers.len() > 1 {
            write!(page, "<h2>{}</h2>", escape(&scraper.source.target())).ok();
        }
        for database in scraper.databases() {
            table(&mut page, scraper, &database);
        }
    }
    Html(page)
}

/// A database's collectors. Writing to a String cannot fail.
fn table<S: Source>(page: &mut String, scraper: &Scraper<S>, database: &DatabaseView) {
    let main = if database.main { " <small>the main one</small>" } else { "" };
    if !database.name.is_empty() {
        write!(page, "<h2>database {}{main}</h2>", escape(&database.name)).ok();
    }
    if let Some(error) = &database.record.error {
        write!(page, "<p class=bad>{} ({})</p>", escape(&error.message), error.reason).ok();
    }
    let Some(facts) = &database.facts else { return };
    page.push_str("<table><tr><th>collector<th>ttl s<th>age s<th>ms<th>rows<th>series<th>state");
    for planned in &database.plan.planned {
        let record = scraper.record(planned.collector, &database.name);
        let collector = &scraper.catalog.collectors[planned.collector];
        let (state, good) = (state(collector, facts, &record), record.good.as_ref());
        let class = match record.failure {
            Some(_) => "bad",
            None if state == "ok" => "ok",
            None => "off",
        };
        write!(
            page,
            "<tr class={class}><td>{}<td>{}<td>{}<td>{:.1}<td>{}<td>{}<td>{}",
            escape(&collector.key),
            scraper.ttl(planned.collector).as_secs_f64(),
            good.map_or_else(|| "–".to_owned(), |good| good.at.elapsed().as_secs().to_string()),
            record.duration.as_secs_f64() * 1e3,
            good.map_or(0, |good| good.block.rows),
            good.map_or(0, |good| good.block.series),
            escape(&state)
        )
        .ok();
    }
    // Said once below, since it would be most of the page.
    let (elsewhere, left_out): (Vec<_>, Vec<_>) =
        database.plan.left_out.iter().partition(|(_, reason)| *reason == LeftOut::MainDatabaseOnly);
    for (index, reason) in left_out {
        let (key, reason) = (escape(&scraper.catalog.collectors[*index].key), escape(&reason.to_string()));
        write!(page, "<tr class='off out'><td>{key}<td><td><td><td><td><td>not planned: {reason}").ok();
    }
    if !elsewhere.is_empty() {
        let count = elsewhere.len();
        write!(
            page,
            "<tr class='off out'><td>{count} more<td><td><td><td><td><td>run once per server, in the main database"
        )
        .ok();
    }
    page.push_str("</table>");
}

fn server<S: Source>(scraper: &Scraper<S>) -> String {
    let target = escape(&scraper.source.target());
    match scraper.last_look() {
        None => format!("{target}: not looked at yet, the first scrape will"),
        Some((Ok(facts), at)) => format!(
            "{target}: {}, looked at {} s ago{}",
            escape(&identity(&facts)),
            at.elapsed().as_secs(),
            facts.advice.iter().map(|advice| format!("<br><b>{}</b>", escape(advice))).collect::<String>()
        ),
        Some((Err(error), at)) => {
            let (word, message, age) = (word(&error), escape(&error.message), at.elapsed().as_secs());
            format!("<b class=bad>{word}</b> ({}): {message}, looked at {age} s ago", error.reason)
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
