//! The scratch server: its programs, its configuration, its start and its end.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::command::{Program, RunningProcess};
use crate::drill::choose::{ChosenBackup, Target};
use crate::drill::error::DrillError;
use crate::drill::recovery::{self, Recovery};
use crate::drill::scratch::Scratch;
use crate::settings::Settings;

/// The port in the name of the socket.
pub(crate) const PORT: &str = "5432";

/// Variables that lead to another server. Those of pgBackRest, which begin with PGBACKREST_, stay.
const LIBPQ_PREFIXES: [&str; 17] = [
    "PGHOST",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASS",
    "PGSERVICE",
    "PGOPTIONS",
    "PGSSL",
    "PGDATA",
    "PGAPPNAME",
    "PGCONNECT",
    "PGCLIENTENCODING",
    "PGTZ",
    "PGDATESTYLE",
    "PGTARGET",
    "PGREQUIRE",
    "PGSYSCONFDIR",
];

/// How often it is looked whether the server is ready.
const POLL: Duration = Duration::from_millis(50);

/// The largest log that is read: a line for each WAL segment.
const MAX_LOG_BYTES: usize = 64 << 20;

/// The programs of one version of PostgreSQL.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    folder: PathBuf,
    base: Program,
}

/// What `pg_controldata` says that the configuration has to follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ControlData {
    pub max_prepared_transactions: u64,
    pub max_locks_per_transaction: u64,
    pub has_checksums: bool,
}

impl Binaries {
    /// Those of a version: in the given folder, or where Debian and RPM packages have them.
    pub fn find(major: u32, given: Option<&Path>, settings: &Settings) -> Result<Self, DrillError> {
        let places = [format!("/usr/lib/postgresql/{major}/bin"), format!("/usr/pgsql-{major}/bin")];
        let places: Vec<PathBuf> = match given {
            Some(given) => vec![given.to_owned()],
            None => places.iter().map(PathBuf::from).collect(),
        };
        let found = places.iter().find(|place| ["postgres", "psql"].iter().all(|name| place.join(name).is_file()));
        let searched = || places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
        let folder = found.cloned().ok_or_else(|| DrillError::Programs { major, searched: searched() })?;
        let mut base = settings.program.in_background(settings.drill.nice);
        base.hidden_prefixes.extend(LIBPQ_PREFIXES);
        Ok(Self { folder, base })
    }

    /// One of the programs; `None` if it is not installed. Its messages are in English.
    pub fn program(&self, name: &str, environment: &[&str]) -> Option<Program> {
        let mut program = self.base.clone();
        program.path = self.folder.join(name);
        program.wrapper.extend(["env", "LC_ALL=C"].iter().chain(environment).map(OsString::from));
        program.path.is_file().then_some(program)
    }

    /// The version that its server has; `None` if it cannot be run.
    pub async fn major(&self, deadline: Instant) -> Option<u32> {
        let output = self.program("postgres", &[])?.run(&["--version".into()], deadline).await.ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace().nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }
}

/// Reads the output of `pg_controldata`.
pub(crate) fn control_data(text: &str) -> ControlData {
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse().ok()).unwrap_or_default()
    };
    ControlData {
        max_prepared_transactions: number("max_prepared_xacts setting:"),
        max_locks_per_transaction: number("max_locks_per_xact setting:"),
        has_checksums: number("Data page checksum version:") > 0,
    }
}

/// The whole configuration of the scratch server. None of the restored one is read, so that nothing of production is reached.
pub(crate) fn configuration(
    scratch: &Scratch,
    backup: &ChosenBackup,
    target: &Target,
    control: ControlData,
    restore_command: &str,
    more: &[(String, String)],
) -> String {
    let path = |name: &str| scratch.path(name).display().to_string();
    let target = match target {
        Target::Latest => None,
        Target::Immediate => Some(("recovery_target", "immediate".to_owned())),
        Target::Time(time, _) => Some(("recovery_target_time", time.clone())),
    };
    let number = |value: u64| value.to_string();
    let named = [
        ("unix_socket_directories", path("socket")),
        ("hba_file", path("pg_hba.conf")),
        ("ident_file", path("pg_ident.conf")),
        ("port", PORT.to_owned()),
        ("restore_command", restore_command.to_owned()),
        ("max_prepared_transactions", number(control.max_prepared_transactions)),
        ("max_locks_per_transaction", number(control.max_locks_per_transaction.max(64))),
    ];
    let named = named.into_iter().chain(target).map(|(name, value)| (name.to_owned(), value));
    let fixed = SETTINGS.iter().filter(|(since, ..)| *since <= backup.major);
    let fixed = fixed.map(|(_, name, value)| ((*name).to_owned(), (*value).to_owned()));
    named.chain(fixed).chain(more.iter().cloned()).fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        writeln!(text, "{name} = '{}'", value.replace('\'', "''")).ok();
        text
    })
}

