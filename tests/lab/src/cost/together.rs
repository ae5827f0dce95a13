//! What everything together costs: scrapes, samples of the sessions, and latency and plans from the log; pgbench with and
//! without, in turns.

use std::time::Duration;

use lab::{Exporter, LabError};

use super::logging::{Mode, SAMPLED, apply, log_bytes, print, server};
use super::watched::{Round, Watched};
use crate::bench::program::{Caching, Programs};

const INTERVAL: Duration = Duration::from_secs(15);

/// What is logged in a turn, and whether the exporter runs; frozen, it costs nothing.
const TURNS: [(Mode, bool); 3] = [
    (Mode { name: "nothing", settings: &[] }, false),
    (Mode { name: "scrapes and samples", settings: &[] }, true),
    (Mode { name: "scrapes, samples, latency and plans of 1 %", settings: SAMPLED }, true),
];

/// Runs the rounds and prints a table.
pub fn run(programs: &Programs, cores: usize, rounds: usize, seconds: Duration) -> Result<(), LabError> {
    let server = server()?;
    let exporter = programs.ours().start(server.port(), Caching::Default)?;
    let watched = Watched { server: &server, exporter: &exporter, cores };
    watched.round(None, seconds.min(Duration::from_secs(10)))?;
    let mut all: Vec<Vec<(Round, f64)>> = TURNS.iter().map(|_| Vec::new()).collect();
    for number in 1..=rounds {
        for turn in 0..TURNS.len() {
            let at = (number + turn) % TURNS.len();
            let (mode, is_watched) = &TURNS[at];
            apply(&server, mode)?;
            let before = log_bytes(&server)?;
            let round = round(&watched, &exporter, *is_watched, seconds)?;
            all[at].push((round, (log_bytes(&server)? - before) / seconds.as_secs_f64()));
        }
        eprintln!("lab: round {number} of {rounds}");
    }
    let names = TURNS.iter().map(|(mode, _)| mode.name);
    print("everything together", names, &all, rounds, seconds);
    Ok(())
}

fn round(watched: &Watched<'_>, exporter: &Exporter, is_watched: bool, seconds: Duration) -> Result<Round, LabError> {
    if is_watched {
        return watched.round(Some(INTERVAL), seconds);
    }
    exporter.signal("STOP")?;
    let round = watched.round(None, seconds);
    exporter.signal("CONT")?;
    round
}
