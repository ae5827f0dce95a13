//! `/`: state of each server, of every collector and of the last scrapes, for a person. One page without a script and
//! without anything from elsewhere.

mod chart;
mod collectors;
mod html;
mod server;

use std::fmt::Write;
use std::sync::Arc;

use axum::extract;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use self::html::text;
use self::server::Server;
use super::service::Service;
use crate::build_info;
use crate::source::Source;
use crate::status::WebConfigState;

const STYLE: &str = include_str!("style.css");
/// Nothing from elsewhere, no script, in nobody's frame: also if a name from a server should ever get through as markup.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn landing<S: Source>(extract::State(service): extract::State<Arc<Service<S>>>) -> Response {
    let head = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (head, Html(page(&service))).into_response()
}

/// Writing to a String cannot fail, here and in all that writes a part of the page.
fn page<S: Source>(service: &Service<S>) -> String {
    let targets = service.targets();
    let history = targets.history();
    let servers: Vec<Server<'_, S>> =
        targets.scrapers.iter().enumerate().map(|(at, scraper)| Server::new(at, scraper, &history)).collect();
    let (program, metrics) = (service.name, text(&service.telemetry_path));
    let (verdict, class) = verdict(&servers);
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{program}: {verdict}</title>{}<style>{STYLE}</style>\
         <header><h1>{program} <small>{}</small></h1><nav><a href=\"{metrics}\">metrics</a> <a href=\"/explain\">explain</a> \
         <a href=\"/stat\">stat</a> <a href=\"/up\">up</a> <a href=\"/version\">version</a></nav></header><main>",
        icon(class),
        build_info::VERSION,
    );
    if let WebConfigState::Refused(problem) = service.status.web_config() {
        let what = "the changed web configuration is refused, the one in force stays";
        write!(page, "<p class=bad>{what}: {}</p>", text(&problem)).ok();
    }
    if servers.len() > 1 {
        server::overview(&mut page, &servers);
    }
    for server in &servers {
        server.write(&mut page, servers.len() == 1);
    }
    page.push_str("</main>");
    page
}

/// The whole in a word, and its colour.
fn verdict<S: Source>(servers: &[Server<'_, S>]) -> (String, &'static str) {
    let down = servers.iter().filter(|server| server.class() == "bad").count();
    let failed: usize = servers.iter().map(Server::failed).sum();
    let known = servers.iter().all(|server| server.view.is_some());
    match (down, failed, servers.len()) {
        (0, 0, _) if !known => ("not scraped yet".into(), "off"),
        (0, 0, _) => ("up".into(), "ok"),
        (0, failed, _) => (format!("{failed} failing"), "warn"),
        (_, _, 1) => (servers[0].word().into(), "bad"),
        (down, _, all) => (format!("{down} of {all} down"), "bad"),
    }
}

/// The colour of the whole as the icon of a tab.
fn icon(class: &str) -> String {
    let colour = match class {
        "ok" => "1b8a50",
        "warn" => "c98500",
        "bad" => "c62828",
        _ => "8d98a5",
    };
    let mut icon = String::from("<link rel=icon href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' ");
    write!(icon, "viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='4' fill='%23{colour}'/%3E%3C/svg%3E\">").ok();
    icon
}
