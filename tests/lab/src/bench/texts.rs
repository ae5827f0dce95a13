//! Scrapes while pg_stat_statements has 100 MB of query texts and collects garbage.

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::{Exporter, LabError, Major, Postgres};

use super::program::{Caching, Programs};
use super::table::{Table, number};
use crate::meter::{ms, quantile};

/// As many entries as pg_stat_statements keeps by default, and the length of each text: 100 MB.
const ENTRIES: usize = 5000;
const LENGTH: usize = 20_000;
/// Different statements that are run in turns; more than there are entries, so that each is new when it comes again.
const DIFFERENT: usize = 20_000;
/// For each measurement.
const SECONDS: u64 = 60;

/// Measures without texts, with them, and with garbage collection.
pub fn run(programs: &Programs) -> Result<(), LabError> {
    let server = Postgres::builder(Major::NEWEST)
        .setting("autovacuum", "off")
        .setting("pg_stat_statements.max", &ENTRIES.to_string())
        .start()?;
    let mut table = Table::new("pg_stat_statements | MB of texts | metrics median ms | p99 ms | up median ms | p99 ms");
    let exporter = programs.ours().start(server.port(), Caching::Default)?;
    for _ in 0..2 {
        exporter.get("/metrics")?;
    }
    measure(&exporter, &server, "empty", &mut table)?;
    write(&server, 0..ENTRIES, &AtomicBool::new(false))?;
    measure(&exporter, &server, "full", &mut table)?;

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                write(&server, 0..DIFFERENT, &stop)?;
            }
            Ok::<_, LabError>(())
        });
        let measured = measure(&exporter, &server, "full, garbage collected", &mut table);
        stop.store(true, Ordering::Relaxed);
        let written = writer.join().map_err(|_| LabError::Unexpected("the writing thread panicked".to_owned()))?;
        measured.and(written)
    })?;
    table.print("Query texts");
    let evicted = server.psql("postgres", "select dealloc from pg_stat_statements_info")?;
    let ours = "select count(*) from pg_stat_statements(false) where userid = 'monitor'::regrole";
    println!("\nevictions: {evicted}; statements of the exporter's role there: {}", server.psql("postgres", ours)?);
    Ok(())
}

fn measure(exporter: &Exporter, server: &Postgres, name: &str, table: &mut Table) -> Result<(), LabError> {
    eprintln!("lab: texts: {name}");
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let timed = |path: &str, headers: &[(&str, &str)], pause: Duration| {
        let mut times = Vec::new();
        while Instant::now() < end {
            let response = exporter.get_with(path, headers)?;
            if response.status != 200 {
                return Err(LabError::Unexpected(format!("{path}: status {}: {}", response.status, response.text())));
            }
            times.push(response.elapsed);
            thread::sleep(pause.saturating_sub(response.elapsed));
        }
        Ok(times)
    };
    let (metrics, up) = thread::scope(|scope| {
        let up = scope.spawn(|| timed("/up", &[], Duration::from_millis(300)));
        let metrics = timed("/metrics", &[("Accept-Encoding", "gzip")], Duration::from_secs(1));
        let up = up.join().map_err(|_| LabError::Unexpected("a thread panicked".to_owned()))?;
        Ok::<_, LabError>((metrics?, up?))
    })?;
    let texts = server.data_dir().join("pg_stat_tmp/pgss_query_texts.stat");
    let megabytes = std::fs::metadata(texts).map_or(0.0, |file| file.len() as f64 / 1e6);
    let figures = [(&metrics, 0.5), (&metrics, 0.99), (&up, 0.5), (&up, 0.99)];
    let cells = figures.map(|(times, share)| number(ms(quantile(times, share))));
    table.row([name.to_owned(), number(megabytes)].into_iter().chain(cells));
    Ok(())
}

/// Runs statements with long texts, until told to stop.
fn write(server: &Postgres, numbers: std::ops::Range<usize>, stop: &AtomicBool) -> Result<(), LabError> {
    let io = |source| LabError::Io { what: "running statements with long texts".to_owned(), source };
    let mut psql = server.bin("psql");
    psql.args(["-X", "-q", "-o", "/dev/null", "-d", "postgres"]).stdin(Stdio::piped());
    let mut psql = psql.spawn().map_err(io)?;
    if let Some(mut input) = psql.stdin.take() {
        for number in numbers {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            input.write_all(statement(number).as_bytes()).map_err(io)?;
        }
    }
    psql.wait().map_err(io).map(drop)
}

/// What tells statements apart is how many columns there are, and terms in one; a comment makes the text long.
fn statement(number: usize) -> String {
    let (columns, terms) = ("1, ".repeat(number / 400), vec!["1"; number % 400 + 1].join("+"));
    format!("select {columns}/* {} */ {terms};\n", "x".repeat(LENGTH))
}
