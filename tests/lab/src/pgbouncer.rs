//! A running PgBouncer before a PostgreSQL server of the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::installation::{Installation, feed};
use crate::percent::percent_encoded;
use crate::port::on_free_port;
use crate::process::Process;
use crate::releases::BouncerRelease;
use crate::{MONITOR_PASSWORD, Major, Postgres};

/// How long it may take to start on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Quick, local, with an administrator `admin` and a reader of statistics `monitor`. What is set again later counts.
const SETTINGS: [(&str, &str); 8] = [
    ("listen_addr", "127.0.0.1"),
    ("auth_type", "scram-sha-256"),
    ("auth_file", "users.txt"),
    ("admin_users", "admin"),
    ("stats_users", "monitor"),
    ("pool_mode", "transaction"),
    ("server_login_retry", "1"),
    ("verbose", "0"),
];

/// Users beside `monitor`; each one's password is its name.
const USERS: [&str; 4] = ["admin", "postgres", "app", "stranger"];

/// A running PgBouncer. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct PgBouncer {
    release: BouncerRelease,
    client: Installation,
    port: u16,
    // Before the folder, so that it is dropped first.
    process: Process,
    folder: Folder,
}

/// A PgBouncer to be.
#[derive(Debug)]
pub struct PgBouncerBuilder {
    release: BouncerRelease,
    databases: String,
    settings: Vec<(String, String)>,
    users: String,
    peers: String,
    port: Option<u16>,
}

impl PgBouncerBuilder {
    /// A database by the name `name`, with more parameters: `pool_size=2 pool_mode=session`. Its connections go to the
    /// database `postgres` of the server, as the superuser. The name `*` stands for every name that clients ask for.
    #[must_use]
    pub fn database(self, name: &str, server: &Postgres, parameters: &str) -> Self {
        let port = server.port();
        self.database_line(&format!("{name} = host=127.0.0.1 port={port} dbname=postgres user=postgres {parameters}"))
    }

    /// A line of the section `[databases]`.
    #[must_use]
    pub fn database_line(mut self, line: &str) -> Self {
        self.databases.push_str(&format!("{line}\n"));
        self
    }

    /// A line of the section `[users]`.
    #[must_use]
    pub fn user_line(mut self, line: &str) -> Self {
        self.users.push_str(&format!("{line}\n"));
        self
    }

    /// A setting of the section `[pgbouncer]`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A line of the section `[peers]`, which releases from 1.19 have.
    #[must_use]
    pub fn peer(mut self, line: &str) -> Self {
        self.peers.push_str(&format!("{line}\n"));
        self
    }

    /// The port that it listens on; without it, a free one. In a network namespace every port is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Starts it and waits until it takes connections.
    pub fn start(self) -> Result<PgBouncer, LabError> {
        let cache = Cache::open()?;
        let root = cache.pgbouncer(self.release)?;
        let client = cache.installation(Major::NEWEST)?;
        let folder = Folder::new()?;
        let users = USERS.iter().map(|user| (*user, *user)).chain([("monitor", MONITOR_PASSWORD)]);
        let users: String = users.map(|(user, password)| format!("\"{user}\" \"{password}\"\n")).collect();
        write(&folder.path().join("users.txt"), &users)?;
        client.account.own(folder.path())?;
        let launch = |port: u16| {
            write(&folder.path().join("pgbouncer.ini"), &self.configuration(port, folder.path()))?;
            let name = format!("pgbouncer {} on port {port}", self.release);
            let mut command = client.account.command(loader(&root), Some("KILL"));
            command.arg("--library-path").arg(root.join("usr/lib/x86_64-linux-gnu"));
            command.arg(root.join("usr/sbin/pgbouncer")).arg("pgbouncer.ini").current_dir(folder.path());
            let log = folder.path().join("pgbouncer.log");
            let process = Process::start_stopped_by(self.release.stop_signal(), &name, command, &log)?;
            // Its own word: on a port that somebody else has taken meanwhile there is somebody to connect to.
            let is_up = || fs::read_to_string(&log).is_ok_and(|text| text.contains("process up: PgBouncer"));
            process.wait_until("up", START_LIMIT, is_up)?;
            Ok((port, process))
        };
        let (port, process) = match self.port {
            Some(port) => launch(port)?,
            None => on_free_port(launch)?,
        };
        Ok(PgBouncer { release: self.release, client, port, process, folder })
    }

