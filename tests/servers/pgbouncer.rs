//! pgbouncer-exporter on real PgBouncers of every release that can be had.

mod access;
mod catalogue;
mod doctor;
mod landing;
mod load;
mod numbers;
mod safety;
mod targets;

use lab::{BouncerRelease, Exporter, Major, PgBouncer, Postgres};
use support::{Page, pgbouncer_exporter};

/// An exporter that reads the console at `url`, every collector anew at each scrape.
fn exporter_of(url: &str, args: &[&str]) -> Exporter {
    let args: Vec<&str> = ["--disable-cache"].iter().chain(args).copied().collect();
    Exporter::start(pgbouncer_exporter(), &args, &[("PG_EXPORTER_URL", url)]).unwrap()
}

/// An exporter that reads the console as `monitor`, who is in stats_users only.
fn exporter(pooler: &PgBouncer, args: &[&str]) -> Exporter {
    exporter_of(&pooler.url("monitor", "pgbouncer"), args)
}

fn is_up(page: &Page) -> bool {
    page.value("pgbouncer_up", &[]) == Some(1.0)
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
