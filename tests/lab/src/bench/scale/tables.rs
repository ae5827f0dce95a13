//! One database with many tables.

use lab::LabError;

use crate::bench::load::{server, tables};
use crate::bench::program::{Caching, Programs};
use crate::bench::subject::Subject;
use crate::bench::table::{Table, number};
use crate::meter::ms;

const TABLES: usize = 20_000;
/// So many are created in one transaction: each holds locks until its end.
const STEP: usize = 1000;

/// Measures two scrapes and lists the slowest collectors.
pub fn run(programs: &Programs) -> Result<(), LabError> {
    let server = server()?;
    server.psql("postgres", "create database many")?;
    for first in (1..=TABLES).step_by(STEP) {
        server.psql("many", &tables(first, first + STEP - 1).replace("; analyze", ""))?;
    }
    server.psql("many", "analyze")?;
    let mut exporter = programs.ours().start(server.port(), Caching::Cold)?;
    let first = exporter.scrape(false)?;
    let second = exporter.scrape(false)?;
    let page = exporter.get("/metrics")?.text();
    let mut durations = samples(&page, "pg_exporter_collector_duration_seconds");
    durations.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let success = samples(&page, "pg_exporter_collector_success");
    let failed: Vec<String> =
        success.into_iter().filter(|(_, value)| *value == 0.0).map(|(labels, _)| labels).collect();

    let mut table = Table::new("collector | ms");
    for (name, seconds) in durations.iter().take(10) {
        table.row([name.clone(), number(seconds * 1e3)]);
    }
    table.print(&format!("{TABLES} tables in one database: the slowest collectors"));
    let (first, second) = (ms(first.elapsed), ms(second.elapsed));
    println!("\nfirst scrape {first:.0} ms, second {second:.0} ms; failed: {}", list(&failed));
    Ok(())
}

/// The samples of a metric with labels: labels and value.
fn samples(page: &str, metric: &str) -> Vec<(String, f64)> {
    let sample = |line: &str| {
        let (labels, value) = line.strip_prefix(metric)?.strip_prefix('{')?.rsplit_once("} ")?;
        Some((labels.to_owned(), value.parse().ok()?))
    };
    page.lines().filter_map(sample).collect()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
