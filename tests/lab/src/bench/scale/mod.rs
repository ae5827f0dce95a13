//! How the cost grows: with series, with tables of one database, with databases.

mod databases;
mod series;
mod tables;

use std::time::Duration;

use lab::LabError;

use super::program::Programs;

/// Measures all three; the databases with a scrape each 15 s for so long.
pub fn run(programs: &Programs, steady: Duration) -> Result<(), LabError> {
    series::run(programs)?;
    tables::run(programs)?;
    databases::run(programs, steady)
}
