//! One scrape: probe the server, fetch what is due, answer before the deadline with what is there.
//!
//! `schedule` decides what a collection does about each collector (pure), `collect` does it (all I/O), `render` makes pages
//! of what came; [`crate::store`] is what they remember. `server` keeps the facts between collections, `health` the answers
//! for load balancers. `scraper` wires these for one server, `targets` puts the page together from one server or several,
//! `history` remembers the last scrapes. `rest` runs what needs no session.

mod collect;
mod health;
mod history;
mod log_reader;
mod log_state;
mod log_status;
mod pace;
mod page_time;
mod render;
mod rest;
mod schedule;
mod scraper;
mod scrapers;
mod server;
mod settings;
mod shared;
mod targets;
#[cfg(test)]
mod tests;
mod totals;

pub(crate) use history::{Outcome, REMEMBERED, Scrape};
pub(crate) use render::{CollectorView, DatabaseView, Snapshot};
pub(crate) use scraper::Scraper;
pub(crate) use scrapers::ScraperId;
pub(crate) use settings::ScrapeSettings;
pub(crate) use targets::Targets;
