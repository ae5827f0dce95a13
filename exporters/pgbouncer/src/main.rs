//! `pgbouncer-exporter`: Prometheus metrics of a PgBouncer, from its admin console.
//!
//! `options` are its own flags, `source` opens a console for each collection and closes it again, `session` asks,
//! `command` reads what a collector asks for, `shape` makes the rows it wants of a console's answer.

mod command;
mod options;
mod session;
mod shape;
mod source;

use std::process::ExitCode;

use engine::{EmbeddedFolder, Exporter};
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
        port: 9631,
        namespace: "pgbouncer",
        env_prefix: "PG_EXPORTER",
        environment: options::ENVIRONMENT,
        log_crates: &["pgbouncer_exporter", "pgclient"],
        embedded: vec![folder::<Collectors>("pgbouncer"), folder::<CommunityCollectors>("pgbouncer_exporter")],
        check_query: None,
    };
    engine::run(exporter, std::env::args_os(), options::PgBouncerOptions::connect)
}

fn folder<Files: RustEmbed>(name: &'static str) -> EmbeddedFolder {
    let mut names: Vec<_> = Files::iter().filter(|name| name.ends_with(".yml")).collect();
    names.sort_unstable();
    let text = |name: &str| Files::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned());
    let files = names.iter().filter_map(|file| Some((format!("builtin:{name}/{file}"), text(file)?))).collect();
    EmbeddedFolder { name, files }
}
