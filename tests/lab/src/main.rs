//! `lab`: fetches the servers of the lab, shows them at work, or holds one.

use std::io::{Read, stdin};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use lab::{Cache, LabError, Major, Postgres, chaos, entrance, prove};

mod address;
mod bench;
mod cost;
mod demo;
mod links;
mod meter;
mod soak;
mod stand;

/// Real servers for tests and a demo, in temporary folders.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Download and prepare servers, unless they are there.
    Fetch {
        /// What a command needs (demo, lab, bench, unit, tests), or a name as pgbouncer-1.26.
        #[arg(default_value = "all")]
        what: Vec<String>,
    },
    /// A primary with load and backups, a standby, a pooler with a queue, an exporter for each and a Prometheus, until Ctrl-C.
    Demo {
        #[command(flatten)]
        programs: demo::Programs,
        /// End after so many seconds.
        #[arg(long, env = "DEMO_SECONDS")]
        seconds: Option<u64>,
    },
    /// The whole architecture: Patroni, etcd, HAProxy, three members with poolers and exporters, backups, alerts, until Ctrl-C.
    Architecture {
        /// The folder with the exporters' binaries.
        #[arg(long, value_name = "PATH")]
        programs: PathBuf,
        /// The folder with rule files; it may be missing.
        #[arg(long, value_name = "PATH", default_value = "alerts")]
        alerts: PathBuf,
        /// The folder with the preview of the dashboards; without a built one there are no dashboards.
        #[arg(long, value_name = "PATH", default_value = "dashboards/preview")]
        preview: PathBuf,
        /// End after so many seconds.
        #[arg(long, env = "LAB_SECONDS")]
        seconds: Option<u64>,
    },
    /// An address that vip-manager moves between two hosts with Patroni, in network namespaces, until Ctrl-C. Needs root.
    Vip {
        /// End after so many seconds.
        #[arg(long)]
        seconds: Option<u64>,
    },
    /// The way to a VIP through DNS, HAProxy, PgBouncer and TLS, in network namespaces: each hop that is broken must be named
    /// by an exporter. Needs root.
    Entrance {
        /// The folder with the exporters' binaries.
        #[arg(long, value_name = "PATH")]
        programs: PathBuf,
        /// The page whose table is brought up to date.
        #[arg(long, value_name = "PATH")]
        table: Option<PathBuf>,
    },
    /// Real faults in the architecture, and the alerts that must arrive at the webhook and be resolved.
    Prove {
        #[command(flatten)]
        proof: Proof,
        /// Only the faults for alerts with such a name.
        only: Vec<String>,
    },
    /// What looks like a fault and is none: cascades, delayed standbys, clones; no alert may arrive.
    Situations {
        #[command(flatten)]
        proof: Proof,
        /// Only those whose names have one of these words.
        only: Vec<String>,
    },
    /// A planned restart and the loss of a primary, and that no alert arrives but those about it.
    Failover {
        #[command(flatten)]
        proof: Proof,
    },
    /// Faults of a server, a network, an exporter and its clients, and what a scraper sees of them.
    Chaos {
        /// The folder with the exporters' binaries.
        #[arg(long, value_name = "PATH")]
        programs: PathBuf,
        /// The folder with the collectors.
        #[arg(long, value_name = "PATH", default_value = "collectors/pg")]
        collectors: PathBuf,
        /// The page whose table is brought up to date.
        #[arg(long, value_name = "PATH")]
        table: Option<PathBuf>,
        /// Only the faults of these names.
        #[arg(long, value_name = "NAME", num_args = 1..)]
        only: Vec<String>,
    },
    /// Scrapes without a pause of a server that restarts, fails over, creates and drops databases and tables.
    Soak(soak::Options),
    /// What a scrape costs: a load of its own, the exporter, other exporters and the least that is possible beside it.
    Bench(bench::Options),
    /// What being scraped costs a server that is fully used.
    Cost(cost::Options),
    /// Start one server, print its process id and folder and then its URL, and stop it when standard input ends.
    Hold,
}

#[derive(clap::Args)]
struct Proof {
    /// The folder with the exporters' binaries.
    #[arg(long, value_name = "PATH")]
    programs: PathBuf,
    /// The folder with rule files.
    #[arg(long, value_name = "PATH", default_value = "alerts")]
    alerts: PathBuf,
    /// The page whose table is brought up to date.
    #[arg(long, value_name = "PATH")]
    table: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Task::Fetch { what } => fetch(&what),
        Task::Demo { programs, seconds } => demo::run(&programs, seconds),
        Task::Architecture { programs, alerts, preview, seconds } => stand::run(&programs, &alerts, &preview, seconds),
        Task::Vip { seconds } => address::run(seconds),
        Task::Entrance { programs, table } => entrance::run(&programs, table.as_deref()),
        Task::Prove { proof, only } => prove::series(&proof.programs, &proof.alerts, &only, proof.table.as_deref()),
        Task::Situations { proof, only } => {
            prove::situations(&proof.programs, &proof.alerts, &only, proof.table.as_deref())
        }
        Task::Failover { proof } => prove::failover(&proof.programs, &proof.alerts, proof.table.as_deref()),
        Task::Chaos { programs, collectors, table, only } => {
            let sources = chaos::Sources { exporter: programs.join("pg-exporter"), collectors };
            chaos::run(&sources, &only, table.as_deref())
        }
        Task::Soak(options) => soak::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Cost(options) => cost::run(&options),
        Task::Hold => hold(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fetch(what: &[String]) -> Result<ExitCode, LabError> {
    let begin = Instant::now();
    let cache = Cache::open()?;
    cache.fetch(what)?;
    let (words, root, seconds) = (what.join(" "), cache.root().display(), begin.elapsed().as_secs_f64());
    println!("lab: {words}: fetched {} MB, all there in {root} ({seconds:.1} s)", cache.fetched() / 1_000_000);
    Ok(ExitCode::SUCCESS)
}

fn hold() -> Result<ExitCode, LabError> {
    let server = Postgres::start(Major::NEWEST)?;
    println!("{} {}", server.pids()[0], server.socket_dir().display());
    println!("{}", server.url("monitor", "postgres"));
    let ended = stdin().read_to_end(&mut Vec::new());
    ended.map_err(|source| LabError::Io { what: "waiting for the end of standard input".into(), source })?;
    Ok(ExitCode::SUCCESS)
}
