//! `pgbouncer-exporter`: Prometheus exporter for PgBouncer, from its admin console.
//!
//! `source` opens a console for each collection, within the budget of `console_slots`. `session` runs commands on it: `command`
//! parses a collector's query, `shape` converts the result to rows. `options` has the flags.

mod command;
mod console_slots;
mod log_files;
mod options;
mod session;
mod shape;
mod source;

use std::process::ExitCode;

use engine::{BuildInfo, EmbeddedFolder, Exporter};
use rust_embed::RustEmbed;

/// The default collectors, with the metric names of pg_exporter.
#[derive(RustEmbed)]
#[folder = "../../collectors/pgbouncer"]
struct Collectors;

/// Collectors with the metric names of prometheus-community's pgbouncer_exporter.
#[derive(RustEmbed)]
#[folder = "../../collectors/pgbouncer_exporter"]
struct CommunityCollectors;

/// The rules of the command `doctor`.
#[derive(RustEmbed)]
#[folder = "../../findings/pgbouncer"]
struct Rules;

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
        rules: EmbeddedFolder::of::<Rules>("findings/pgbouncer"),
        check_query: None,
        check_rest: None,
        explain_prefix: None,
        grants: None,
        tools: &[],
    };
    engine::run(exporter, std::env::args_os(), options::PgBouncerOptions::connect)
}
