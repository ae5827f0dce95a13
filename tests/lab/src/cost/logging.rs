//! What the settings cost that the server log needs for latency and plans: pgbench under each of them, in turns.

use std::time::Duration;

use lab::{LabError, Major, Postgres};

use super::spread::spread;
use super::watched::{Round, Watched};
use crate::bench::program::{Caching, Programs};
use crate::bench::table::{Table, number};
use crate::meter::ms;

/// What is logged in a turn: its name, and the settings.
pub(super) struct Mode {
    pub name: &'static str,
    pub settings: &'static [(&'static str, &'static str)],
}

/// Loaded into new sessions: pgbench's begin with each turn.
const LOADED: (&str, &str) = ("session_preload_libraries", "auto_explain");
const JSON: (&str, &str) = ("auto_explain.log_format", "json");

/// What the documentation advises.
pub(super) const SAMPLED: &[(&str, &str)] = &[
    ("log_min_duration_sample", "0"),
    ("log_statement_sample_rate", "0.01"),
    LOADED,
    JSON,
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.sample_rate", "0.01"),
];

const MODES: [Mode; 11] = [
    Mode { name: "nothing", settings: &[] },
    Mode {
        name: "1 % of statements",
        settings: &[("log_min_duration_sample", "0"), ("log_statement_sample_rate", "0.01")],
    },
    Mode { name: "all statements", settings: &[("log_min_duration_statement", "0")] },
    Mode { name: "auto_explain, 100 ms", settings: &[LOADED, JSON, ("auto_explain.log_min_duration", "100")] },
    Mode { name: "auto_explain, 10 ms", settings: &[LOADED, JSON, ("auto_explain.log_min_duration", "10")] },
    Mode { name: "auto_explain, 1 ms", settings: &[LOADED, JSON, ("auto_explain.log_min_duration", "1")] },
    Mode { name: "auto_explain, 0 ms", settings: &[LOADED, JSON, ("auto_explain.log_min_duration", "0")] },
    Mode {
        name: "auto_explain, 10 ms, log_analyze, log_timing off",
        settings: &[
            LOADED,
            JSON,
            ("auto_explain.log_min_duration", "10"),
            ("auto_explain.log_analyze", "on"),
            ("auto_explain.log_timing", "off"),
        ],
    },
    Mode {
        name: "auto_explain, 10 ms, log_analyze, log_timing on",
        settings: &[LOADED, JSON, ("auto_explain.log_min_duration", "10"), ("auto_explain.log_analyze", "on")],
    },
    Mode {
        name: "auto_explain, 0 ms, 1 % of executions",
        settings: &[LOADED, JSON, ("auto_explain.log_min_duration", "0"), ("auto_explain.sample_rate", "0.01")],
    },
    Mode { name: "1 % of statements and of plans", settings: SAMPLED },
];

/// Runs the rounds and prints a table. The exporter reads the log all the time, and is scraped each 15 s.
pub fn run(programs: &Programs, cores: usize, rounds: usize, seconds: Duration) -> Result<(), LabError> {
    let server = server()?;
    let exporter = programs.ours().start(server.port(), Caching::Default)?;
    let watched = Watched { server: &server, exporter: &exporter, cores };
    watched.round(None, seconds.min(Duration::from_secs(10)))?;
    let mut all: Vec<Vec<(Round, f64)>> = MODES.iter().map(|_| Vec::new()).collect();
    for number in 1..=rounds {
        for turn in 0..MODES.len() {
            let at = (number + turn) % MODES.len();
            apply(&server, &MODES[at])?;
            let before = log_bytes(&server)?;
            let round = watched.round(Some(Duration::from_secs(15)), seconds)?;
            let written = log_bytes(&server)? - before;
            all[at].push((round, written / seconds.as_secs_f64()));
        }
        eprintln!("lab: round {number} of {rounds}");
    }
    print("logging latency and plans", MODES.iter().map(|mode| mode.name), &all, rounds, seconds);
    Ok(())
}

/// A server whose log is followed, with the tables of pgbench.
pub(super) fn server() -> Result<Postgres, LabError> {
    let server = Postgres::builder(Major::NEWEST)
        .setting("logging_collector", "on")
        .setting("log_destination", "jsonlog")
        .setting("compute_query_id", "on")
        .setting("shared_buffers", "256MB")
        .start()?;
    server.psql("postgres", "create database bench")?;
    server.pgbench_init("bench", 10)?;
    Ok(server)
}

pub(super) fn apply(server: &Postgres, mode: &Mode) -> Result<(), LabError> {
    server.psql("postgres", "alter system reset all")?;
    for (name, value) in mode.settings {
        server.psql("postgres", &format!("load 'auto_explain'; alter system set {name} = '{value}'"))?;
    }
    server.psql("postgres", "select pg_reload_conf()")?;
    let preloaded = mode.settings.iter().find(|(name, _)| *name == LOADED.0).map_or("", |(_, value)| value);
    server.wait_for(
        &format!("select current_setting('session_preload_libraries') = '{preloaded}'"),
        Duration::from_secs(10),
    )
}

pub(super) fn log_bytes(server: &Postgres) -> Result<f64, LabError> {
    let size = server.psql("postgres", "select coalesce(sum(size), 0) from pg_ls_logdir()")?;
    size.parse().map_err(|_| LabError::Unexpected(format!("pg_ls_logdir: {size}")))
}

/// Prints a row for each mode; the first of them is nothing.
pub(super) fn print(
    what: &str,
    names: impl Iterator<Item = &'static str>,
    all: &[Vec<(Round, f64)>],
    rounds: usize,
    seconds: Duration,
) {
    let mut table = Table::new(
        "with | TPS median | min | max | ÷ nothing | p99 ms median | log MB/s | ms of a scrape | \
         exporter CPU % of a core | sessions CPU % of the machine",
    );
    for (name, turns) in names.zip(all) {
        let median = |of: &dyn Fn(&(Round, f64)) -> f64| spread(turns.iter().map(of).collect());
        let (tps, least, most) = median(&|(round, _)| round.tps);
        let share = turns.iter().zip(&all[0]).map(|((round, _), (alone, _))| round.tps / alone.tps);
        table.row([
            name.to_owned(),
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
    table.print(&format!("The cost of {what}: {rounds} rounds of {} s each", seconds.as_secs()));
}
