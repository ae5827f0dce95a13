//! The demo: the exporters at work on real servers.

mod shop;
mod state;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use lab::{
    Backrest, BackrestRelease, BouncerRelease, Dashboards, Exporter, LabError, Major, PgBouncer, Postgres, Process,
    Prometheus, Target, rule_files,
};

use self::state::{State, query};
use crate::links::{link, pages};

const SCRAPE_INTERVAL: Duration = Duration::from_secs(5);

/// Prometheus reads its targets up to 5 s after its start, and scrapes them within an interval.
const FIRST_SCRAPE: Duration = Duration::from_secs(15);

const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The stanza that the primary is backed up under.
const STANZA: &str = "shop";

/// Without an end given, the load ends after a week.
const LONGEST_LOAD: Duration = Duration::from_secs(7 * 24 * 3600);

/// Its first server, as a label of what is scraped of it.
const PRIMARY: &str = "pg-demo-1";

/// The cluster, as a label of everything that is scraped.
const CLUSTER: &str = "pg-demo";

/// What nobody would change in a server that holds data, and the lab has otherwise.
const HEALTHY: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("shared_buffers", "128MB"),
    ("max_slot_wal_keep_size", "1GB"),
    ("checkpoint_timeout", "5min"),
    ("idle_in_transaction_session_timeout", "5min"),
    ("log_lock_waits", "on"),
];

/// More clients than the pool has server connections, and nothing else to do: two of them always wait.
const QUEUE: (&str, [&str; 3]) = ("select pg_sleep(0.05);\n", ["--no-vacuum", "--client=4", "--file=queue.sql"]);

/// The programs under show.
#[derive(Debug, Clone, clap::Args)]
pub struct Programs {
    /// The folder with the exporters' binaries.
    #[arg(long = "programs", value_name = "PATH")]
    folder: PathBuf,
    /// The folder with rule files.
    #[arg(long, value_name = "PATH", default_value = "alerts")]
    alerts: PathBuf,
    /// The folder with the preview of the dashboards; without a built one there are no dashboards.
    #[arg(long, value_name = "PATH", default_value = "dashboards/preview")]
    preview: PathBuf,
}

impl Programs {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Runs the demo until Ctrl-C or for so many seconds, then ends everything it started.
///
/// Success only if at the end every exporter was scraped and reached its server.
pub fn run(programs: &Programs, seconds: Option<u64>) -> Result<ExitCode, LabError> {
    let (stop, stopped) = mpsc::channel();
    // Sending fails only when the demo is ending anyway.
    ctrlc::set_handler(move || stop.send(()).unwrap_or(()))
        .map_err(|error| LabError::Unexpected(format!("handling Ctrl-C: {error}")))?;
    let duration = seconds.map(Duration::from_secs);
    let stage = Stage::build(programs, duration.unwrap_or(LONGEST_LOAD))?;
    stage.introduce(programs);
    let states = stage.watch(&stopped, duration);
    Ok(stage.judge(&states))
}

/// All that runs. Fields are dropped in this order: those who ask before those who answer.
struct Stage {
    dashboards: Option<Dashboards>,
    prometheus: Prometheus,
    players: Vec<Player>,
    _loads: Vec<Process>,
    pooler: PgBouncer,
    standby: Postgres,
    primary: Postgres,
    backrest: Backrest,
}

/// An exporter, its namespace, and the name of its server.
struct Player {
    name: &'static str,
    /// Prefix of its metrics; the job that scrapes it.
    namespace: &'static str,
    exporter: Exporter,
}

impl Player {
    fn line(&self, state: &State) -> String {
        format!("{:<12}  {state}  {}", self.name, self.exporter.url("/metrics"))
    }
}

impl Stage {
    fn build(programs: &Programs, longest: Duration) -> Result<Stage, LabError> {
        println!("starting a primary, PostgreSQL {}, that archives by pgBackRest", Major::NEWEST);
        let backrest = Backrest::new(BackrestRelease::V2_55, &["repo1-bundle=y", "repo1-block=y"])?;
        let primary = Postgres::builder(Major::NEWEST).setting("archive_mode", "on");
        let primary = HEALTHY.iter().fold(primary, |primary, (name, value)| primary.setting(name, value));
        let primary = primary.setting("archive_command", &backrest.archive_command(STANZA)).start()?;
        backrest.create_stanza(STANZA, &primary)?;
        shop::create(&primary)?;
        println!("starting a standby");
        let standby = primary.standby("pg_demo_2")?;

        for kind in ["full", "diff", "incr"] {
            println!("making a backup: {kind}");
            backrest.backup(STANZA, kind, &[])?;
        }

        println!("starting PgBouncer {} with more clients than its pool takes", BouncerRelease::NEWEST);
        let (pooler, queue) = pool(&primary, longest)?;
        let mut loads = shop::open(&primary, &standby, longest)?;
        loads.push(queue);

        println!("starting exporters, Prometheus and dashboards");
        let player = |name, namespace, program, url: &str| {
            let exporter = Exporter::start(&programs.path(program), &[], &[("PG_EXPORTER_URL", url)])?;
            Ok::<_, LabError>(Player { name, namespace, exporter })
        };
        let players = vec![
            player(PRIMARY, "pg", "pg-exporter", &primary.url("monitor", "postgres"))?,
            player("pg-demo-2", "pg", "pg-exporter", &standby.url("monitor", "postgres"))?,
            player("pgbouncer-1", "pgbouncer", "pgbouncer-exporter", &pooler.url("monitor", "pgbouncer"))?,
            Player {
                name: "pgbackrest-1",
                namespace: "pgbackrest",
                exporter: backrest.exporter(&programs.path("pgbackrest-exporter"))?,
            },
        ];
        let target = |player: &Player| {
            let target = Target::new(player.namespace, player.exporter.address());
            target.label("cls", CLUSTER).label("ins", player.name).label("ip", "127.0.0.1")
        };
        let targets: Vec<Target> = players.iter().map(target).collect();
        let prometheus = Prometheus::start_with_rules(&targets, SCRAPE_INTERVAL, &rule_files(&programs.alerts))?;
        let dashboards = Dashboards::start(&programs.preview, &prometheus)?;
        Ok(Stage { dashboards, prometheus, players, _loads: loads, pooler, standby, primary, backrest })
    }

