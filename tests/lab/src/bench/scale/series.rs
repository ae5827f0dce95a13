//! CPU of the exporter for each series.

use std::time::Duration;

use lab::LabError;

use crate::bench::load::{copies, server, tables};
use crate::bench::program::{Caching, Programs};
use crate::bench::subject::repeat;
use crate::bench::table::{Table, number};
use crate::meter::ms;

/// Databases and tables of each, for a few thousand, ten thousand, a hundred thousand, a million series.
const SERIES: [(usize, usize); 4] = [(0, 0), (1, 150), (8, 200), (80, 200)];
/// Scrapes of each kind.
const SCRAPES: usize = 10;

/// Measures cold scrapes.
pub fn run(programs: &Programs) -> Result<(), LabError> {
    let mut table = Table::new(
        "series | databases x tables | median ms | exporter CPU ms | CPU µs per series | gzip CPU µs per series | server CPU ms | peak MiB",
    );
    for (databases, count) in SERIES {
        let server = server()?;
        if databases > 0 {
            server.psql("postgres", "create database source")?;
            server.psql("source", &tables(1, count))?;
            copies(&server, 0..databases, "source")?;
            server.psql("postgres", "drop database source")?;
        }
        let run = |gzip| repeat(&mut programs.ours().start(server.port(), Caching::Cold)?, &server, SCRAPES, gzip);
        let (identity, gzip) = (run(false)?, run(true)?);
        let series = identity.series.unwrap_or_default();
        let each = |own: Option<Duration>| number(ms(own.unwrap_or_default()) * 1e3 / series as f64);
        table.row([
            number(series as f64),
            format!("{databases} x {count}"),
            number(ms(identity.median())),
            number(ms(identity.own.unwrap_or_default())),
            each(identity.own),
            each(gzip.own),
            number(ms(identity.server)),
            format!("{:.1}", identity.peak),
        ]);
        eprintln!("lab: {series} series");
    }
    table.print("By series: cold, default settings");
    Ok(())
}
