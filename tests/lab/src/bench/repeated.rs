//! Scrapes that follow each other at once, cold and warm, and what of them passes the wire.

use std::path::Path;

use lab::{Exporter, LabError, Postgres, Proxy};

use super::program::{Caching, Program};
use super::replay::{Manner, Statements};
use super::results::{COLUMNS, Results};
use super::subject::{Subject, Wire, repeat};
use super::table::{Table, number};

/// The codings of the page.
const CODINGS: [(bool, &str); 2] = [(false, "identity"), (true, "gzip")];

/// Measures time, CPU and memory.
pub fn run(
    programs: &[Program],
    statements: &Statements,
    server: &Postgres,
    scrapes: usize,
    results: &mut Results,
) -> Result<(), LabError> {
    let mut table = Table::new(COLUMNS);
    for (gzip, coding) in CODINGS {
        for program in programs {
            let measured = program
                .start(server.port(), Caching::Cold)
                .and_then(|mut exporter| repeat(&mut exporter, server, scrapes, gzip));
            results.add(&mut table, &program.name, &format!("cold, {coding}"), measured);
        }
    }
    for manner in [Manner::Bare, Manner::OneByOne] {
        let mut replay = statements.replay(manner, server.port())?;
        results.add(&mut table, manner.name(), "cold", repeat(&mut replay, server, scrapes, false));
    }
    for (gzip, coding) in CODINGS {
        for program in programs.iter().filter(|program| program.has_cache()) {
            let scrapes = if program.is_foreign() { scrapes } else { 5 * scrapes };
            let measured = program
                .start(server.port(), Caching::Warm)
                .and_then(|mut exporter| repeat(&mut exporter, server, scrapes, gzip));
            results.add(&mut table, &program.name, &format!("warm, {coding}"), measured);
        }
    }
    let mut page = page(&programs[0], server)?;
    for (gzip, coding) in CODINGS {
        let measured = repeat(&mut page, server, 5 * scrapes, gzip);
        results.add(&mut table, "copy of the page", coding, measured);
    }
    table.print("Scrapes one after another");
    println!("\nPer scrape, n = {scrapes}, warm {}. Cold: every query runs. Warm: all from the cache.", 5 * scrapes);
    Ok(())
}

/// The page of this exporter, served by the same HTTP stack and nothing behind it.
fn page(program: &Program, server: &Postgres) -> Result<Exporter, LabError> {
    let exporter = program.start(server.port(), Caching::Warm)?;
    let folder = server.socket_dir();
    let save = |name: &str, headers: &[(&str, &str)]| {
        let path = folder.join(name);
        let body = exporter.get_with("/metrics", headers)?.body;
        let written = std::fs::write(&path, body);
        written.map_err(|source| LabError::Io { what: format!("writing {}", path.display()), source })?;
        Ok::<_, LabError>(path.to_string_lossy().into_owned())
    };
    let identity = save("page", &[])?;
    let gzip = save("page.gz", &[("Accept-Encoding", "gzip")])?;
    let own = std::env::current_exe().map_err(|source| LabError::Io { what: "looking for lab".into(), source })?;
    let binary = own.parent().unwrap_or(Path::new(".")).join("lab-page");
    Exporter::start(&binary, &[&identity, &gzip], &[])
}

/// Counts what passes the wire in each scrape.
pub fn wire(programs: &[Program], statements: &Statements, server: &Postgres) -> Result<(), LabError> {
    let mut table = Table::new("per scrape | statements | round trips | connections opened | bytes from the server");
    for (caching, kind) in [(Caching::Cold, "cold"), (Caching::Warm, "warm")] {
        for program in programs.iter().filter(|program| caching == Caching::Cold || program.has_cache()) {
            let proxy = Proxy::start(server.port())?;
            let counted = program.start(proxy.port(), caching).and_then(|mut exporter| count(&mut exporter, &proxy));
            add(&mut table, &format!("{}, {kind}", program.name), counted);
        }
    }
    for manner in [Manner::Bare, Manner::OneByOne] {
        let proxy = Proxy::start(server.port())?;
        let mut replay = statements.replay(manner, proxy.port())?;
        add(&mut table, manner.name(), count(&mut replay, &proxy));
    }
    table.print("On the wire");
    Ok(())
}

fn count(subject: &mut dyn Subject, proxy: &Proxy) -> Result<[f64; 4], LabError> {
    const ROUNDS: usize = 5;
    for _ in 0..3 {
        subject.scrape(false)?;
    }
    let before = Wire::now(proxy);
    for _ in 0..ROUNDS {
        subject.scrape(false)?;
    }
    Ok(Wire::now(proxy).since(before, ROUNDS))
}

fn add(table: &mut Table, name: &str, counted: Result<[f64; 4], LabError>) {
    match counted {
        Ok(counts) => table.row([name.to_owned()].into_iter().chain(counts.map(number))),
        Err(error) => {
            eprintln!("lab: {name}: {error}");
            table.row([name.to_owned(), "failed".to_owned()]);
        }
    }
}
