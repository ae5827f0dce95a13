//! The demo: the exporters at work on real servers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use lab::{
    Backrest, BackrestRelease, BouncerRelease, Exporter, LabError, Major, PgBouncer, Postgres, Process, Prometheus,
    Sample, Target,
};

const SCRAPE_INTERVAL: Duration = Duration::from_secs(5);

/// Prometheus reads its targets up to 5 s after its start, and scrapes them within an interval.
const FIRST_SCRAPE: Duration = Duration::from_secs(15);

const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The stanza that the primary is backed up under.
const STANZA: &str = "shop";

/// Without an end given, the load ends after a week.
const LONGEST_LOAD: Duration = Duration::from_secs(7 * 24 * 3600);

/// Two databases beside `shop`, which pgbench fills.
const OBJECTS: [(&str, &str); 2] = [
    (
        "blog",
        "create table author (id int generated always as identity primary key, name text not null unique);
         create table post (id bigint generated always as identity primary key, author int references author,
                            written timestamptz default now(), body text);
         create index on post (author, written);
         insert into author (name) select 'author ' || n from generate_series(1, 100) n;
         insert into post (author, body) select n % 100 + 1, repeat('word ', n % 200) from generate_series(1, 20000) n;
         create function posts_of(int) returns bigint language sql stable
             as 'select count(*) from post where author = $1';
         select sum(posts_of(id)) from author;
         analyze",
    ),
    (
        "metering",
        "create table reading (at timestamptz not null, meter int not null, value float8) partition by range (at);
         create table reading_2025 partition of reading for values from ('2025-01-01') to ('2026-01-01');
         create table reading_2026 partition of reading for values from ('2026-01-01') to ('2027-01-01');
         create index on reading using brin (at);
         insert into reading select timestamptz '2025-12-01' + n * interval '1 minute', n % 50, random()
             from generate_series(1, 90000) n;
         update reading set value = value + 1 where meter = 7;
         analyze",
    ),
];

/// More clients than the pool has server connections, and nothing else to do: two of them always wait.
const QUEUE: (&str, [&str; 3]) = ("select pg_sleep(0.05);\n", ["--no-vacuum", "--client=4", "--file=queue.sql"]);

/// The programs under show.
#[derive(Debug, Clone, clap::Args)]
pub struct Programs {
    /// The folder with the exporters' binaries.
    #[arg(long = "programs", value_name = "PATH")]
    folder: PathBuf,
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
    stage.introduce();
    let states = stage.watch(&stopped, duration);
    Ok(stage.judge(&states))
}

/// All that runs. Fields are dropped in this order: those who ask before those who answer.
struct Stage {
    prometheus: Prometheus,
    players: Vec<Player>,
    _loads: [Process; 2],
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

/// What Prometheus knows about a player; absent values are `None`.
#[derive(Debug, Default, Clone, Copy)]
struct State {
    up: Option<f64>,
    /// pg_up, pgbouncer_up, pgbackrest_up.
    server_up: Option<f64>,
    in_recovery: Option<f64>,
    series: Option<f64>,
    scrape_seconds: Option<f64>,
}

impl Stage {
    fn build(programs: &Programs, longest: Duration) -> Result<Stage, LabError> {
        println!("starting a primary, PostgreSQL {}, that archives by pgBackRest", Major::NEWEST);
        let backrest = Backrest::new(BackrestRelease::V2_55, &["repo1-bundle=y", "repo1-block=y"])?;
        let primary = Postgres::builder(Major::NEWEST).setting("archive_mode", "on");
        let primary = primary.setting("archive_command", &backrest.archive_command(STANZA)).start()?;
        backrest.create_stanza(STANZA, &primary)?;
        for (database, sql) in OBJECTS {
            primary.psql("postgres", &format!("create database {database}"))?;
            primary.psql(database, sql)?;
        }
        primary.psql("postgres", "create database shop")?;
        primary.pgbench_init("shop", 2)?;
        let load = primary.pgbench("shop", 2, 50, longest)?;
        println!("starting a standby");
        let standby = primary.standby("pg_demo_2")?;

        for kind in ["full", "diff", "incr"] {
            println!("making a backup: {kind}");
            backrest.backup(STANZA, kind, &[])?;
        }

        println!("starting PgBouncer {} with more clients than its pool takes", BouncerRelease::NEWEST);
        let (pooler, queue) = pool(&primary, longest)?;

        println!("starting exporters and Prometheus");
        let player = |name, namespace, program, url: &str| {
            let exporter = Exporter::start(&programs.path(program), &[], &[("PG_EXPORTER_URL", url)])?;
            Ok::<_, LabError>(Player { name, namespace, exporter })
        };
        let players = vec![
            player("pg-demo-1", "pg", "pg-exporter", &primary.url("monitor", "postgres"))?,
            player("pg-demo-2", "pg", "pg-exporter", &standby.url("monitor", "postgres"))?,
            player("pgbouncer-1", "pgbouncer", "pgbouncer-exporter", &pooler.url("monitor", "pgbouncer"))?,
            Player {
                name: "pgbackrest-1",
                namespace: "pgbackrest",
                exporter: backrest.exporter(&programs.path("pgbackrest-exporter"))?,
            },
        ];
        let target =
            |player: &Player| Target::new(player.namespace, player.exporter.address()).label("ins", player.name);
        let targets: Vec<Target> = players.iter().map(target).collect();
        let prometheus = Prometheus::start(&targets, SCRAPE_INTERVAL)?;
        Ok(Stage { prometheus, players, _loads: [load, queue], pooler, standby, primary, backrest })
    }

