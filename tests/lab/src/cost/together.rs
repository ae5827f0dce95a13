//! What everything together costs: scrapes, samples of the sessions, and latency and plans from the log; pgbench with and
//! without, in turns.

use std::time::Duration;

use lab::{Exporter, LabError};

use super::logging::{Mode, SAMPLED, apply, log_bytes, server};
use super::spread::spread;
use super::watched::{Round, Watched};
use crate::bench::program::{Caching, Programs};
use crate::bench::table::{Table, number};
use crate::meter::ms;

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
    print(&all, rounds, seconds);
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

fn print(all: &[Vec<(Round, f64)>], rounds: usize, seconds: Duration) {
    let mut table = Table::new(
        "with | TPS median | min | max | ÷ nothing | p99 ms median | log MB/s | ms of a scrape | \
         exporter CPU % of a core | sessions CPU % of the machine",
    );
    for ((mode, _), turns) in TURNS.iter().zip(all) {
        let median = |of: &dyn Fn(&(Round, f64)) -> f64| spread(turns.iter().map(of).collect());
        let (tps, least, most) = median(&|(round, _)| round.tps);
        let share = turns.iter().zip(&all[0]).map(|((round, _), (alone, _))| round.tps / alone.tps);
        table.row([
            mode.name.to_owned(),
            number(tps),
            number(least),
            number(most),
            format!("{:.3}", spread(share.collect()).0),
            number(median(&|(round, _)| ms(round.p99)).0),
            format!("{:.2}", median(&|(_, bytes)| bytes / 1e6).0),
            number(median(&|(round, _)| ms(round.scrape)).0),
            number(median(&|(round, _)| 100.0 * round.exporter).0),
            number(median(&|(round, _)| 100.0 * round.sessions).0),
        ]);
    }
    table.print(&format!("The cost of everything together: {rounds} rounds of {} s each", seconds.as_secs()));
}
