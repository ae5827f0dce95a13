//! A running PostgreSQL server.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Major;
use crate::backends::Backends;
use crate::cache::Cache;
use crate::error::{LabError, run, tail};
use crate::folder::Folder;
use crate::installation::{Installation, MONITOR_PASSWORD, feed};
use crate::percent::percent_encoded;
use crate::port::on_free_port;
use crate::proc;
use crate::process::Process;

/// How long a server may take to start: crash recovery on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Quick to start and to end, with everything on that the exporters can look at.
const SETTINGS: [(&str, &str); 13] = [
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("full_page_writes", "on"),
    ("shared_buffers", "16MB"),
    // In its folder, so that a killed one leaves nothing in /dev/shm.
    ("dynamic_shared_memory_type", "mmap"),
    ("max_connections", "100"),
    ("max_wal_senders", "10"),
    ("max_replication_slots", "10"),
    ("wal_level", "logical"),
    ("track_io_timing", "on"),
    ("track_functions", "all"),
    ("shared_preload_libraries", "pg_stat_statements"),
    ("compute_query_id", "auto"),
];

/// The superuser needs no password, every other role does over TCP.
const HBA: &str = "\
local all all trust
local replication all trust
host all postgres 127.0.0.1/32 trust
host replication postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
";

/// A running server, primary or standby. Dropping it stops it at once and removes its folder.
#[derive(Debug)]
pub struct Postgres {
    pub(crate) major: Major,
    pub(crate) installation: Installation,
    port: u16,
    // Before the folder, so that it is dropped first.
    process: Option<Process>,
    folder: Folder,
}

/// A server to be, with settings of its own.
#[derive(Debug)]
pub struct PostgresBuilder {
    major: Major,
    settings: String,
    hba: String,
    extensions: bool,
}

impl PostgresBuilder {
    /// A line of `postgresql.conf`; it overrides the lab's own setting of that name.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings += &setting_line(name, value);
        self
    }

    /// A line of `pg_hba.conf`, before the lab's own: the first line that matches decides.
    #[must_use]
    pub fn hba_line(mut self, line: &str) -> Self {
        self.hba.push_str(line);
        self.hba.push('\n');
        self
    }

    /// With the extensions `pg_wait_sampling` and `pg_stat_kcache` to be created; there for version 15 only.
    #[must_use]
    pub fn with_extensions(mut self) -> Self {
        self.extensions = true;
        self
    }

    /// Starts it as a primary and waits until it accepts connections.
    pub fn start(self) -> Result<Postgres, LabError> {
        let cache = Cache::open()?;
        let template = cache.template(self.major)?;
        let installation = match (self.extensions, self.major) {
            (false, major) => cache.installation(major)?,
            (true, Major::V15) => cache.installation_with_extensions()?,
            (true, major) => return Err(LabError::Unexpected(format!("no further extensions for version {major}"))),
        };
        let folder = Folder::new()?;
        let data = data_dir(&folder);
        run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(template).arg(&data))?;
        append(&data.join("postgresql.conf"), &self.settings)?;
        let hba = data.join("pg_hba.conf");
        fs::write(&hba, self.hba + HBA).map_err(LabError::io(format!("writing {}", hba.display())))?;
        Postgres::launch(self.major, installation, folder)
    }
}

impl Postgres {
    /// Starts a primary with the lab's settings: superuser `postgres` without a password (socket
    /// and TCP), role `monitor`, and `pg_stat_statements` in the database `postgres`.
    pub fn start(major: Major) -> Result<Postgres, LabError> {
        Postgres::builder(major).start()
    }

    /// A primary with more settings or `pg_hba.conf` lines.
    pub fn builder(major: Major) -> PostgresBuilder {
        let settings = SETTINGS.iter().map(|(name, value)| setting_line(name, value)).collect();
        PostgresBuilder { major, settings, hba: String::new(), extensions: false }
    }

    /// Starts the server whose data directory stands ready in the folder, on a free port.
    pub(crate) fn launch(major: Major, installation: Installation, folder: Folder) -> Result<Postgres, LabError> {
        installation.account.own(folder.path())?;
        let (port, process) = on_free_port(|port| Ok((port, launch(major, &installation, &folder, port)?)))?;
        Ok(Postgres { major, installation, port, process: Some(process), folder })
    }

    /// Its major version.
    pub fn major(&self) -> Major {
        self.major
    }