/// Settings and the version that has them.
const SETTINGS: [(u32, &str, &str); 35] = [
    // One socket in a private folder, no network.
    (12, "listen_addresses", ""),
    (12, "unix_socket_permissions", "0700"),
    (12, "ssl", "off"),
    (12, "max_connections", "40"),
    // Nothing is archived, sent or received.
    (12, "archive_mode", "off"),
    (12, "archive_command", ""),
    (15, "archive_library", ""),
    (12, "primary_conninfo", ""),
    (12, "primary_slot_name", ""),
    (12, "max_wal_senders", "0"),
    (12, "max_logical_replication_workers", "0"),
    (12, "max_replication_slots", "100"),
    (18, "max_active_replication_origins", "100"),
    // No code of extensions, no jobs.
    (12, "shared_preload_libraries", ""),
    (12, "session_preload_libraries", ""),
    (12, "local_preload_libraries", ""),
    (17, "event_triggers", "off"),
    (12, "autovacuum", "off"),
    (12, "jit", "off"),
    // Replay all, then take writes.
    (12, "recovery_target_timeline", "latest"),
    (12, "recovery_target_action", "promote"),
    (12, "hot_standby", "off"),
    (12, "wal_level", "replica"),
    (12, "restart_after_crash", "off"),
    // Shared memory that goes with the folder.
    (12, "dynamic_shared_memory_type", "mmap"),
    (12, "huge_pages", "off"),
    // The log that is read here, without statements.
    (12, "logging_collector", "off"),
    (12, "log_destination", "stderr"),
    (12, "log_line_prefix", "%n [%p] "),
    (12, "log_min_messages", "warning"),
    (12, "log_min_error_statement", "panic"),
    (12, "log_statement", "none"),
    (12, "log_checkpoints", "off"),
    (12, "lc_messages", "C"),
    (12, "cluster_name", "restore drill"),
];

/// A running scratch server.
pub(crate) struct Server {
    process: RunningProcess,
    data: PathBuf,
    log: PathBuf,
}

impl Server {
    /// Starts it. It has its own process group, and ends when the exporter does.
    pub fn start(binaries: &Binaries, scratch: &Scratch) -> Result<Self, DrillError> {
        let (data, log) = (scratch.path("data"), scratch.path("server.log"));
        let file = scratch.create("server.log")?;
        // On SIGQUIT it releases its shared memory.
        let program = binaries.program("postgres", &[]).map(|program| program.ended_by("QUIT"));
        let program = program.ok_or_else(|| DrillError::Connect("postgres is gone".to_owned()))?;
        let config = format!("config_file={}", scratch.path("postgresql.conf").display());
        let arguments = ["-D".into(), data.clone().into(), "-c".into(), config.into()];
        let process =
            program.start(&arguments, &file).map_err(|source| DrillError::Run { what: "postgres", source })?;
        Ok(Self { process, data, log })
    }

    /// Waits until it takes queries.
    pub async fn wait_until_ready(&mut self) -> Result<(), DrillError> {
        loop {
            if self.process.has_ended() {
                let error = self.recovery().error;
                return Err(DrillError::Recovery(error.unwrap_or_else(|| "no reason in its log".to_owned())));
            }
            // Its last line is the state.
            let state = files::read_text(&self.data.join("postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What its log says so far.
    pub fn recovery(&self) -> Recovery {
        let mut bytes = fs::read(&self.log).unwrap_or_default();
        bytes.truncate(MAX_LOG_BYTES);
        recovery::read(&String::from_utf8_lossy(&bytes))
    }

    /// Stops it in order; returns whether it did.
    pub async fn stop(mut self, limit: Duration) -> bool {
        self.process.signal(Signal::SIGINT);
        let stopped = self.process.wait(limit).await;
        if !stopped {
            self.end().await;
        }
        stopped
    }

    /// Ends it at once.
    pub async fn end(mut self) {
        self.process.signal(Signal::SIGQUIT);
        if !self.process.wait(Duration::from_secs(10)).await {
            self.process.signal(Signal::SIGKILL);
            self.process.wait(Duration::from_secs(5)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_control_data() {
        let text = "max_connections setting:              100\nmax_prepared_xacts setting:           7\nmax_locks_per_xact setting:           64\nData page checksum version:           1\n";
        let expected = ControlData { max_prepared_transactions: 7, max_locks_per_transaction: 64, has_checksums: true };
        assert_eq!(control_data(text), expected);
        assert_eq!(control_data(""), ControlData::default());
    }
}
