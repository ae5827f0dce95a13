//! What being watched does to a server that is fully used: pgbench with and without scrapes, in turns.

mod latency;
mod logging;
mod spread;
mod together;
mod watched;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use lab::LabError;

use self::spread::spread;
use self::watched::{Round, Watched};
use crate::bench::load::{description, loaded};
use crate::bench::program::{Caching, Programs};
use crate::bench::table::{Table, number};
use crate::meter::ms;

/// How `lab cost` measures.
#[derive(clap::Args)]
pub struct Options {
    /// The exporter's binary, an optimised build.
    #[arg(long, value_name = "PATH")]
    pg_exporter: PathBuf,
    /// How often each interval has its turn.
    #[arg(long, env = "COST_ROUNDS", default_value_t = 5)]
    rounds: usize,
    /// Length of a turn.
    #[arg(long, env = "COST_SECONDS", default_value_t = 30)]
    seconds: u64,
    /// Measure the settings of the server log, in place of scrapes.
    #[arg(long)]
    logging: bool,
    /// Measure scrapes, samples, latency and plans together.
    #[arg(long, conflicts_with = "logging")]
    together: bool,
}

/// Seconds between scrapes; none is the server alone.
const INTERVALS: [Option<u64>; 4] = [None, Some(15), Some(5), Some(1)];

/// Runs the rounds and prints a table.
pub fn run(options: &Options) -> Result<ExitCode, LabError> {
    let cores = available_parallelism().map_or(1, usize::from);
    let load = if options.logging || options.together { "none".to_owned() } else { description() };
    println!("load: {load}; pgbench: TPC-B-like, prepared, {} clients, {cores} cores", 2 * cores);
    let programs = Programs { pg_exporter: options.pg_exporter.clone(), peer: None, same_yaml: None };
    if options.logging {
        logging::run(&programs, cores, options.rounds, Duration::from_secs(options.seconds))?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.together {
        together::run(&programs, cores, options.rounds, Duration::from_secs(options.seconds))?;
        return Ok(ExitCode::SUCCESS);
    }
    let server = loaded()?;
    let exporter = programs.ours().start(server.port(), Caching::Default)?;
    for _ in 0..2 {
        exporter.get_with("/metrics", &[("Accept-Encoding", "gzip")])?;
    }
    let watched = Watched { server: &server, exporter: &exporter, cores };
    let seconds = Duration::from_secs(options.seconds);
    // One that does not count: the caches are filled.
    watched.round(None, seconds.min(Duration::from_secs(10)))?;
    let mut rounds: Vec<Vec<Round>> = INTERVALS.iter().map(|_| Vec::new()).collect();
    for number in 1..=options.rounds {
        // Each round begins with another interval, so that none is always the first.
        for turn in 0..INTERVALS.len() {
            let at = (number + turn) % INTERVALS.len();
            rounds[at].push(watched.round(INTERVALS[at].map(Duration::from_secs), seconds)?);
        }
        eprintln!("lab: round {number} of {}", options.rounds);
    }
    print(&rounds, options);
    Ok(ExitCode::SUCCESS)
}

fn print(all: &[Vec<Round>], options: &Options) {
    let mut table = Table::new(
        "scraped each | TPS median | min | max | ÷ not at all | p99 ms median | min | max | scrapes | ms of a scrape | \
         exporter CPU % of a core | sessions CPU % of the machine",
    );
    for (interval, rounds) in INTERVALS.iter().zip(all) {
        let name = interval.map_or("not at all".to_owned(), |seconds| format!("{seconds} s"));
        let figures = |of: fn(&Round) -> f64| {
            let (median, least, most) = spread(rounds.iter().map(of).collect());
            [median, least, most].map(number)
        };
        let median = |of: fn(&Round) -> f64| figures(of)[0].clone();
        let scrapes: usize = rounds.iter().map(|round| round.scrapes).sum();
        let [tps, latency] = [figures(|round| round.tps), figures(|round| ms(round.p99))];
        // Against the turn of the same round, since the machine changes between rounds.
        let share = rounds.iter().zip(&all[0]).map(|(round, alone)| round.tps / alone.tps);
        let share = format!("{:.3}", spread(share.collect()).0);
        let rest = [
            scrapes.to_string(),
            median(|round| ms(round.scrape)),
            median(|round| 100.0 * round.exporter),
            median(|round| 100.0 * round.sessions),
        ];
        table.row([name].into_iter().chain(tps).chain([share]).chain(latency).chain(rest));
    }
    table.print(&format!("The cost of being watched: {} rounds of {} s each", options.rounds, options.seconds));
    println!(
        "\nSessions: CPU of the exporter's server processes, with those that have ended. Goal at 15 s: at most 0.5 %."
    );
}
