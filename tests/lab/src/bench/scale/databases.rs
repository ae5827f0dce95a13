//! What a scrape each 15 s costs an idle server, by number of databases.

use std::time::{Duration, Instant};

use lab::{LabError, Postgres, Proxy};

use crate::bench::load::{copies, copy_name, server, tables};
use crate::bench::program::{Caching, Programs};
use crate::bench::steady::{self, Measured, Pace};
use crate::bench::table::{Table, number};
use crate::meter::{ms, server_cpu};

/// Numbers of databases, and how many of them change between two scrapes.
const ROWS: [(usize, usize); 5] = [(1, 0), (20, 20), (100, 0), (500, 0), (500, 20)];
/// Scrapes that are not counted: the first visit of 500 databases takes several.
const WARM_UP: usize = 8;

/// Measures all for so long.
pub fn run(programs: &Programs, seconds: Duration) -> Result<(), LabError> {
    let server = server()?;
    // Its workers visit each database once a minute, which costs more than what is measured here.
    server.psql("postgres", "alter system set autovacuum = off; select pg_reload_conf()")?;
    server.psql("postgres", "create database source")?;
    server.psql("source", &tables(1, 10))?;
    let mut table = Table::new(
        "databases | series | exporter CPU ms | server CPU ms | ÷ first row | median ms | p99 ms | statements | connections | peak MiB",
    );
    let mut first = None;
    let mut row = |name: String, (figures, wire): Measured| {
        let server = ms(figures.server);
        let first = *first.get_or_insert(server);
        table.row([
            name,
            number(figures.series.unwrap_or_default() as f64),
            number(ms(figures.own.unwrap_or_default())),
            number(server),
            // What is too little to be measured is no unit.
            if first > 0.0 { number(server / first) } else { String::new() },
            number(ms(figures.median())),
            number(ms(figures.p99())),
            number(wire[0]),
            number(wire[2]),
            format!("{:.1}", figures.peak),
        ]);
    };
    let mut there = 0;
    for (wanted, active) in ROWS {
        copies(&server, there..wanted, "source")?;
        there = wanted;
        let write = || {
            let change = "update t1 set v = v + 1 where id < 10; select count(*) from t2";
            (0..active).try_for_each(|number| server.psql(&copy_name(number), change).map(drop))
        };
        row(format!("{wanted}, {active} active"), watch(programs, &server, seconds, write)?);
    }
    table.print(&format!("By databases: a gzip scrape each 15 s for {} s", seconds.as_secs()));
    Ok(())
}

/// What a scrape each 15 s costs there, less what the server spends alone, with the writes but without an exporter.
fn watch(
    programs: &Programs,
    server: &Postgres,
    seconds: Duration,
    mut write: impl FnMut() -> Result<(), LabError>,
) -> Result<Measured, LabError> {
    // What the creation of the databases has left to be done is not part of it.
    server.psql("postgres", "checkpoint")?;
    let (alone, before) = (Instant::now(), server_cpu(&server.pids()));
    write()?;
    std::thread::sleep(steady::INTERVAL.saturating_sub(alone.elapsed()));
    let alone = server_cpu(&server.pids()).saturating_sub(before);

    let proxy = Proxy::start(server.port())?;
    let mut exporter = programs.ours().start(proxy.port(), Caching::Default)?;
    let pace = Pace { start: Instant::now(), warm_up: WARM_UP, seconds };
    let (mut figures, wire) = steady::one(Some(&mut exporter), server, &proxy, pace, write)?;
    figures.server = figures.server.saturating_sub(alone);
    Ok((figures, wire))
}
