//! Restore drills: a backup is restored into a scratch folder, recovered, checked, measured and removed.
//!
//! `options` and `settings` say how, `choose` which backup. `scratch` is the folder, `leftover` what a killed drill left,
//! `restore` has the command lines of pgBackRest, `cluster` the server, `recovery` reads its log, `checks` asks it. `record` is
//! the result, `error` why there is none.

mod checks;
mod choose;
mod cluster;
mod error;
mod leftover;
mod options;
mod record;
mod recovery;
mod restore;
mod scratch;
mod settings;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jaq_json::Val;
use jq::json::text;
use jq::shorten;
use tokio::sync::watch;

use crate::command::Program;
use crate::output::failure;
use crate::settings::Settings;
use crate::snapshot::{InfoSnapshot, Timestamp};

use checks::{Client, STOP_LIMIT};
use choose::{ChosenBackup, Target, choose};
use cluster::{Binaries, Server, configuration, control_data};
use scratch::Scratch;

pub(crate) use error::DrillError;
pub(crate) use options::DrillOptions;
pub(crate) use record::DrillRecord;
pub(crate) use scratch::remove_leftover;
pub(crate) use settings::DrillSettings;

/// With less than this, a program that failed could not write.
const FULL_BYTES: u64 = 1 << 20;
/// How often the free space is read.
const SPACE_INTERVAL: Duration = Duration::from_secs(1);

/// The stanzas that are drilled: the one that was asked for, or all that `info` reports.
pub(crate) fn stanzas(snapshot: &InfoSnapshot, settings: &Settings) -> Vec<String> {
    if let Some(stanza) = &settings.drill.stanza {
        return vec![stanza.clone()];
    }
    let stanzas = snapshot.documents(Duration::MAX).into_iter().flat_map(|document| &document.stanzas);
    stanzas.filter_map(|stanza| text(stanza, "name")).filter(|name| name != "[invalid]").collect()
}

/// Runs a drill for a stanza; `before` is the result of the one before. When `stop` becomes true it ends, and cleans up.
pub(crate) async fn drill(
    settings: &Settings,
    stanza: &str,
    snapshot: &InfoSnapshot,
    before: Option<&DrillRecord>,
    stop: &mut watch::Receiver<bool>,
) -> DrillRecord {
    let begun = Timestamp::now();
    let mut record = DrillRecord {
        stanza: stanza.to_owned(),
        started_timestamp_seconds: begun.unix_seconds,
        last_success_timestamp_seconds: before.and_then(|before| before.last_success_timestamp_seconds),
        runs: before.map_or(0, |before| before.runs) + 1,
        failures: before.map_or(0, |before| before.failures),
        ..DrillRecord::default()
    };
    let result = run(settings, snapshot, stop, &mut record).await;
    record.duration_seconds = begun.at.elapsed().as_secs_f64();
    record.success = result.is_ok();
    match result {
        Ok(()) => record.last_success_timestamp_seconds = Some(begun.unix_seconds),
        Err(error) => {
            record.failures += 1;
            // What it measured before it failed is no promise.
            (record.rto_seconds, record.rpo_seconds) = (None, None);
            record.reason = Some(error.reason().to_owned());
            record.message = Some(shorten(&error.to_string()));
        }
    }
    if record.success {
        tracing::info!("{}", record.sentence());
    } else {
        tracing::warn!("{}", record.sentence());
    }
    record
}

/// All of it; afterwards nothing is left, whatever happened.
async fn run(
    settings: &Settings,
    snapshot: &InfoSnapshot,
    stop: &mut watch::Receiver<bool>,
    record: &mut DrillRecord,
) -> Result<(), DrillError> {
    let user = settings.program.user.as_ref();
    let uid = user.map_or_else(|| nix::unistd::Uid::effective().as_raw(), |user| user.uid);
    if uid == 0 {
        return Err(DrillError::Root);
    }
    let path = settings.drill.path.as_deref().ok_or(DrillError::NoFolder)?;
    let backup = chosen(settings, snapshot, &record.stanza)?;
    record.repo_key = backup.repo_key;
    record.backup_name.clone_from(&backup.label);
    record.backup_type.clone_from(&backup.kind);
    record.backup_stop_timestamp_seconds = Some(backup.stop_unix_seconds);
    let deadline = Instant::now() + settings.drill.timeout;
    let binaries = binaries(settings, &backup, deadline).await?;
    let scratch = Scratch::take(path, user).await?;
    let drill = Drill { settings, backup: &backup, scratch: &scratch, binaries: &binaries, deadline };
    let mut server = None;
    let result = tokio::select! {
        result = drill.steps(record, &mut server) => result,
        error = drill.space_runs_out() => Err(error),
        () = tokio::time::sleep_until(deadline.into()) => Err(DrillError::Late(settings.drill.timeout.as_secs_f64())),
        _ = stop.wait_for(|stop| *stop) => Err(DrillError::Stopped),
    };
    let result = result.map_err(|error| drill.because_of_space(error));
    if let Some(server) = server {
        server.end().await;
    }
    // What ended the drill counts more than what is left.
    let removed = scratch.remove().await;
    result.and(removed)
}

