//! `pgbouncer-exporter`: Prometheus metrics of a PgBouncer, from its admin console.
//!
//! `options` are its own flags, `source` opens a console for each collection and closes it again, `places` are how many
//! there may be, `session` asks, `command` reads what a collector asks for, `shape` makes the rows it wants of a console's answer.

mod command;
mod options;
mod places;
mod session;
mod shape;
mod source;

use std::process::ExitCode;

use engine::{BuildInfo, EmbeddedFolder, Exporter};
use rust_embed::RustEmbed;

/// The default collectors, with pg_exporter's names.
#[derive(RustEmbed)]
#[folder = "../../collectors/pgbouncer"]
struct Collectors;

/// Those with the names of prometheus-community's pgbouncer_exporter.
#[derive(RustEmbed)]
#[folder = "../../collectors/pgbouncer_exporter"]
struct CommunityCollectors;

fn main() -> ExitCode {
    let exporter = Exporter {
        name: "pgbouncer-exporter",
        about: "Prometheus exporter for PgBouncer, from its admin console",
        build: BuildInfo { revision: build_info::REVISION, date: build_info::DATE },
        port: 9631,
        namespace: "pgbouncer",
        env_prefix: "PG_EXPORTER",
        environment: options::ENVIRONMENT,
        log_crates: &["pgbouncer_exporter", "pgclient"],
        embedded: vec![
            EmbeddedFolder::of::<Collectors>("pgbouncer"),
            EmbeddedFolder::of::<CommunityCollectors>("pgbouncer_exporter"),
        ],
        check_query: None,
    };
    engine::run(exporter, std::env::args_os(), options::PgBouncerOptions::connect)
}
