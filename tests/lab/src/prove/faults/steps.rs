//! Steps that faults are made of.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::proc;
use crate::{Architecture, LabError, Member, Process};

/// How long a cause may take to take effect on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// The name of sessions that a fault opens, to be ended when it is mended.
pub(super) const SESSION: &str = "PGAPPNAME=fault";

pub(super) fn sql(lab: &Architecture, at: usize, sql: &str) -> Result<Vec<Process>, LabError> {
    lab.nodes[at].member.psql("postgres", sql).map(|_| Vec::new())
}

/// A session that runs statements in one transaction until it is ended.
pub(super) fn session(member: &Member, sql: &str) -> Result<Process, LabError> {
    member.start_client("env", &[SESSION, "psql", "-X", "-q", "-d", "postgres", "-c", sql])
}

/// So many sessions in a database, each of which runs a script of pgbench's until it is ended.
pub(super) fn clients(member: &Member, database: &str, count: u32, script: &str) -> Result<Process, LabError> {
    let file = member.socket_dir().join("fault.sql");
    fs::write(&file, script).map_err(LabError::io(format!("writing {}", file.display())))?;
    let (count, file) = (count.to_string(), file.display().to_string());
    let arguments = [SESSION, "pgbench", "--no-vacuum", "--time=600", "--client", &count, "--file", &file, database];
    member.start_client("env", &arguments)
}

/// The same through a port on 127.0.0.1, such as that of a service that is pooled.
pub(super) fn clients_through(member: &Member, port: u16, count: u32, script: &str) -> Result<Process, LabError> {
    let file = member.socket_dir().join("fault.sql");
    fs::write(&file, script).map_err(LabError::io(format!("writing {}", file.display())))?;
    let (port, count, file) = (format!("PGPORT={port}"), count.to_string(), file.display().to_string());
    let login = ["PGHOST=127.0.0.1", &port, "PGUSER=app", "PGPASSWORD=app"];
    let pgbench = ["pgbench", "--no-vacuum", "--time=600", "--client", &count, "--file", &file, "postgres"];
    member.start_client("env", &[&[SESSION], &login[..], &pgbench[..]].concat())
}

/// The program of a process.
pub(super) fn program_of(pid: &str) -> Result<PathBuf, LabError> {
    let link = PathBuf::from(format!("/proc/{pid}/exe"));
    fs::read_link(&link).map_err(LabError::io(format!("reading {}", link.display())))
}

/// Waits until so many sessions of the fault's are there.
pub(super) fn wait_for_sessions(member: &Member, count: u32) -> Result<(), LabError> {
    let are_there = format!("select count(*) >= {count} from pg_stat_activity where application_name = 'fault'");
    member.wait_for_query(&are_there, LIMIT)
}

/// Ends the sessions of the fault's and returns when they are gone.
pub(super) fn end_sessions(lab: &Architecture, at: usize) -> Result<(), LabError> {
    sql(lab, at, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fault'")?;
    let are_gone = "select not exists (select from pg_stat_activity where application_name = 'fault')";
    lab.nodes[at].member.wait_for_query(are_gone, LIMIT)
}

/// Changes a setting of one server and lets it take effect.
pub(super) fn set(lab: &Architecture, at: usize, setting: &str) -> Result<Vec<Process>, LabError> {
    sql(lab, at, &format!("alter system set {setting}; select pg_reload_conf()"))
}

pub(super) fn reset(lab: &Architecture, at: usize, name: &str) -> Result<(), LabError> {
    sql(lab, at, &format!("alter system reset {name}; select pg_reload_conf()")).map(drop)
}

/// Lets a primary begin so many WAL files, of 16 MB each.
pub(super) fn write_wal(lab: &Architecture, at: usize, files: u32) -> Result<(), LabError> {
    let write = "select pg_logical_emit_message(true, 'fault', 'a record'), pg_switch_wal();\n";
    sql(lab, at, &write.repeat(files as usize)).map(drop)
}

/// The number of the primary at this time.
pub(super) fn primary(lab: &Architecture) -> Result<usize, LabError> {
    lab.primary().ok_or_else(|| LabError::Unexpected("no member is the primary now".into()))
}

/// Sends a signal to the process of a server's that such a condition on `pg_stat_activity` finds.
pub(super) fn signal(lab: &Architecture, at: usize, condition: &str, signal: &str) -> Result<(), LabError> {
    let query = format!("select pid from pg_stat_activity where {condition} limit 1");
    let pid = lab.nodes[at].member.psql("postgres", &query)?;
    let pid = pid.parse().map_err(|_| LabError::Unexpected(format!("no process with {condition}: `{pid}`")))?;
    proc::send(signal, &[pid])
}

pub(super) fn freeze(process: &Process) -> Result<Vec<Process>, LabError> {
    process.signal("STOP").map(|()| Vec::new())
}

pub(super) fn kill(lab: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    lab.nodes[at].member.kill();
    Ok(Vec::new())
}

pub(super) fn start_again(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    lab.nodes[at].member.start_again()
}

pub(super) fn pause(lab: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    lab.nodes[at].member.patronictl(&["pause", "--wait"]).map(|_| Vec::new())
}

pub(super) fn resume(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    lab.nodes[at].member.patronictl(&["resume", "--wait"]).map(drop)
}
