//! Faults that happen to an exporter and its server, and what a scraper sees of them.

mod answer;
mod fault;
mod faults;
mod measure;
mod page;
mod stage;
mod table;
mod watch;

use std::path::Path;
use std::process::ExitCode;

pub use answer::{Answer, DEADLINE};
pub use fault::{Expected, Fault, Lacking, Scrapes, Step, Up};
pub use faults::faults;
pub use measure::{Measured, measure};
pub use page::Page;
pub use stage::{Held, Place, Sources, Stage};
pub use watch::Most;

use crate::LabError;

/// Causes these faults one after the other, each as soon as the one before is healed, and hands on what was seen.
///
/// A stage is used for the next fault unless that has another place or the one before was not healed.
pub fn each(
    faults: impl Iterator<Item = &'static Fault>,
    sources: &Sources,
    mut seen: impl FnMut(Measured),
) -> Result<(), LabError> {
    let mut last: Option<Stage> = None;
    for fault in faults {
        let stage = match last.take() {
            Some(stage) if stage.place == fault.place => Ok(stage),
            Some(stage) if stage.place.is_alone() && fault.place.is_alone() => stage.moved(fault.place),
            _ => Stage::start(fault.place, sources),
        };
        let mut stage = stage?;
        let measured = measure(&mut stage, fault)?;
        last = measured.failures.is_empty().then_some(stage);
        seen(measured);
    }
    Ok(())
}

/// Causes all faults, or those of these names, and writes their table into a page.
///
/// Success only if everything that has to hold did.
pub fn run(sources: &Sources, only: &[String], page: Option<&Path>) -> Result<ExitCode, LabError> {
    let is_wanted = |fault: &&Fault| only.is_empty() || only.iter().any(|name| name == fault.name);
    let unknown: Vec<&str> =
        only.iter().map(String::as_str).filter(|name| faults().all(|fault| fault.name != *name)).collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = faults().map(|fault| fault.name).collect();
        let (unknown, names) = (unknown.join(", "), names.join(", "));
        return Err(LabError::Unexpected(format!("no fault is called {unknown}; there are {names}")));
    }
    let mut all = Vec::new();
    each(faults().filter(is_wanted), sources, |measured| {
        println!("{measured}");
        all.push(measured);
    })?;
    if let Some(page) = page {
        table::write(page, &all)?;
    }
    let failed = all.iter().filter(|measured| !measured.failures.is_empty()).count();
    println!("\n{failed} of {} faults failed", all.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