fn chosen(settings: &Settings, snapshot: &InfoSnapshot, name: &str) -> Result<ChosenBackup, DrillError> {
    let mut stanzas = snapshot.documents(Duration::MAX).into_iter().flat_map(|document| &document.stanzas);
    let stanza: Option<&Val> = stanzas.find(|stanza| text(stanza, "name").as_deref() == Some(name));
    let Some(stanza) = stanza else {
        let fault = snapshot.fault().map(|error| error.message);
        return Err(DrillError::Info(fault.unwrap_or_else(|| format!("there is no stanza {name}"))));
    };
    let dice = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos() as usize / 1000;
    let drill = &settings.drill;
    Ok(choose(stanza, &drill.backup, &drill.target, drill.repository, dice)?)
}

async fn binaries(settings: &Settings, backup: &ChosenBackup, deadline: Instant) -> Result<Binaries, DrillError> {
    let given = settings.drill.pg_bin_path.as_deref();
    let binaries = Binaries::find(backup.major, given, settings)?;
    let found = binaries.major(deadline).await;
    if found == Some(backup.major) {
        return Ok(binaries);
    }
    let found = found.map_or_else(|| "which cannot be run".to_owned(), |found| format!("which has version {found}"));
    let folder = given.map(Path::display).map(|folder| format!("{folder}, {found}"));
    Err(DrillError::Programs { major: backup.major, searched: folder.unwrap_or(found) })
}

/// One drill that has its folder.
struct Drill<'a> {
    settings: &'a Settings,
    backup: &'a ChosenBackup,
    scratch: &'a Scratch,
    binaries: &'a Binaries,
    deadline: Instant,
}

