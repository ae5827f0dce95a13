//! As in production: a gzip scrape each 15 s, default settings.
//!
//! Every subject has a copy of the server for itself, so that all can be measured in the same minutes: their scrapes take
//! turns. Nothing happens in the databases but in two places. Copies that nobody watches show what a server spends alone;
//! it is taken off the others.

use std::thread;
use std::time::{Duration, Instant};

use lab::{LabError, Postgres, Proxy};

use super::load::change_all;
use super::program::{ACTIVE, Caching, Program};
use super::replay::{Manner, Statements};
use super::results::{COLUMNS, Results};
use super::subject::{Figures, Subject, Usage, Wire};
use super::table::{Table, number};
use crate::meter::{memory_mib, ms};

/// Between two scrapes.
pub const INTERVAL: Duration = Duration::from_secs(15);
/// The first scrapes, which are not counted.
const WARM_UP: usize = 2;

/// When to scrape, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub start: Instant,
    /// Scrapes that are not counted.
    pub warm_up: usize,
    /// How long scrapes are counted.
    pub seconds: Duration,
}

/// One subject at its server.
struct Place {
    name: String,
    // Before the server, so that it ends first.
    subject: Option<Box<dyn Subject>>,
    proxy: Proxy,
    server: Postgres,
    /// Whether every database changes between scrapes.
    active: bool,
}

/// The figures of one, and what passed its wire for each scrape.
pub type Measured = (Figures, [f64; 4]);

/// Measures all for so long.
pub fn run(
    programs: &[Program],
    statements: &Statements,
    server: &mut Postgres,
    seconds: Duration,
    results: &mut Results,
) -> Result<(), LabError> {
    // So that the copies are small: the checkpoint at the stop removes what WAL the load has left.
    server.psql("postgres", "alter system set max_wal_size = '128MB'; select pg_reload_conf()")?;
    let ours = programs[0].renamed(ACTIVE);
    let programs = programs.iter().map(|program| (program, false)).chain([(&ours, true)]);
    let mut places = Vec::new();
    for (program, active) in programs {
        let place = Place::new(&program.name, server.copy()?, active, |port| {
            Ok(Some(Box::new(program.start(port, Caching::Default)?)))
        });
        match place {
            Ok(place) => places.push(place),
            Err(error) => eprintln!("lab: {}: {error}", program.name),
        }
    }
    places.push(Place::new(Manner::OneByOne.name(), server.copy()?, false, |port| {
        Ok(Some(Box::new(statements.replay(Manner::OneByOne, port)?)))
    })?);
    for active in [false, true] {
        places.push(Place::new("nobody", server.copy()?, active, |_| Ok(None))?);
    }

    let rows: Vec<(String, bool)> = places.iter().map(|place| (place.name.clone(), place.active)).collect();
    let mut measured = all(places, seconds);
    let mut alone = || measured.pop().unwrap_or_else(|| Ok(Measured::default())).map(|(figures, _)| figures.server);
    let (active_alone, idle_alone) = (alone()?, alone()?);

    let mut table = Table::new(COLUMNS);
    let mut wire = Table::new("per scrape | statements | round trips | connections opened | bytes from the server");
    for ((name, active), measured) in rows.into_iter().zip(measured) {
        let figures = measured.map(|(mut figures, counts)| {
            figures.server = figures.server.saturating_sub(if active { active_alone } else { idle_alone });
            wire.row([name.clone()].into_iter().chain(counts.map(number)));
            figures
        });
        results.add(&mut table, &name, "steady, gzip", figures);
    }
    table.print(&format!("A scrape each 15 s for {} s", seconds.as_secs()));
    let (idle, active) = (ms(idle_alone), ms(active_alone));
    println!(
        "\nTaken off: what a server spends in 15 s alone, {idle:.1} ms, and if all its databases change, {active:.1} ms."
    );
    wire.print("On the wire, a scrape each 15 s");
    Ok(())
}

impl Place {
    fn new(
        name: &str,
        server: Postgres,
        active: bool,
        start: impl FnOnce(u16) -> Result<Option<Box<dyn Subject>>, LabError>,
    ) -> Result<Self, LabError> {
        let proxy = Proxy::start(server.port())?;
        Ok(Self { name: name.to_owned(), subject: start(proxy.port())?, proxy, server, active })
    }
}

/// Scrapes all places for so long, in turns.
fn all(places: Vec<Place>, seconds: Duration) -> Vec<Result<Measured, LabError>> {
    let turn = INTERVAL / u32::try_from(places.len()).unwrap_or(1);
    let start = Instant::now();
    thread::scope(|scope| {
        let measured: Vec<_> = (0_u32..)
            .zip(places)
            .map(|(at, mut place)| {
                scope.spawn(move || {
                    let subject = place.subject.as_mut().map(|subject| &mut **subject as &mut dyn Subject);
                    let change = || if place.active { change_all(&place.server) } else { Ok(()) };
                    let pace = Pace { start: start + turn * at, warm_up: WARM_UP, seconds };
                    one(subject, &place.server, &place.proxy, pace, change)
                })
            })
            .collect();
        let panicked = || LabError::Unexpected("a scraping thread panicked".to_owned());
        measured.into_iter().map(|thread| thread.join().map_err(|_| panicked()).and_then(|result| result)).collect()
    })
}

/// Scrapes one subject at this pace; without one only time passes. `between` is called after each scrape.
pub fn one(
    mut subject: Option<&mut dyn Subject>,
    server: &Postgres,
    proxy: &Proxy,
    pace: Pace,
    mut between: impl FnMut() -> Result<(), LabError>,
) -> Result<Measured, LabError> {
    let scrapes = (pace.seconds.as_secs() / INTERVAL.as_secs()).max(1) as usize;
    let pid = subject.as_ref().and_then(|subject| subject.pid());
    let mut figures = Figures { idle: pid.map_or(0.0, |pid| memory_mib(pid).0), ..Figures::default() };
    let mut before = None;
    let mut due = pace.start;
    for number in 0..pace.warm_up + scrapes {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += INTERVAL;
        if number == pace.warm_up {
            before = Some((Usage::now(subject.as_deref(), server), Wire::now(proxy)));
        }
        if let Some(subject) = &mut subject {
            let scrape = subject.scrape(true)?;
            if number == 0 {
                figures.first = scrape.elapsed;
            }
            if number >= pace.warm_up {
                figures.bytes = scrape.bytes;
                figures.times.push(scrape.elapsed);
            }
        }
        between()?;
    }
    thread::sleep(due.saturating_duration_since(Instant::now()));
    let usage = Usage::now(subject.as_deref(), server);
    let mut counts = [0.0; 4];
    if let Some((usage_before, wire_before)) = before {
        (figures.own, figures.server) = usage.since(&usage_before, scrapes);
        counts = Wire::now(proxy).since(wire_before, scrapes);
    }
    if let Some(subject) = &mut subject {
        figures.add_memory(&**subject);
        // Not compressed, to count the series.
        figures.series = subject.scrape(false)?.series;
    }
    Ok((figures, counts))
}
