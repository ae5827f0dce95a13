//! pgbouncer-exporter on real PgBouncers of every release that can be had.
#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "pgbouncer/access.rs"]
mod access;
#[path = "pgbouncer/catalogue.rs"]
mod catalogue;
#[path = "pgbouncer/landing.rs"]
mod landing;
#[path = "support/layout.rs"]
mod layout;
#[allow(dead_code, reason = "a part of it is for PostgreSQL")]
#[path = "support/catalogue.rs"]
mod listed;
#[path = "pgbouncer/load.rs"]
mod load;
#[path = "pgbouncer/numbers.rs"]
mod numbers;
#[path = "support/page.rs"]
mod page;
#[path = "pgbouncer/safety.rs"]
mod safety;
#[path = "pgbouncer/targets.rs"]
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

use lab::{BouncerRelease, Exporter, Major, PgBouncer, Postgres};
use page::Page;

/// How long a test waits for what must come.
const LIMIT: Duration = Duration::from_secs(30);

/// The program under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pgbouncer-exporter"))
}

/// An exporter that reads the console at `url`, every collector anew at each scrape.
fn exporter_of(url: &str, args: &[&str]) -> Exporter {
    let args: Vec<&str> = ["--disable-cache"].iter().chain(args).copied().collect();
    Exporter::start(binary(), &args, &[("PG_EXPORTER_URL", url)]).unwrap()
}

/// An exporter that reads the console as `monitor`, who is in stats_users only.
fn exporter(pooler: &PgBouncer, args: &[&str]) -> Exporter {
    exporter_of(&pooler.url("monitor", "pgbouncer"), args)
}

/// The page of one scrape, which must answer 200.
fn scrape(exporter: &Exporter) -> Page {
    let response = exporter.get("/metrics").unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    Page::parse(response.text())
}

fn is_up(page: &Page) -> bool {
    page.value("pgbouncer_up", &[]) == Some(1.0)
}

/// Asks until `condition` holds.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a check with each release before one server.
fn on_every_release(check: impl Fn(BouncerRelease, &Postgres) + Sync) {
    let server = Postgres::start(Major::NEWEST).unwrap();
    std::thread::scope(|scope| {
        for release in BouncerRelease::ALL {
            scope.spawn({
                let (check, server) = (&check, &server);
                move || check(release, server)
            });
        }
    });
}
