//! PgBouncer.

use std::fs;

use super::fault::{Fault, Place};
use super::steps::{SESSION, end_sessions, freeze};
use crate::{LabError, PgBouncer, Process};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PgbouncerPoolSaturated", "PgbouncerClientsWaiting"],
        what: "run long statements in all 10 connections of a pool before 2 more clients",
        place: Place::Replica,
        cause: |lab, at| Ok(vec![clients(&lab.nodes[at].pooler, 12, "select pg_sleep(600);\n")?]),
        mend: |lab, at| {
            lab.nodes[at].pooler.console("KILL postgres")?;
            // A server goes on with its statement after PgBouncer has left it.
            end_sessions(lab, at)?;
            lab.nodes[at].pooler.console("RESUME postgres").map(drop)
        },
    },
    Fault {
        alerts: &["PgbouncerClientLimit"],
        what: "open 90 of 100 client connections",
        place: Place::Replica,
        cause: |lab, at| Ok(vec![clients(&lab.nodes[at].pooler, 90, "\\sleep 600 s\n")?]),
        mend: |_, _| Ok(()),
    },
    Fault {
        alerts: &["PgbouncerPaused"],
        what: "PAUSE all databases on a console",
        place: Place::Replica,
        cause: |lab, at| lab.nodes[at].pooler.console("PAUSE").map(|_| Vec::new()),
        mend: |lab, at| lab.nodes[at].pooler.console("RESUME").map(drop),
    },
    Fault {
        alerts: &["PgbouncerDown"],
        what: "freeze a PgBouncer",
        place: Place::Replica,
        cause: |lab, at| freeze(lab.nodes[at].pooler.process()),
        mend: |lab, at| lab.nodes[at].pooler.process().signal("CONT"),
    },
];

/// So many clients, each of which runs a script of pgbench's until it is ended.
fn clients(pooler: &PgBouncer, count: u32, script: &str) -> Result<Process, LabError> {
    let file = pooler.socket_dir().join("fault.sql");
    fs::write(&file, script).map_err(LabError::io(format!("writing {}", file.display())))?;
    let (count, file) = (count.to_string(), file.display().to_string());
    let arguments = [SESSION, "pgbench", "--no-vacuum", "--time=600", "--client", &count, "--file", &file];
    pooler.start("env", "app", "postgres", &arguments)
}
