//! `pgbackrest-exporter`: Prometheus metrics of what `pgbackrest info` knows.
//!
//! `options` are its own flags; `command` runs one child process under a deadline, `output` reads what it printed;
//! `collect` runs them at its own pace, finds in `backups` and `wal` what filters need of many backups, and keeps the last
//! good results in a `snapshot`; `filter` runs the collectors' jq filters; `source` runs them over the snapshot when a
//! scrape asks; `details` says the same for a person.

mod backups;
mod collect;
mod command;
mod details;
mod filter;
mod options;
mod output;
mod sentences;
mod snapshot;
mod source;
mod wal;

use std::process::ExitCode;

use engine::{BuildInfo, EmbeddedFolder, Exporter};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../collectors/pgbackrest"]
struct Collectors;

fn main() -> ExitCode {
    let exporter = Exporter {
        name: "pgbackrest-exporter",
        about: "Prometheus exporter for pgBackRest: stanzas, repositories, backups and WAL archives",
        build: BuildInfo { revision: build_info::REVISION, date: build_info::DATE },
        port: 9854,
        namespace: "pgbackrest",
        env_prefix: options::ENV_PREFIX,
        environment: options::ENVIRONMENT,
        log_crates: &["pgbackrest_exporter"],
        embedded: vec![EmbeddedFolder::of::<Collectors>("pgbackrest")],
        check_query: Some(filter::check),
    };
    engine::run(exporter, std::env::args_os(), options::BackrestOptions::connect)
}
