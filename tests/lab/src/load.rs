//! Load on a server.

use std::fs;
use std::time::Duration;

use crate::error::{LabError, run};
use crate::postgres::Postgres;
use crate::process::Process;

impl Postgres {
    /// Creates pgbench's tables in an existing database; scale 1 is 100 000 accounts, 16 MB.
    pub fn pgbench_init(&self, database: &str, scale: u32) -> Result<(), LabError> {
        let mut pgbench = self.bin("pgbench");
        run(pgbench.args(["--initialize", "--quiet", "--scale", &scale.to_string(), database])).map(drop)
    }

    /// Starts pgbench in the background: so many clients, all together so many transactions per
    /// second, for no longer than `duration` (whole seconds).
    pub fn pgbench(
        &self,
        database: &str,
        clients: u32,
        transactions_per_second: u32,
        duration: Duration,
    ) -> Result<Process, LabError> {
        let mut pgbench = self.client("pgbench", Some("KILL"));
        pgbench.args(["--no-vacuum", "--client", &clients.to_string()]);
        pgbench.args(["--rate", &transactions_per_second.to_string()]);
        pgbench.args(["--time", &duration.as_secs().max(1).to_string(), database]);
        Process::start(&format!("pgbench on {database}"), pgbench, &self.socket_dir().join("pgbench.log"))
    }

    /// Starts clients in the background that repeat a script of pgbench's, for no longer than `duration` (whole seconds).
    /// `name` is that of the script and its log in [`Postgres::socket_dir`].
    pub fn pgbench_script(
        &self,
        name: &str,
        database: &str,
        script: &str,
        arguments: &[&str],
        duration: Duration,
    ) -> Result<Process, LabError> {
        let file = self.socket_dir().join(format!("{name}.sql"));
        fs::write(&file, script).map_err(LabError::io(format!("writing {}", file.display())))?;
        let mut pgbench = self.client("pgbench", Some("KILL"));
        // Known by it in the list of sessions.
        pgbench.env("PGAPPNAME", name);
        pgbench.args(["--no-vacuum", "--time", &duration.as_secs().max(1).to_string()]).args(arguments);
        pgbench.arg("--file").arg(&file).arg(database);
        Process::start(&format!("pgbench {name}"), pgbench, &self.socket_dir().join(format!("{name}.log")))
    }

    /// What the names of the files begin with that [`Postgres::pgbench_saturating`] writes into [`Postgres::socket_dir`].
    pub const LATENCIES: &'static str = "latencies.";

    /// Starts pgbench in the background, as fast as the server can: TPC-B-like, prepared statements. It logs the latency
    /// of each transaction, and its summary is in the log of the process.
    pub fn pgbench_saturating(
        &self,
        database: &str,
        clients: usize,
        threads: usize,
        duration: Duration,
    ) -> Result<Process, LabError> {
        let mut pgbench = self.client("pgbench", Some("KILL"));
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--client", &clients.to_string()]);
        pgbench.args(["--jobs", &threads.to_string(), "--time", &duration.as_secs().max(1).to_string()]);
        pgbench.args(["--log", &format!("--log-prefix={}", Self::LATENCIES.trim_end_matches('.')), database]);
        Process::start(&format!("pgbench on {database}"), pgbench, &self.socket_dir().join("pgbench.log"))
    }
}