    fn configuration(&self, port: u16, folder: &Path) -> String {
        let own = [("listen_port", port.to_string()), ("unix_socket_dir", folder.display().to_string())];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let fixed = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let lines = fixed.chain(own).chain(self.settings.iter().cloned());
        let settings: String = lines.map(|(name, value)| format!("{name} = {value}\n")).collect();
        // Releases before 1.19 refuse the section of peers, even an empty one.
        let peers = if self.peers.is_empty() { String::new() } else { format!("[peers]\n{}", self.peers) };
        format!("[databases]\n{}{peers}[users]\n{}[pgbouncer]\n{settings}", self.databases, self.users)
    }
}

impl PgBouncer {
    /// One with the lab's settings: users `admin` (administrator), `monitor` (statistics only, with the password
    /// [`MONITOR_PASSWORD`]), `postgres`, `app` and `stranger`; the password of these is their name.
    pub fn builder(release: BouncerRelease) -> PgBouncerBuilder {
        PgBouncerBuilder {
            release,
            databases: String::new(),
            settings: Vec::new(),
            users: String::new(),
            peers: String::new(),
            port: None,
        }
    }

    /// Which release it is.
    pub fn release(&self) -> BouncerRelease {
        self.release
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its Unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("pgbouncer.ini")
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.process.log_file()).unwrap_or_default()).into_owned()
    }

    /// A connection URL over TCP, with the user's password.
    pub fn url(&self, user: &str, database: &str) -> String {
        let (password, user) = (password(user), percent_encoded(user));
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// How a person opens the console as its administrator, in a shell.
    pub fn console_line(&self) -> String {
        format!("{} '{}'", self.client.psql(), self.url("admin", "pgbouncer"))
    }

    /// Runs one command on the console as `admin` and returns the unaligned rows without headers, fields separated by
    /// `|`, trimmed. Limit: 60 s.
    pub fn console(&self, command: &str) -> Result<String, LabError> {
        let mut psql = self.client("timeout", "admin", "pgbouncer", None);
        psql.args(["60", "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        Ok(feed(psql, command)?.trim_end().to_owned())
    }

    /// A program of PostgreSQL's, such as psql or pgbench, that connects through the pool.
    pub fn bin(&self, program: &str, user: &str, database: &str) -> Command {
        self.client(program, user, database, None)
    }

    /// Runs SQL through the pool as `user`; otherwise as [`Postgres::psql`].
    pub fn psql(&self, user: &str, database: &str, sql: &str) -> Result<String, LabError> {
        let mut psql = self.client("timeout", user, database, None);
        psql.args(["60", "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        Ok(feed(psql, sql)?.trim().to_owned())
    }

    /// Starts a program that connects through the pool in the background.
    pub fn start(&self, program: &str, user: &str, database: &str, arguments: &[&str]) -> Result<Process, LabError> {
        let mut command = self.client(program, user, database, Some("KILL"));
        command.args(arguments);
        let name = format!("{program} through {}", self.process.name());
        Process::start(&name, command, &self.folder.path().join(format!("{program}.log")))
    }

    fn client(&self, program: &str, user: &str, database: &str, death_signal: Option<&str>) -> Command {
        let mut command = self.client.account.command(program, death_signal);
        self.client.prepare(&mut command);
        command.current_dir(self.folder.path());
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string()).env("PGSSLMODE", "disable");
        command.env("PGUSER", user).env("PGPASSWORD", password(user)).env("PGDATABASE", database);
        command
    }
}

fn password(user: &str) -> &str {
    if user == "monitor" { MONITOR_PASSWORD } else { user }
}

fn write(file: &Path, text: &str) -> Result<(), LabError> {
    fs::write(file, text).map_err(LabError::io(format!("writing {}", file.display())))
}

/// The program loader of the unpacked packages, which takes their C library and not this machine's.
pub(crate) fn loader(root: &Path) -> PathBuf {
    let places = ["usr/lib64", "lib64"].map(|folder| root.join(folder).join("ld-linux-x86-64.so.2"));
    places.iter().find(|place| place.exists()).unwrap_or(&places[0]).clone()
}
