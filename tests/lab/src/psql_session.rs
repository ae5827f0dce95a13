//! A session of the superuser that stays open.

use std::fs::{self, File};
use std::io::{PipeWriter, Write};
use std::process::Stdio;
use std::time::Duration;

use crate::error::LabError;
use crate::postgres::Postgres;
use crate::process::Process;

/// How long a statement may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// An open psql. Dropping it ends its transaction and the session.
#[derive(Debug)]
pub struct PsqlSession {
    // Before the process: at the end of its input psql ends by itself.
    input: PipeWriter,
    process: Process,
    statements: u32,
}

impl Postgres {
    /// Opens a session of `postgres` over the socket. An error ends it.
    pub fn session(&self, database: &str) -> Result<PsqlSession, LabError> {
        let mut files = (0..10_000_u32).map(|number| self.socket_dir().join(format!("session-{number}.log")));
        let is_new = |file: &_| File::create_new::<&std::path::PathBuf>(file).is_ok();
        let Some(output) = files.find(is_new) else {
            return Err(LabError::Unexpected(format!("no new file in {}", self.socket_dir().display())));
        };
        let (reader, input) = std::io::pipe().map_err(LabError::io("opening a pipe to psql"))?;
        let mut psql = self.client("psql", Some("KILL"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d", database]);
        let name = format!("psql on {}", self.name());
        let process = Process::start_with_input(&name, psql, &output, Stdio::from(reader))?;
        Ok(PsqlSession { input, process, statements: 0 })
    }
}

impl PsqlSession {
    /// Runs statements, each with its semicolon, and returns when they are done.
    pub fn run(&mut self, sql: &str) -> Result<(), LabError> {
        self.statements += 1;
        let done = format!("done {}", self.statements);
        self.send(&format!("{sql}\n\\echo {done}"))?;
        self.process.wait_until("done", LIMIT, || self.output().lines().any(|line| line == done))
    }

    /// Gives it input and does not wait.
    pub fn send(&mut self, text: &str) -> Result<(), LabError> {
        self.input.write_all(format!("{text}\n").as_bytes()).map_err(LabError::io("writing to psql"))
    }

    /// All it has written so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.process.log_file()).unwrap_or_default()).into_owned()
    }
}
