//! `/`: state of the server and of every collector, for a person.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use super::Service;
use super::explain::state;
use super::health::word;
use crate::build;
use crate::scrape::Scraper;
use crate::source::Source;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c2733;background:#fff}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
td,th{padding:.25rem .6rem;text-align:left;border-bottom:1px solid #dde3e9;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
.bad{color:#b3261e}.off{color:#6b7785}@media(prefers-color-scheme:dark){body{color:#dde3e9;background:#14191f}td,th{border-color:#2c353f}.bad{color:#ff8a80}a{color:#8ab4f8}}";

pub(super) async fn landing<S: Source>(State(service): State<Arc<Service<S>>>) -> Html<String> {
    let scraper = service.scraper();
    let (name, metrics) = (service.name, &service.telemetry_path);
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>{name}</title>\
         <style>{STYLE}</style><h1>{name} {}</h1><p>{}</p>\
         <p><a href=\"{metrics}\">metrics</a> · <a href=\"/explain\">explain</a> · <a href=\"/stat\">stat</a> · <a href=\"/version\">version</a></p>",
        build::VERSION,
        server(&scraper)
    );
    for database in scraper.databases() {
        write!(page, "<h2>database {}</h2>", escape(&database.name)).ok();
        if let Some(error) = &database.record.error {
            write!(page, "<p class=bad>{}</p>", escape(&error.message)).ok();
        }
        page.push_str("<table><tr><th>collector<th class=n>ttl s<th class=n>age s<th class=n>ms<th class=n>rows<th class=n>series<th>state");
        for planned in &database.plan.planned {
            let record = scraper.record(planned.collector, &database.name);
            let class = if record.failure.is_some() { " class=bad" } else { "" };
            let good = record.good.as_ref();
            write!(
                page,
                "<tr{class}><td>{}<td class=n>{}<td class=n>{}<td class=n>{:.1}<td class=n>{}<td class=n>{}<td>{}",
                escape(&scraper.catalog.collectors[planned.collector].key),
                scraper.ttl(planned.collector).as_secs_f64(),
                good.map_or_else(|| "–".to_owned(), |good| good.at.elapsed().as_secs().to_string()),
                record.duration.as_secs_f64() * 1e3,
                good.map_or(0, |good| good.block.rows),
                good.map_or(0, |good| good.block.series),
                escape(&state(&record))
            )
            .ok();
        }
        for (index, reason) in &database.plan.left_out {
            let key = escape(&scraper.catalog.collectors[*index].key);
            write!(page, "<tr class=off><td>{key}<td><td><td><td><td><td>not planned: {}", escape(&reason.to_string()))
                .ok();
        }
        page.push_str("</table>");
    }
    Html(page)
}

fn server<S: Source>(scraper: &Scraper<S>) -> String {
    let target = escape(&scraper.source.target());
    match scraper.last_look() {
        None => format!("{target}: not looked at yet, the first scrape will"),
        Some((Ok(facts), at)) => format!(
            "{target}: {}, version {}, as {}, looked at {} s ago",
            facts.role.word(),
            facts.version,
            escape(&facts.user),
            at.elapsed().as_secs()
        ),
        Some((Err(error), at)) => {
            format!(
                "{target}: <b class=bad>{}</b>, {} ({} s ago)",
                word(&error),
                escape(&error.message),
                at.elapsed().as_secs()
            )
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