    /// The port it listens on, on 127.0.0.1; it stays the same over a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its Unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.folder)
    }

    /// The folder with the programs of its version.
    pub fn bin_dir(&self) -> PathBuf {
        self.installation.root.join("bin")
    }

    /// The file it logs to, over restarts too.
    pub fn log_file(&self) -> PathBuf {
        log_file(&self.folder)
    }

    /// A connection URL over TCP. It holds the password of `monitor`, and none for any other role.
    pub fn url(&self, user: &str, database: &str) -> String {
        let password = if user == "monitor" { format!(":{MONITOR_PASSWORD}") } else { String::new() };
        let (user, database, port) = (percent_encoded(user), percent_encoded(database), self.port);
        format!("postgres://{user}{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// A command for a program of this version (`psql`, `pg_dump`, …), run as the servers' account
    /// in this server's folder; by default it connects over the socket as `postgres`.
    pub fn bin(&self, program: &str) -> Command {
        self.client(program, None)
    }

    /// How a person connects to a database as the superuser, in a shell.
    pub fn psql_line(&self, database: &str) -> String {
        format!("{} -h 127.0.0.1 -p {} -U postgres {database}", self.installation.psql(), self.port)
    }

    /// Runs SQL, given to psql on its standard input, as `postgres` over the socket, and returns the
    /// unaligned rows without headers, trimmed. The first failing statement ends it. Limit: 60 s.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, LabError> {
        let mut psql = self.client("timeout", None);
        psql.args(["60", "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d"]).arg(database);
        Ok(feed(psql, sql)?.trim().to_owned())
    }

    /// Waits until a query on the database `postgres` answers true, no longer than `limit`.
    /// A failing query is asked again.
    pub fn wait_for(&self, query: &str, limit: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.psql("postgres", query);
            if answer.as_ref().is_ok_and(|answer| answer == "t") {
                return Ok(());
            }
            if Instant::now() > deadline {
                let awaited = format!("at `{query}` (last answer: {answer:?})");
                return Err(LabError::Late { name: self.name(), awaited, limit, log: tail(&self.log_file()) });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The ids of the postmaster and all its child processes; none when it is stopped.
    pub fn pids(&self) -> Vec<u32> {
        self.process.as_ref().map_or_else(Vec::new, |process| proc::tree(process.pid()))
    }

    /// Its processes for clients whose title has these words: a role, or `127.0.0.1(` for those that came by TCP.
    pub fn backends(&self, words: &str) -> Backends {
        Backends::new(self.data_dir(), words)
    }

    /// Stops every process of the server with SIGSTOP and returns when all of them stand still:
    /// connections stay open, new ones are accepted by the kernel, nothing answers.
    pub fn freeze(&self) -> Result<(), LabError> {
        let deadline = Instant::now() + Duration::from_secs(5);
        // Parents come first, so after the first round the postmaster adds no more children.
        loop {
            let awake: Vec<u32> = self.pids().into_iter().filter(|&pid| proc::is_awake(pid)).collect();
            if awake.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(LabError::Unexpected(format!("{}: not frozen after 5 s: {awake:?}", self.name())));
            }
            proc::send_if_there("STOP", &awake);
        }
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        proc::send_if_there("CONT", &self.pids());
    }

    /// Stops it in good order (fast shutdown), or at once if that takes longer than 20 s.
    pub fn stop(&mut self) -> Result<(), LabError> {
        if let Some(process) = self.process.take() {
            if process.is_running() {
                process.signal("INT")?;
            }
            process.wait(Duration::from_secs(20));
        }
        Ok(())
    }

    /// Starts it again on its port after [`Postgres::stop`]; does nothing if it runs.
    pub fn start_again(&mut self) -> Result<(), LabError> {
        if !self.process.as_ref().is_some_and(Process::is_running) {
            self.process = Some(launch(self.major, &self.installation, &self.folder, self.port)?);
        }
        Ok(())
    }

    /// Stops it and starts it again.
    pub fn restart(&mut self) -> Result<(), LabError> {
        self.stop()?;
        self.start_again()
    }

    pub(crate) fn name(&self) -> String {
        format!("postgresql {} on port {}", self.major, self.port)
    }

    /// A program, looked for among this version's own first, with the connection in its environment.
    pub(crate) fn client(&self, program: &str, death_signal: Option<&str>) -> Command {
        let mut command = self.installation.account.command(program, death_signal);
        self.installation.prepare(&mut command);
        command.current_dir(self.folder.path());
        command.env("PGHOST", self.folder.path()).env("PGPORT", self.port.to_string()).env("PGUSER", "postgres");
        command
    }
}

/// Starts the server process and waits until it accepts connections.
fn launch(major: Major, installation: &Installation, folder: &Folder, port: u16) -> Result<Process, LabError> {
    let data = data_dir(folder);
    // SIGQUIT is PostgreSQL's immediate shutdown.
    let mut command = installation.command("postgres", Some("QUIT"));
    command.current_dir(folder.path());
    command.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-p", &port.to_string()]);
    let name = format!("postgresql {major} on port {port}");
    let process = Process::start_stopped_by("QUIT", &name, command, &log_file(folder))?;
    let own_pid = process.pid().to_string();
    process.wait_until("ready", START_LIMIT, || {
        // Line 1 is the process id, line 8 the state (miscadmin.h); a crash leaves an old file behind.
        let status = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = status.lines();
        lines.next() == Some(&own_pid) && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    })?;
    Ok(process)
}

pub(crate) fn data_dir(folder: &Folder) -> PathBuf {
    folder.path().join("data")
}

fn log_file(folder: &Folder) -> PathBuf {
    folder.path().join("server.log")
}

fn setting_line(name: &str, value: &str) -> String {
    format!("{name} = '{}'\n", value.replace('\'', "''"))
}

fn append(file: &Path, text: &str) -> Result<(), LabError> {
    let write = || fs::File::options().append(true).open(file)?.write_all(text.as_bytes());
    write().map_err(LabError::io(format!("appending to {}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_quoted() {
        assert_eq!(setting_line("search_path", "a'b"), "search_path = 'a''b'\n");
    }
}