impl Drill<'_> {
    async fn steps(&self, record: &mut DrillRecord, server: &mut Option<Server>) -> Result<(), DrillError> {
        self.check_space()?;
        let begun = Instant::now();
        self.restore().await?;
        record.restore_seconds = Some(begun.elapsed().as_secs_f64());
        record.restored_bytes = Some(self.backup.bytes);
        let restored = Instant::now();
        self.configure().await?;
        let running = server.insert(Server::start(self.binaries, self.scratch)?);
        running.wait_until_ready().await?;
        let client = self.client();
        let state = client.state().await?;
        record.recovery_seconds = Some(restored.elapsed().as_secs_f64());
        record.rto_seconds = Some(begun.elapsed().as_secs_f64());
        self.measure(record, running, state.newest_commit_unix_seconds).await?;
        self.check(record, &client, server).await
    }

    fn check_space(&self) -> Result<(), DrillError> {
        let drill = &self.settings.drill;
        let free = self.scratch.free_bytes()?;
        let needed = (self.backup.bytes as f64 * drill.space_factor) as u64 + drill.reserve_bytes;
        if free >= needed {
            return Ok(());
        }
        let [free, needed, size] = [free, needed, self.backup.bytes].map(size);
        Err(DrillError::Space { path: self.scratch.path("").display().to_string(), free, needed, size })
    }

    /// Ends when the file system has less than the reserve.
    async fn space_runs_out(&self) -> DrillError {
        let reserve = self.settings.drill.reserve_bytes;
        loop {
            tokio::time::sleep(SPACE_INTERVAL).await;
            match self.scratch.free_bytes() {
                Ok(free) if free >= reserve => {}
                Ok(_) => {
                    let path = self.scratch.path("").display().to_string();
                    return DrillError::Full { path, reserve: size(reserve) };
                }
                Err(error) => return error,
            }
        }
    }

    /// Names a full file system where it made a program fail.
    fn because_of_space(&self, error: DrillError) -> DrillError {
        let is_of_program = matches!(
            error,
            DrillError::Restore(_) | DrillError::Recovery(_) | DrillError::Connect(_) | DrillError::Io { .. }
        );
        if is_of_program && self.scratch.free_bytes().is_ok_and(|free| free < FULL_BYTES) {
            let path = self.scratch.path("").display().to_string();
            return DrillError::NoSpace { path, source: Box::new(error) };
        }
        error
    }

    async fn restore(&self) -> Result<(), DrillError> {
        let program: Program = self.settings.program.in_background(self.settings.drill.nice);
        let arguments = restore::arguments(self.settings, self.backup, self.scratch);
        let output = program.run(&arguments, self.deadline).await;
        let output = output.map_err(|source| DrillError::Run { what: "pgbackrest restore", source })?;
        if output.status.success() { Ok(()) } else { Err(DrillError::Restore(failure(output).to_string())) }
    }

    /// Replaces the configuration. pgBackRest has written its own into postgresql.auto.conf, after that of the backup: the
    /// server does without the file.
    async fn configure(&self) -> Result<(), DrillError> {
        let auto = self.scratch.path("data").join("postgresql.auto.conf");
        match fs::remove_file(&auto) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(DrillError::io(&auto)(error)),
            _ => {}
        }
        let control = control_data(&self.client().control_data().await?);
        let command = restore::restore_command(self.settings, self.backup, self.scratch);
        let drill = &self.settings.drill;
        let text = configuration(self.scratch, self.backup, &drill.target, control, &command, &drill.settings);
        self.scratch.write("postgresql.conf", &text)?;
        // The folder with the socket is private.
        self.scratch.write("pg_hba.conf", "local all all trust\n")?;
        self.scratch.write("pg_ident.conf", "")
    }

    fn client(&self) -> Client<'_> {
        let user = &self.settings.drill.db_user;
        Client { binaries: self.binaries, scratch: self.scratch, user, deadline: self.deadline }
    }

    /// What recovery reached, and what would be lost.
    async fn measure(
        &self,
        record: &mut DrillRecord,
        server: &Server,
        newest_commit: Option<f64>,
    ) -> Result<(), DrillError> {
        let drill = &self.settings.drill;
        let recovery = server.recovery();
        record.wal_segments = Some(recovery.segments);
        record.newest_commit_timestamp_seconds = match &drill.heartbeat_query {
            Some(sql) => Some(self.client().heartbeat(&drill.database, sql).await?),
            None => newest_commit,
        };
        if drill.target != Target::Latest {
            return Ok(());
        }
        if let Some(last) = recovery.unreached(self.backup.last_segment.as_deref()) {
            let reached = recovery.last_segment.clone().unwrap_or_default();
            return Err(DrillError::WalMissing { reached, last: last.to_owned() });
        }
        // Without a commit since, the backup itself is the newest data that is known.
        let newest = record.newest_commit_timestamp_seconds.unwrap_or(self.backup.stop_unix_seconds);
        record.rpo_seconds = recovery.ended_unix_seconds.map(|ended| (ended - newest).max(0.0));
        Ok(())
    }

    async fn check(
        &self,
        record: &mut DrillRecord,
        client: &Client<'_>,
        server: &mut Option<Server>,
    ) -> Result<(), DrillError> {
        let drill = &self.settings.drill;
        if let Some(sql) = &drill.query {
            record.query_result = Some(client.user_query(&drill.database, sql).await?);
        }
        if drill.amcheck {
            record.amcheck = Some(false);
            record.amcheck = client.amcheck(drill.process_max).await?;
        }
        if drill.checksums && control_data(&client.control_data().await?).has_checksums {
            let stopped = match server.take() {
                Some(server) => server.stop(STOP_LIMIT).await,
                None => false,
            };
            if !stopped {
                return Err(DrillError::Checksums("the server did not stop in order".to_owned()));
            }
            record.checksums = Some(false);
            record.checksums = client.checksums().await?;
        }
        Ok(())
    }
}

/// Bytes in words.
fn size(bytes: u64) -> String {
    let mib = bytes as f64 / 1_048_576.0;
    if mib < 10_240.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}
