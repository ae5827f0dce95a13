//! How the cost grows: with series, with tables of one database, with databases.

mod databases;
mod series;
mod tables;

use std::time::Duration;

use clap::ValueEnum;
use lab::LabError;

use super::program::Programs;

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Series, in many databases.
    Series,
    /// Tables of one database.
    Tables,
    /// Databases, nearly all of them idle.
    Databases,
}

/// Measures what is given, by default all three; the databases with a scrape each 15 s for so long.
pub fn run(by: &[By], programs: &Programs, steady: Duration) -> Result<(), LabError> {
    let by = if by.is_empty() { By::value_variants() } else { by };
    for what in by {
        match what {
            By::Series => series::run(programs)?,
            By::Tables => tables::run(programs)?,
            By::Databases => databases::run(programs, steady)?,
        }
    }
    Ok(())
}
