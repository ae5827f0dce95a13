//! Several servers at a glance.

use maud::{Markup, html};

use super::server::Server;
use crate::http::humanize::{duration, grouped};
use crate::source::Source;

/// One row for each server, with a link to its section.
pub(super) fn overview<S: Source>(servers: &[Server<'_, S>]) -> Markup {
    html! {
        table.overview {
            thead { tr { th { "server" } th { "failing" } th { "series" } th { "last scrape" } th { "state" } } }
            tbody { @for server in servers { (row(server)) } }
        }
    }
}

fn row<S: Source>(server: &Server<'_, S>) -> Markup {
    let state = match server.view.as_ref().map(|view| &view.up) {
        Some(Err(error)) => error.message.clone(),
        _ => server.identity().unwrap_or_default(),
    };
    let class = if server.failed() > 0 { "bad" } else { "" };
    let scrape = server.scrapes.last().map(|(_, outcome)| (grouped(outcome.series), duration(outcome.took)));
    let (series, took) = scrape.unwrap_or_default();
    html! {
        tr {
            td {
                b class={ "mark " (server.class()) } { (server.word()) } " "
                a href={ "#server-" (server.at) } { bdi { (server.scraper.source.target()) } }
            }
            td class=(class) { (grouped(server.failed())) }
            td { (series) }
            td { (took) }
            td { (state) }
        }
    }
}
