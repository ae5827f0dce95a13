//! Twenty scrapes at once.

use std::thread;
use std::time::Instant;

use lab::{LabError, Postgres, Proxy};

use super::program::{Caching, Program};
use super::table::{Table, number};
use crate::meter::{memory_mib, ms};

const AT_ONCE: usize = 20;

/// Measures when all are answered, how, and how many statements that took.
pub fn run(programs: &[Program], server: &Postgres) -> Result<(), LabError> {
    let mut table = Table::new("20 cold scrapes at once | all done ms | with 200 | statements | peak MiB");
    for program in programs {
        let cells = one(program, server).unwrap_or_else(|error| {
            eprintln!("lab: {}: {error}", program.name);
            vec!["failed".to_owned()]
        });
        table.row([program.name.clone()].into_iter().chain(cells));
    }
    table.print("At once");
    Ok(())
}

fn one(program: &Program, server: &Postgres) -> Result<Vec<String>, LabError> {
    let proxy = Proxy::start(server.port())?;
    let exporter = program.start(proxy.port(), Caching::Cold)?;
    exporter.get("/metrics")?;
    let (begun, before) = (Instant::now(), proxy.statements());
    let good = thread::scope(|scope| {
        let scrapes: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| exporter.get("/metrics"))).collect();
        let answers = scrapes.into_iter().map(thread::ScopedJoinHandle::join);
        answers.filter(|answer| matches!(answer, Ok(Ok(response)) if response.status == 200)).count()
    });
    let took = begun.elapsed();
    let (_, peak) = memory_mib(exporter.process().pid());
    let statements = proxy.statements() - before;
    Ok(vec![number(ms(took)), good.to_string(), statements.to_string(), format!("{peak:.1}")])
}
