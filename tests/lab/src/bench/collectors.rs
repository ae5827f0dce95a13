//! What each collector costs the server: the CPU time of the process that runs its statements.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use lab::{Executed, LabError, Postgres};

use super::client::Client;
use super::program::Programs;
use super::replay::Statements;
use super::table::{Table, number};
use crate::meter::{exact, ms, quantile};

/// Runs of each statement; the median counts.
const RUNS: usize = 5;
/// Rows shown.
const SHOWN: usize = 20;

/// Server time of the statements of a collector, in all databases.
#[derive(Default)]
struct Cost {
    statements: usize,
    first: Duration,
    prepared: Duration,
}

/// Measures all statements of a cold scrape.
pub fn run(programs: &Programs, statements: &Statements, server: &Postgres) -> Result<(), LabError> {
    let known = columns_of_collectors(programs)?;
    let mut costs = BTreeMap::<String, Cost>::new();
    for statements in statements.databases() {
        measure(statements, server, &known, &mut costs)?;
    }
    let sum = |time: fn(&Cost) -> Duration| costs.values().map(time).sum::<Duration>();
    let (first, prepared) = (sum(|cost| cost.first), sum(|cost| cost.prepared));

    let mut sorted: Vec<(&String, &Cost)> = costs.iter().collect();
    sorted.sort_unstable_by_key(|(_, cost)| std::cmp::Reverse(cost.prepared));
    let mut table = Table::new("collector | statements | prepared ms | share | first on a connection ms | share");
    let mut row = |name: &str, cost: &Cost| {
        let share = |part: Duration, all: Duration| format!("{:.1} %", 100.0 * part.as_secs_f64() / all.as_secs_f64());
        table.row([
            name.to_owned(),
            cost.statements.to_string(),
            number(ms(cost.prepared)),
            share(cost.prepared, prepared),
            number(ms(cost.first)),
            share(cost.first, first),
        ]);
    };
    for (name, cost) in sorted.iter().take(SHOWN) {
        row(name, cost);
    }
    let statements = costs.values().map(|cost| cost.statements).sum();
    row(&format!("all {}", costs.len()), &Cost { statements, first, prepared });
    table.print("Server CPU by collector, one cold scrape of all databases");
    Ok(())
}

fn measure(
    statements: &[Executed],
    server: &Postgres,
    known: &BTreeMap<String, BTreeSet<String>>,
    costs: &mut BTreeMap<String, Cost>,
) -> Result<(), LabError> {
    let startup = &statements[0].startup;
    let mut fresh = Client::connect(server.port(), startup)?;
    let mut prepared = Client::connect(server.port(), startup)?;
    let columns = prepared.prepare(statements)?;
    for (at, columns) in columns.iter().enumerate() {
        let first = timed(&mut fresh, |client| client.simple(&statements[at]))?;
        let mut times = Vec::new();
        for _ in 0..RUNS {
            times.push(timed(&mut prepared, |client| client.pipelined(statements, at..at + 1))?);
        }
        let cost = costs.entry(collector(columns, known).unwrap_or("(about the server)").to_owned()).or_default();
        cost.statements += 1;
        cost.first += first;
        cost.prepared += quantile(&times, 0.5);
    }
    Ok(())
}

/// The CPU time of the session's process for that.
fn timed(client: &mut Client, run: impl FnOnce(&mut Client) -> Result<(), LabError>) -> Result<Duration, LabError> {
    let before = exact(client.pid).unwrap_or_default();
    run(client)?;
    Ok(exact(client.pid).unwrap_or_default().saturating_sub(before))
}

/// The columns of every collector, as the exporter lists them: its labels, and its metrics without their prefix.
fn columns_of_collectors(programs: &Programs) -> Result<BTreeMap<String, BTreeSet<String>>, LabError> {
    let unexpected = || LabError::Unexpected("metrics --format json: not a list of metrics".to_owned());
    let output = Command::new(&programs.pg_exporter).args(["metrics", "--format", "json"]).output();
    let output = output.map_err(|source| LabError::Io { what: "listing the metrics".to_owned(), source })?;
    let metrics: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).map_err(|_| unexpected())?;
    let mut known = BTreeMap::<String, BTreeSet<String>>::new();
    for metric in &metrics {
        let (name, collector) = metric["name"].as_str().zip(metric["collector"].as_str()).ok_or_else(unexpected)?;
        let column = name.strip_prefix(collector).map(|rest| rest.trim_start_matches('_').to_owned());
        let labels = metric["labels"].as_array().into_iter().flatten().filter_map(|label| label.as_str());
        let columns = known.entry(collector.to_owned()).or_default();
        columns.extend(column);
        columns.extend(labels.map(str::to_owned));
    }
    Ok(known)
}

/// The collector that has most of the columns of a result, and at least half of them.
fn collector<'a>(columns: &BTreeSet<String>, known: &'a BTreeMap<String, BTreeSet<String>>) -> Option<&'a str> {
    let shared = |of: &BTreeSet<String>| columns.intersection(of).count();
    // Of two with as many, the one with fewer columns beside them.
    let (name, of) = known.iter().max_by_key(|(_, of)| (shared(of), std::cmp::Reverse(of.len())))?;
    (2 * shared(of) > columns.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_belongs_to_the_collector_with_its_columns() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let known = BTreeMap::from([
            ("pg_table".to_owned(), set(&["datname", "relname", "seq_scan", "idx_scan"])),
            ("pg_size".to_owned(), set(&["datname", "relname", "bytes"])),
        ]);
        assert_eq!(collector(&set(&["datname", "relname", "bytes"]), &known), Some("pg_size"));
        assert_eq!(collector(&set(&["datname", "relname", "seq_scan", "new"]), &known), Some("pg_table"));
        assert_eq!(collector(&set(&["version", "datname", "user"]), &known), None);
    }
}
