//! `doctor`: what runs on a server and what it costs, and what is wrong there, by rules that are data.
//!
//! `keys` is the table of a rule file's keys, `read` turns the files into [`Rule`]s, `condition` has what a rule asks of rows
//! that its query cannot select itself. `examine` runs the rules in each database, `finding` makes findings of the rows,
//! `report` puts them together with what the collection shows, `text` writes that for a person, `list` is the reference page.

mod condition;
mod examine;
mod finding;
mod keys;
mod list;
mod read;
mod report;
mod rule;
mod text;

use crate::scrape::Targets;
use crate::source::Source;

pub(crate) use list::markdown;
pub(crate) use read::{Threshold, read_rules};
pub(crate) use report::Report;
pub(crate) use rule::Rule;
pub(crate) use text::text;

/// Examines every server, whose collectors have run once.
pub(crate) async fn examine<S: Source>(program: &'static str, targets: &Targets<S>, rules: &[Rule]) -> Report {
    let mut servers = Vec::new();
    for scraper in &targets.scrapers {
        let view = scraper.last_snapshot();
        let examined = match &view {
            Some(view) => examine::examine(&*scraper.source, view, rules).await,
            None => examine::Examined::default(),
        };
        servers.push(report::ServerReport::new(scraper, view.as_ref(), rules.len(), examined));
    }
    Report::new(program, servers)
}
