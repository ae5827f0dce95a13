//! `pg-exporter`: Prometheus metrics of a PostgreSQL server.
//!
//! `options` are its own flags, `source` opens sessions out of a `pool` of `pooled_connection` connections, each for one `purpose`,
//! `opening` is one that is about to be there, `session_settings` and `session_start` make each session what it has to be,
//! `tracking` keeps its statements out of pg_stat_statements, `session` asks, `facts` is the probe of the server, `health`
//! its short form for health endpoints, `databases` chooses which others to read, `decode` reads the cells of a result.

mod databases;
mod decode;
mod facts;
mod health;
mod opening;
mod options;
mod pool;
mod pooled_connection;
mod purpose;
mod session;
mod session_settings;
mod session_start;
mod source;
mod tracking;

use std::process::ExitCode;

use engine::{BuildInfo, EmbeddedFolder, Exporter};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../collectors/pg"]
struct Collectors;

fn main() -> ExitCode {
    let exporter = Exporter {
        name: "pg-exporter",
        about: "Prometheus exporter for PostgreSQL: primary and standby, every database of the instance",
        build: BuildInfo { revision: build_info::REVISION, date: build_info::DATE },
        port: 9630,
        namespace: "pg",
        env_prefix: "PG_EXPORTER",
        environment: options::ENVIRONMENT,
        log_crates: &["pg_exporter", "pgclient"],
        embedded: vec![EmbeddedFolder::of::<Collectors>("pg")],
        check_query: None,
    };
    engine::run(exporter, std::env::args_os(), options::PgOptions::connect)
}
