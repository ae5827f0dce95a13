//! `pgbackrest-exporter`: Prometheus exporter for pgBackRest, from `pgbackrest info`.
//!
//! `collect` runs pgBackRest at an interval: `command` runs the process, `output` and `redact` read what it printed, `document`,
//! `repair` and `shape` read the JSON, `backup`, `backups`, `slots`, `clusters` and `wal` prepare it, and `snapshot` has the results. `source` runs
//! jq filters (`language`, `native`) on the snapshot at a scrape. `jobs` runs `verify` and `drill` on a schedule; `drill_command` is the command of that name. `details` is for the status page, `options` has the flags.

mod backup;
mod backups;
mod clusters;
mod collect;
mod command;
mod details;
mod document;
mod drill;
mod drill_command;
#[cfg(test)]
mod fuzz;
mod jobs;
mod language;
mod log_files;
mod native;
mod options;
mod output;
mod redact;
mod repair;
mod run_log;
mod settings;
mod shape;
mod slots;
mod snapshot;
mod source;
mod verify;
mod version;
mod wal;

use std::process::ExitCode;

use engine::{BuildInfo, EmbeddedFolder, Exporter, Tool};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../collectors/pgbackrest"]
struct Collectors;

/// The rules of the command `doctor`.
#[derive(RustEmbed)]
#[folder = "../../findings/pgbackrest"]
struct Rules;

fn main() -> ExitCode {
    let exporter = Exporter {
        name: "pgbackrest-exporter",
        about: "Prometheus exporter for pgBackRest: stanzas, repositories, backups and WAL archives",
        build: BuildInfo { revision: build_info::REVISION, date: build_info::DATE },
        port: 9854,
        namespace: "pgbackrest",
        env_prefix: options::ENV_PREFIX,
        environment: options::ENVIRONMENT,
        log_crates: &["pgbackrest_exporter", "jq"],
        embedded: vec![EmbeddedFolder::of::<Collectors>("pgbackrest")],
        rules: EmbeddedFolder::of::<Rules>("findings/pgbackrest"),
        check_query: Some(language::check),
        check_rest: None,
        explain_prefix: None,
        grants: None,
        tools: &[Tool {
            name: "drill",
            about: "Restore a backup into a scratch folder, recover it, check it, measure it, and remove it",
            run: drill_command::run,
        }],
    };
    engine::run(exporter, std::env::args_os(), options::BackrestOptions::connect)
}
