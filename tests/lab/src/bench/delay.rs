//! Cold scrapes over a network that takes its time.

use std::time::{Duration, Instant};

use lab::{LabError, Postgres, Proxy};

use super::program::{Caching, Program};
use super::replay::{Manner, Statements};
use super::subject::Subject;
use super::table::{Table, number};
use crate::meter::{ms, quantile};

/// In each direction.
const DELAYS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];
/// No more scrapes once this much time has gone.
const LIMIT: Duration = Duration::from_secs(12);
/// Most scrapes of a kind.
const SCRAPES: usize = 10;

/// Measures the median of cold scrapes.
pub fn run(programs: &[Program], statements: &Statements, server: &Postgres) -> Result<(), LabError> {
    let mut table = Table::new("cold, median ms | 1 ms each way | 20 ms each way");
    for program in programs {
        let medians = DELAYS.map(|delay| {
            let proxy = Proxy::with_delay(server.port(), delay)?;
            median(&mut program.start(proxy.port(), Caching::Cold)?)
        });
        add(&mut table, &program.name, medians);
    }
    for manner in [Manner::Bare, Manner::OneByOne] {
        let medians = DELAYS.map(|delay| {
            let proxy = Proxy::with_delay(server.port(), delay)?;
            median(&mut statements.replay(manner, proxy.port())?)
        });
        add(&mut table, manner.name(), medians);
    }
    table.print("With network delay");
    Ok(())
}

fn median(subject: &mut dyn Subject) -> Result<Duration, LabError> {
    let begun = Instant::now();
    subject.scrape(false)?;
    let mut times = Vec::new();
    while times.is_empty() || times.len() < SCRAPES && begun.elapsed() < LIMIT {
        times.push(subject.scrape(false)?.elapsed);
    }
    Ok(quantile(&times, 0.5))
}

fn add(table: &mut Table, name: &str, medians: [Result<Duration, LabError>; 2]) {
    let cell = |median: Result<Duration, LabError>| match median {
        Ok(median) => number(ms(median)),
        Err(error) => {
            eprintln!("lab: {name}: {error}");
            "failed".to_owned()
        }
    };
    table.row([name.to_owned()].into_iter().chain(medians.map(cell)));
}
