//! `/`, the status page: state of each server, of every collector and of the last scrapes. One page without a script and
//! without anything from elsewhere.

mod chart;
mod collectors;
mod overview;
mod section;
mod server;

use std::sync::Arc;

use axum::extract;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::server::Server;
use super::service::Service;
use crate::build_info;
use crate::printable::Printable;
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
    service.targets().ensure_collected(service.scrape_timeout).await;
    (head, Html(page(&service).into_string())).into_response()
}

fn page<S: Source>(service: &Service<S>) -> Markup {
    let targets = service.targets();
    let history = targets.history();
    let servers: Vec<Server<'_, S>> =
        targets.scrapers.iter().enumerate().map(|(at, scraper)| Server::new(at, scraper, &history)).collect();
    let (verdict, class) = verdict(&servers);
    let body = html! {
        header {
            h1 { (service.name) " " small { (build_info::VERSION) } }
            nav {
                a href=(service.telemetry_path) { "metrics" } " " a href="/explain" { "explain" } " "
                a href="/stat" { "stat" } " " a href="/up" { "up" } " " a href="/version" { "version" }
            }
        }
        main {
            @if let WebConfigState::Refused(problem) = service.status.web_config() {
                p.bad { "web configuration not reloaded, the previous one stays in effect: " (problem) }
            }
            @if servers.len() > 1 { (overview::overview(&servers)) }
            @for server in &servers { (section::section(server, servers.len() == 1)) }
        }
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (service.name) ": " (verdict) }
                link rel="icon" href=(icon(class));
                style { (PreEscaped(STYLE)) }
            }
            body { (visible(&body)) }
        }
    }
}

/// Markup with what servers put into it made visible: no name may hide or reorder the text beside it.
fn visible(markup: &Markup) -> Markup {
    PreEscaped(Printable(&markup.0).to_string())
}

/// The state of all servers in a word, and its colour.
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
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E\
         %3Ccircle cx='4' cy='4' r='4' fill='%23{colour}'/%3E%3C/svg%3E"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_markup_and_invisible_characters_of_names() {
        let name = "<i a=\"b\">&amp;a\u{202e}b\u{0}\u{1b}\nÄ😀";
        let shown = visible(&html! { b title=(name) { (name) } }).into_string();
        let text = r"&lt;i a=&quot;b&quot;&gt;&amp;amp;a\u{202e}b\0\u{1b}\nÄ😀";
        assert_eq!(shown, format!("<b title=\"{text}\">{text}</b>"));
    }
}
