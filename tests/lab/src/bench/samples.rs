//! What a sample of the sessions costs the server and the exporter, by how many sessions there are and what they do.

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use lab::{Exporter, LabError, Major, Postgres};

use super::program::{Caching, Programs};
use super::table::{Table, number};
use crate::meter::{cpu, exact, ms};

/// For each measurement, after as much time in which statements are prepared and caches filled.
const SECONDS: u64 = 60;
const WARM_UP_SECONDS: u64 = 10;

/// Sessions do one thing: nothing; sleep in a statement; wait for a lock that one of them holds.
const LOADS: [(&str, &str); 3] = [
    ("idle", "\\sleep 600 s\n"),
    ("active", "select pg_sleep(600);\n"),
    ("blocked", "begin;\nlock table t in access exclusive mode;\n\\sleep 600 s\n"),
];

/// Measures with 12 and with 500 sessions.
pub fn run(programs: &Programs) -> Result<(), LabError> {
    let server = Postgres::builder(Major::NEWEST).setting("max_connections", "600").start()?;
    server.psql("postgres", "create table t (id int)")?;
    let exporter = programs.ours().start(server.port(), Caching::Default)?;
    let mut table = Table::new("sessions | server CPU ms per sample | exporter CPU ms per sample | samples");
    for count in [12, 500] {
        for (name, script) in LOADS {
            eprintln!("lab: samples: {count} {name}");
            let load = Sessions::start(&server, count, script)?;
            thread::sleep(Duration::from_secs(WARM_UP_SECONDS));
            measure(&exporter, &server, &format!("{count} {name}"), &mut table)?;
            drop(load);
            let gone = "select count(*) = 0 from pg_stat_activity where application_name = 'pgbench'";
            server.psql(
                "postgres",
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgbench'",
            )?;
            server.wait_for(gone, Duration::from_secs(30))?;
        }
    }
    table.print("Samples");
    Ok(())
}

fn measure(exporter: &Exporter, server: &Postgres, name: &str, table: &mut Table) -> Result<(), LabError> {
    let backend = server.psql("postgres", "select min(pid) from pg_stat_activity where usename = 'monitor'")?;
    let backend: u32 = backend.parse().map_err(|_| LabError::Unexpected("the exporter has no session".to_owned()))?;
    let used = || (exact(backend).unwrap_or_default(), cpu(exporter.process().pid()));
    // The scrapes that read the count are outside of what is measured.
    let before = taken(exporter)?;
    let (server_before, exporter_before) = used();
    thread::sleep(Duration::from_secs(SECONDS));
    let (server_after, exporter_after) = used();
    let samples = taken(exporter)? - before;
    let each = |before: Duration, after: Duration| number(ms(after - before) / samples.max(1.0));
    table.row([
        name.to_owned(),
        each(server_before, server_after),
        each(exporter_before, exporter_after),
        number(samples),
    ]);
    Ok(())
}

/// How many samples were taken.
fn taken(exporter: &Exporter) -> Result<f64, LabError> {
    let page = exporter.get("/metrics")?.text();
    let name = "pg_exporter_samples_total{collector=\"pg_session_seconds\"} ";
    let found = page.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
    found.ok_or_else(|| LabError::Unexpected("the exporter takes no samples".to_owned()))
}

/// Sessions of a pgbench, which ends with this.
struct Sessions(Child);

impl Sessions {
    fn start(server: &Postgres, count: usize, script: &str) -> Result<Self, LabError> {
        let io = |source| LabError::Io { what: "starting pgbench".to_owned(), source };
        // Where the server's programs may read it; it goes with the server.
        let file = server.data_dir().join("samples.pgbench");
        std::fs::write(&file, script).map_err(io)?;
        let mut pgbench = server.bin("pgbench");
        pgbench.args(["--no-vacuum", "--time=3600", &format!("--client={count}"), "--file"]).arg(file);
        let child = pgbench.arg("postgres").stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(io)?;
        let sessions = Self(child);
        let there = format!("select count(*) >= {count} from pg_stat_activity where application_name = 'pgbench'");
        server.wait_for(&there, Duration::from_secs(60))?;
        Ok(sessions)
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
