//! The faults, each with the alerts that must come of it. The files are named as those of the rules.

use std::fs;
use std::time::Duration;

use crate::{Architecture, LabError, Member, Process};

mod etcd;
mod exporter;
mod haproxy;
mod patroni;
mod pgbackrest;
mod pgbouncer;
mod postgres;
mod replication;
mod sessions;
mod vacuum;
mod wal;

/// How long a cause may take to take effect on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Which member a fault befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The one that is the primary at that time.
    Primary,
    /// The last one that is a replica at that time.
    Replica,
}

/// A fault that can be caused and mended.
#[derive(Debug)]
pub struct Fault {
    /// The alerts that must arrive.
    pub alerts: &'static [&'static str],
    /// What is done, for the table.
    pub what: &'static str,
    /// Where.
    pub place: Place,
    /// Causes it at a node; what it returns runs until it is mended.
    pub cause: fn(&mut Architecture, usize) -> Result<Vec<Process>, LabError>,
    /// Mends it there.
    pub mend: fn(&mut Architecture, usize) -> Result<(), LabError>,
}

/// All of them, the harmless ones first: failovers end the series.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    let harmless = [sessions::FAULTS, vacuum::FAULTS, wal::FAULTS, pgbouncer::FAULTS, exporter::FAULTS];
    let others = [pgbackrest::FAULTS, haproxy::FAULTS, replication::FAULTS, patroni::FAULTS, postgres::FAULTS];
    harmless.into_iter().chain(others).chain([etcd::FAULTS]).flatten()
}

/// The name of sessions that a fault opens, to be ended when it is mended.
const SESSION: &str = "PGAPPNAME=fault";

fn sql(lab: &Architecture, at: usize, sql: &str) -> Result<Vec<Process>, LabError> {
    lab.nodes[at].member.psql("postgres", sql).map(|_| Vec::new())
}

/// A session that runs statements in one transaction until it is ended.
fn session(member: &Member, sql: &str) -> Result<Process, LabError> {
    member.start_client("env", &[SESSION, "psql", "-X", "-q", "-d", "postgres", "-c", sql])
}

/// So many sessions in a database, each of which runs a script of pgbench's until it is ended.
fn clients(member: &Member, database: &str, count: u32, script: &str) -> Result<Process, LabError> {
    let file = member.socket_dir().join("fault.sql");
    fs::write(&file, script).map_err(LabError::io(format!("writing {}", file.display())))?;
    let (count, file) = (count.to_string(), file.display().to_string());
    let arguments = [SESSION, "pgbench", "--no-vacuum", "--time=600", "--client", &count, "--file", &file, database];
    member.start_client("env", &arguments)
}

/// Waits until so many sessions of the fault's are there.
fn wait_for_sessions(member: &Member, count: u32) -> Result<(), LabError> {
    let are_there = format!("select count(*) >= {count} from pg_stat_activity where application_name = 'fault'");
    member.wait_for_query(&are_there, LIMIT)
}

/// Ends the sessions of the fault's and returns when they are gone.
fn end_sessions(lab: &Architecture, at: usize) -> Result<(), LabError> {
    sql(lab, at, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fault'")?;
    let are_gone = "select not exists (select from pg_stat_activity where application_name = 'fault')";
    lab.nodes[at].member.wait_for_query(are_gone, LIMIT)
}

/// Changes a setting of one server and lets it take effect.
fn set(lab: &Architecture, at: usize, setting: &str) -> Result<Vec<Process>, LabError> {
    sql(lab, at, &format!("alter system set {setting}; select pg_reload_conf()"))
}

fn reset(lab: &Architecture, at: usize, name: &str) -> Result<(), LabError> {
    sql(lab, at, &format!("alter system reset {name}; select pg_reload_conf()")).map(drop)
}

/// Lets a primary begin so many WAL files, of 16 MB each.
fn write_wal(lab: &Architecture, at: usize, files: u32) -> Result<(), LabError> {
    let write = "select pg_logical_emit_message(true, 'fault', 'a record'), pg_switch_wal();\n";
    sql(lab, at, &write.repeat(files as usize)).map(drop)
}

fn freeze(process: &Process) -> Result<Vec<Process>, LabError> {
    process.signal("STOP").map(|()| Vec::new())
}

fn kill(lab: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    lab.nodes[at].member.kill();
    Ok(Vec::new())
}

fn start_again(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    lab.nodes[at].member.start_again()
}

fn pause(lab: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    lab.nodes[at].member.patronictl(&["pause", "--wait"]).map(|_| Vec::new())
}

fn resume(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    lab.nodes[at].member.patronictl(&["resume", "--wait"]).map(drop)
}
