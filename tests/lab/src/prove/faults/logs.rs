//! What the server log tells: errors, failed logins, latency and plans.

use std::fs;
use std::time::Duration;

use super::fault::{Fault, Place};
use super::steps::{SESSION, clients, end_sessions, reset, set, sql};
use crate::{Architecture, LabError, Process};

/// How long a statement runs before its plan changes, at most, on a busy machine.
const USUAL: Duration = Duration::from_secs(120);

/// Logs the plan of each statement of a session.
const EXPLAINED: &str = "PGOPTIONS=-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_format=json";

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresErrorBurst"],
        what: "divide by zero 50 times a second",
        place: Place::Primary,
        cause: |lab, at| {
            let member = &lab.nodes[at].member;
            let file = member.socket_dir().join("errors.sql");
            fs::write(&file, "select pg_sleep(0.02);\nselect 1 / 0;\n".repeat(30_000))
                .map_err(LabError::io(format!("writing {}", file.display())))?;
            let file = file.display().to_string();
            let arguments = [SESSION, "psql", "-X", "-q", "-d", "postgres", "-o", "/dev/null", "-f", &file];
            Ok(vec![member.start_client("env", &arguments)?])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresAuthenticationFailures"],
        what: "log in with a wrong password 40 times",
        place: Place::Primary,
        cause: |lab, at| {
            let member = &lab.nodes[at].member;
            for _ in 0..40 {
                if member.psql_at("127.0.0.1", member.port(), "monitor", "select 1").is_ok() {
                    return Err(LabError::Unexpected("a wrong password that is taken".into()));
                }
            }
            Ok(Vec::new())
        },
        mend: |_, _| Ok(()),
    },
    Fault {
        alerts: &["PostgresLatencyBurnsFast", "PostgresLatencyBurnsSlowly"],
        what: "run statements of 0.15 s in 20 clients, where all durations are logged",
        place: Place::Primary,
        cause: |lab, at| {
            set(lab, at, "log_min_duration_statement = 0")?;
            Ok(vec![clients(&lab.nodes[at].member, "postgres", 20, "select pg_sleep(0.15);\n")?])
        },
        mend: |lab, at| {
            end_sessions(lab, at)?;
            reset(lab, at, "log_min_duration_statement")
        },
    },
    Fault {
        alerts: &["PostgresPlanSlower"],
        what: "drop the index of a statement that ran for a minute",
        place: Place::Primary,
        cause: drop_index,
        mend: |lab, at| {
            end_sessions(lab, at)?;
            sql(lab, at, "drop table flips").map(drop)
        },
    },
];

/// Runs a statement until Prometheus has its usual time, then takes its index away.
fn drop_index(lab: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    sql(
        lab,
        at,
        "create table flips as select id, id % 4000 as shop, repeat('x', 100) as note from generate_series(1, 200000) id;
         create index flips_shop on flips (shop); analyze flips",
    )?;
    let member = &lab.nodes[at].member;
    let file = member.socket_dir().join("flips.sql");
    fs::write(&file, "select count(note) from flips where shop = 7;\n")
        .map_err(LabError::io(format!("writing {}", file.display())))?;
    let file = file.display().to_string();
    let pgbench =
        [SESSION, EXPLAINED, "pgbench", "--no-vacuum", "--time=600", "--rate=20", "--client=2", "--file", &file];
    let statement = member.start_client("env", &[&pgbench[..], &["postgres"]].concat())?;
    let usual =
        format!(r#"rate(pg_plan_calls_total{{ins="{}",shape=~".*flips_shop.*"}}[30s] offset 30s) > 5"#, member.name());
    lab.prometheus.wait_for(&usual, USUAL)?;
    sql(lab, at, "drop index flips_shop")?;
    Ok(vec![statement])
}