    /// One page of links and commands, what a newcomer looks at first at its top.
    fn introduce(&self, programs: &Programs) {
        println!();
        let on_primary = format!("var-cls={CLUSTER}&var-ins={PRIMARY}");
        pages(self.dashboards.as_ref(), &[("pg-suite-query", &on_primary), ("pg-suite-instance", &on_primary)]);
        link("prometheus", format_args!("http://{}/classic/graph", self.prometheus.address()));
        link("alerts", format_args!("http://{}/classic/alerts", self.prometheus.address()));
        for player in &self.players {
            link(player.name, player.exporter.url("/"));
        }
        println!("\nin a shell:");
        link("primary", self.primary.psql_line("shop"));
        link("standby", self.standby.psql_line("shop"));
        link("pgbouncer", self.pooler.console_line());
        let (program, config) = (self.backrest.program().display(), self.backrest.config());
        link("backups", format_args!("{program} --config={} info", config.display()));
        println!("\nan exporter of your own, on the primary:");
        let exporter = programs.path("pg-exporter");
        println!("  export PG_EXPORTER_URL='{}'", self.primary.url("monitor", "postgres"));
        println!("  {} explain", shown(&exporter));
        println!("  {} check --server", shown(&exporter));
        println!("  {} --web.listen-address=127.0.0.1:9630\n", shown(&exporter));
    }

    /// Prints every player's state when it changes; returns the last ones. Even if that takes longer
    /// than the duration, every player gets the time for its first scrape.
    fn watch(&self, stopped: &Receiver<()>, duration: Option<Duration>) -> Vec<State> {
        let begin = Instant::now();
        let mut printed = vec![None; self.players.len()];
        loop {
            let states = self.states();
            for ((player, state), printed) in self.players.iter().zip(&states).zip(&mut printed) {
                let health = state.health();
                if *printed != health {
                    println!("{}", player.line(state));
                    *printed = health;
                }
            }
            let all_scraped = states.iter().all(|state| state.up.is_some());
            let is_over = |duration| begin.elapsed() >= if all_scraped { duration } else { FIRST_SCRAPE.max(duration) };
            let is_stopped = stopped.recv_timeout(LOOK_INTERVAL) != Err(RecvTimeoutError::Timeout);
            if is_stopped || duration.is_some_and(is_over) {
                return states;
            }
        }
    }

    fn states(&self) -> Vec<State> {
        let samples = self.prometheus.query(&query()).unwrap_or_else(|error| {
            eprintln!("lab: {error}");
            Vec::new()
        });
        self.players.iter().map(|player| State::of(player.name, player.namespace, &samples)).collect()
    }

    /// Success if every player is well; else says which is not, with the end of its log.
    fn judge(&self, states: &[State]) -> ExitCode {
        let mut code = ExitCode::SUCCESS;
        for (player, state) in self.players.iter().zip(states) {
            if !state.is_well() {
                println!("\nnot well at the end: {}\n{}", player.line(state), player.exporter.process().log_tail());
                code = ExitCode::FAILURE;
            }
        }
        code
    }
}

/// A pool before `shop`, and the clients that queue for it.
fn pool(server: &Postgres, longest: Duration) -> Result<(PgBouncer, Process), LabError> {
    let shop = format!("shop = host=127.0.0.1 port={} dbname=shop user=postgres pool_size=2", server.port());
    let pooler = PgBouncer::builder(BouncerRelease::NEWEST).database_line(&shop).start()?;
    let (script, arguments) = QUEUE;
    let file = pooler.socket_dir().join("queue.sql");
    let what = format!("writing {}", file.display());
    std::fs::write(file, script).map_err(|source| LabError::Io { what, source })?;
    let time = format!("--time={}", longest.as_secs().max(1));
    let queue = pooler.start("pgbench", "app", "shop", &[&arguments[..], &[time.as_str()]].concat())?;
    Ok((pooler, queue))
}

/// A program as a person calls it from here.
fn shown(program: &Path) -> String {
    let program = program.display().to_string();
    if program.contains('/') { program } else { format!("./{program}") }
}
