//! `pg-exporter`: Prometheus exporter for PostgreSQL.
//!
//! `source` lends sessions from a `pool`. `session_settings`, `session_start`, `pooler` and `tracking` prepare a connection,
//! `session` runs queries on it. `facts`, `instance` and `health` probe the server, `data_source` reads the variables of postgres_exporter, `databases` selects the databases to read, `decode` reads the
//! cells of a result, `options` has the flags, `services` probes the
//! ways in that clients take, `patroni` reads Patroni's REST interface.

mod data_source;
mod databases;
mod decode;
mod facts;
#[cfg(test)]
mod fuzz;
mod health;
mod instance;
mod logs;
mod options;
mod patroni;
mod pool;
mod pooler;
mod services;
mod session;
mod session_settings;
mod session_start;
mod source;
mod sqlstate;
mod text_encoding;
mod tracking;

use std::process::ExitCode;

use engine::{BuildInfo, EmbeddedFolder, Exporter, Tool};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../collectors/pg"]
struct Collectors;

/// The rules of the command `doctor`.
#[derive(RustEmbed)]
#[folder = "../../findings/pg"]
struct Rules;

/// Collectors with the metric names of prometheus-community's postgres_exporter.
#[derive(RustEmbed)]
#[folder = "../../collectors/postgres_exporter"]
struct CommunityCollectors;

/// Creates the role that the exporter connects as.
const GRANTS: &str = include_str!("../../../collectors/pg/grants.sql");

fn main() -> ExitCode {
    let exporter = Exporter {
        name: "pg-exporter",
        about: "Prometheus exporter for PostgreSQL: primary and standby, every database of the instance",
        build: BuildInfo { revision: build_info::REVISION, date: build_info::DATE },
        port: 9630,
        namespace: "pg",
        env_prefix: "PG_EXPORTER",
        environment: options::ENVIRONMENT,
        log_crates: &["pg_exporter", "pgclient", "jq"],
        embedded: vec![
            EmbeddedFolder::of::<Collectors>("pg"),
            EmbeddedFolder::of::<CommunityCollectors>("postgres_exporter"),
        ],
        rules: EmbeddedFolder::of::<Rules>("findings/pg"),
        check_query: None,
        check_rest: Some(patroni::check),
        explain_prefix: Some("EXPLAIN "),
        grants: Some(GRANTS),
        tools: &[
            Tool {
                name: "mixin",
                about: "Write a site's alert rules, Alertmanager configuration and dashboards; mixin --help",
                run: |arguments| mixin::run(arguments.into_iter()),
            },
            Tool {
                name: "import",
                about: "Write collector files from the query files of another exporter; import --help",
                run: |arguments| import::run(arguments.into_iter()),
            },
        ],
    };
    engine::run(exporter, std::env::args_os(), options::PgOptions::connect)
}