    fn introduce(&self) {
        let psql = |server: &Postgres| format!("psql -h 127.0.0.1 -p {} -U postgres shop", server.port());
        println!("\nprimary     {}", psql(&self.primary));
        println!("standby     {}", psql(&self.standby));
        println!("pgbouncer   psql {}", self.pooler.url("admin", "pgbouncer"));
        println!(
            "backups     {} --config={} info",
            self.backrest.program().display(),
            self.backrest.config().display()
        );
        for player in &self.players {
            println!("{:<11} {}", player.name, player.exporter.url("/"));
        }
        println!("prometheus  http://{}/\n", self.prometheus.address());
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
                    println!("{}", state.line(player));
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
        let promql = r#"{job=~"pg|pgbouncer|pgbackrest", __name__=~"up|pg_up|pgbouncer_up|pgbackrest_up|pg_in_recovery|scrape_samples_scraped|scrape_duration_seconds"}"#;
        let samples = self.prometheus.query(promql).unwrap_or_else(|error| {
            eprintln!("lab: {error}");
            Vec::new()
        });
        self.players.iter().map(|player| State::of(player, &samples)).collect()
    }

    /// Success if every player is well; else says which is not, with the end of its log.
    fn judge(&self, states: &[State]) -> ExitCode {
        let mut code = ExitCode::SUCCESS;
        for (player, state) in self.players.iter().zip(states) {
            if !state.is_well() {
                println!("\nnot well at the end: {}\n{}", state.line(player), player.exporter.process().log_tail());
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

impl State {
    fn of(player: &Player, samples: &[Sample]) -> State {
        let label = |sample: &Sample, label: &str| sample.labels.get(label).cloned().unwrap_or_default();
        let own = samples.iter().filter(|sample| label(sample, "ins") == player.name);
        let values: BTreeMap<String, f64> = own.map(|sample| (label(sample, "__name__"), sample.value)).collect();
        let value = |name: &str| values.get(name).copied();
        State {
            up: value("up"),
            server_up: value(&format!("{}_up", player.namespace)),
            in_recovery: value("pg_in_recovery"),
            series: value("scrape_samples_scraped"),
            scrape_seconds: value("scrape_duration_seconds"),
        }
    }

    /// What a new line is printed for, once there was a scrape: not for other counts and times.
    fn health(&self) -> Option<(bool, bool, &'static str)> {
        self.up.map(|up| (up == 1.0, self.server_up == Some(1.0), self.role()))
    }

    fn is_well(&self) -> bool {
        self.up == Some(1.0) && self.server_up == Some(1.0)
    }

    fn role(&self) -> &'static str {
        match self.in_recovery {
            Some(0.0) => "primary",
            Some(_) => "standby",
            None => "-",
        }
    }

    fn line(&self, player: &Player) -> String {
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let scrape = self.scrape_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{:.0}ms", seconds * 1e3));
        format!(
            "{:<11}  {:<7}  up={} {}_up={} series={} scrape={scrape}  {}",
            player.name,
            self.role(),
            shown(self.up),
            player.namespace,
            shown(self.server_up),
            shown(self.series),
            player.exporter.url("/metrics"),
        )
    }
}
