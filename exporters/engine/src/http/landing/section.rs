//! A server's section: its state with the reason, the figures of its scrapes, what it consists of, its collectors.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::server::Server;
use super::{chart, collectors};
use crate::facts::Detail;
use crate::http::collector_status::Kind;
use crate::http::explain::{details, since};
use crate::http::humanize::{bytes, duration, grouped};
use crate::scrape::{Outcome, Scrape, Snapshot};
use crate::source::Source;

/// The section of one server; `alone` if it is the only one.
pub(super) fn section<S: Source>(server: &Server<'_, S>, alone: bool) -> Markup {
    html! {
        section id={ "server-" (server.at) } {
            h2 {
                b class={ "mark " (server.class()) } { (server.word()) } " "
                bdi { (server.scraper.source.target()) }
                @if let Some(view) = &server.view {
                    @if let Some(identity) = server.identity() { " " small { (identity) } }
                    " " small { "probed " (view.started.elapsed().as_secs()) " s ago" }
                }
            }
            @if let Some(view) = &server.view {
                @match &view.up {
                    Err(error) => p.bad { (error.message) " (" (error.reason) ")" },
                    Ok(probe) => @for advice in &probe.notes.advice { p.advice { (advice) } },
                }
                dl.tiles { (tiles(server, view)) }
                (parts(details(view)))
                (parts(&server.scraper.source.details()))
                (chart::chart(&server.scrapes))
                (collectors::databases(server, view, alone))
                (collectors::rest(server, view))
            } @else {
                p { "no scrape yet: the first one probes the server" }
                (parts(&server.scraper.source.details()))
            }
        }
    }
}

fn tiles<S: Source>(server: &Server<'_, S>, view: &Snapshot) -> Markup {
    let ok = server.count(Kind::Ok) + server.count(Kind::Flawed);
    let class = if server.failed() > 0 { "warn" } else { "" };
    let connections = server.scraper.source.connections();
    html! {
        (tile("collectors", &format!("{} ok", grouped(ok)), &other_collectors(server, view), class))
        @if let Some((scrape, outcome)) = server.scrapes.last() {
            (tile("series", &grouped(outcome.series), &response(scrape), ""))
            @let class = if outcome.took >= scrape.allowed { "warn" } else { "" };
            (tile("last scrape", &duration(outcome.took), &work(scrape, outcome), class))
        }
        @if view.databases.len() > 1 {
            @let unread = view.unread_databases();
            @match view.databases.iter().filter(|database| database.state.error.is_some()).count() {
                0 if unread > 0 => {
                    (tile("databases", &grouped(view.databases.len()), &format!("{unread} not read yet"), "warn"))
                }
                0 => (tile("databases", &grouped(view.databases.len()), "all can be read", "")),
                count => (tile("databases", &grouped(view.databases.len()), &format!("{count} cannot be read"), "warn")),
            }
        }
        @if connections.budget > 0 {
            @let opened = grouped(usize::try_from(connections.opened).unwrap_or(usize::MAX));
            @let value = format!("{} of {}", connections.open, connections.budget);
            (tile("connections", &value, &format!("open now; {opened} opened since the start"), ""))
        }
    }
}

/// A figure with its name above and a note below.
fn tile(name: &str, value: &str, note: &str, class: &str) -> Markup {
    html! { div class=(class) { dt { (name) } dd { (value) small { (note) } } } }
}

/// The collectors that are not ok, or do not run here.
fn other_collectors<S: Source>(server: &Server<'_, S>, view: &Snapshot) -> String {
    if view.databases.is_empty() {
        return "the server has not answered yet".into();
    }
    let planned: BTreeSet<usize> = view.shown.iter().map(|one| one.collector).collect();
    let skipped = server.scraper.catalog.collectors.len() - planned.len();
    let counts = [
        (server.failed(), "failing"),
        (server.count(Kind::Stale), "stale"),
        (server.count(Kind::Absent), "not exported"),
        (server.count(Kind::Flawed), "with dropped samples"),
        (skipped, "skipped"),
    ];
    let named = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    named.collect::<Vec<_>>().join(", ")
}

fn response(scrape: &Scrape) -> String {
    format!("in a response of {}{}", bytes(scrape.bytes), if scrape.gzip { ", compressed" } else { "" })
}

/// How much of a scrape was fetched, and how much time it had.
fn work(scrape: &Scrape, outcome: &Outcome) -> String {
    let fetched = match outcome.fetched {
        0 if outcome.planned == 0 => "nothing planned".to_owned(),
        0 => "all from the cache".to_owned(),
        all if all == outcome.planned => "all fetched".to_owned(),
        some => format!("{some} of {} fetched", outcome.planned),
    };
    format!("{fetched}; {} ago, timeout {}", duration(scrape.at.elapsed()), duration(scrape.allowed))
}

/// What the server consists of beside databases.
fn parts(details: &[Detail]) -> Markup {
    html! {
        @if !details.is_empty() {
            dl.details {
                @for detail in details {
                    div class=(if detail.well { "ok" } else { "bad" }) {
                        dt { (detail.name) }
                        dd { (detail.state) (since(detail)) }
                    }
                }
            }
        }
    }
}
