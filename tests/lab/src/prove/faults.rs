//! The faults, each with the alert that must come of it.

use lab::{Architecture, LabError, Member, Process};

/// Which member a fault befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Primary,
    Replica,
}

/// A fault that can be caused and mended.
pub struct Fault {
    /// The alert that must arrive.
    pub alert: &'static str,
    /// What is done, for the table.
    pub what: &'static str,
    pub place: Place,
    /// Causes it at a node; what it returns runs until it is mended.
    pub cause: fn(&mut Architecture, usize) -> Result<Vec<Process>, LabError>,
    pub mend: fn(&mut Architecture, usize) -> Result<(), LabError>,
}

/// Sessions that a fault opens, to be ended when it is mended.
const SESSION: &str = "PGAPPNAME=fault";

/// All of them, the harmless ones first: a failover ends the series.
pub const FAULTS: &[Fault] = &[
    Fault {
        alert: "PostgresReplayPaused",
        what: "pause Patroni, which would resume it, and replay on a replica",
        place: Place::Replica,
        cause: |lab, at| {
            pause(lab, at)?;
            sql(lab, at, "select pg_wal_replay_pause()")
        },
        mend: |lab, at| {
            sql(lab, at, "select pg_wal_replay_resume()")?;
            resume(lab, at)
        },
    },
    Fault {
        alert: "PgbouncerPaused",
        what: "PAUSE a database on a console",
        place: Place::Replica,
        cause: |lab, at| lab.nodes[at].pooler.console("PAUSE postgres").map(|_| Vec::new()),
        mend: |lab, at| lab.nodes[at].pooler.console("RESUME postgres").map(drop),
    },
    Fault {
        alert: "PgbouncerDown",
        what: "freeze a PgBouncer",
        place: Place::Replica,
        cause: |lab, at| freeze(lab.nodes[at].pooler.process()),
        mend: |lab, at| lab.nodes[at].pooler.process().signal("CONT"),
    },
    Fault {
        alert: "ExporterDown",
        what: "freeze an exporter",
        place: Place::Replica,
        cause: |lab, at| freeze(lab.nodes[at].exporters[0].process()),
        mend: |lab, at| lab.nodes[at].exporters[0].signal("CONT"),
    },
    Fault {
        alert: "PatroniDown",
        what: "freeze the Patroni of a replica",
        place: Place::Replica,
        cause: |lab, at| freeze(lab.nodes[at].member.process()),
        mend: |lab, at| lab.nodes[at].member.process().signal("CONT"),
    },
    Fault { alert: "PatroniPaused", what: "patronictl pause", place: Place::Replica, cause: pause, mend: resume },
    Fault {
        alert: "HaproxyDown",
        what: "freeze HAProxy",
        place: Place::Replica,
        cause: |lab, _| freeze(lab.haproxy.process()),
        mend: |lab, _| lab.haproxy.process().signal("CONT"),
    },
    Fault {
        alert: "PostgresAutovacuumOff",
        what: "turn autovacuum off",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, "alter system set autovacuum = off; select pg_reload_conf()"),
        mend: |lab, at| sql(lab, at, "alter system reset autovacuum; select pg_reload_conf()").map(drop),
    },
    Fault {
        alert: "PostgresSequenceExhaustion",
        what: "use up a sequence",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, "create sequence spent maxvalue 100; select setval('spent', 99)"),
        mend: |lab, at| sql(lab, at, "drop sequence spent").map(drop),
    },
    Fault {
        alert: "PostgresInvalidIndex",
        what: "leave an invalid index behind",
        place: Place::Primary,
        cause: |lab, at| {
            sql(lab, at, "create table doubled as select 1 as id from generate_series(1, 2)")?;
            // Fails, as it must, and leaves the index.
            let failed = sql(lab, at, "create unique index concurrently doubled_id on doubled (id)");
            if failed.is_ok() {
                Err(LabError::Unexpected("a unique index on doubled values".into()))
            } else {
                Ok(Vec::new())
            }
        },
        mend: |lab, at| sql(lab, at, "drop table doubled").map(drop),
    },
    Fault {
        alert: "PostgresLockWaits",
        what: "hold a table's lock before 22 sessions",
        place: Place::Primary,
        cause: |lab, at| {
            let member = &lab.nodes[at].member;
            sql(lab, at, "create table wanted (id int)")?;
            let mut sessions = vec![session(member, "begin; lock table wanted; select pg_sleep(600)")?];
            let is_held = "select exists (select from pg_locks where relation = 'wanted'::regclass and granted)";
            member.wait_for_query(is_held, std::time::Duration::from_secs(30))?;
            for _ in 0..22 {
                sessions.push(session(member, "select from wanted")?);
            }
            Ok(sessions)
        },
        mend: |lab, at| {
            let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fault'";
            sql(lab, at, end)?;
            sql(lab, at, "drop table wanted").map(drop)
        },
    },
    Fault {
        alert: "PostgresDown",
        what: "kill a replica with its Patroni",
        place: Place::Replica,
        cause: kill,
        mend: |lab, at| lab.nodes[at].member.start_again(),
    },
    Fault {
        alert: "PatroniNoLeader",
        what: "kill the primary with its Patroni",
        place: Place::Primary,
        cause: kill,
        mend: |lab, at| lab.nodes[at].member.start_again(),
    },
];

fn sql(architecture: &Architecture, at: usize, sql: &str) -> Result<Vec<Process>, LabError> {
    architecture.nodes[at].member.psql("postgres", sql).map(|_| Vec::new())
}

fn freeze(process: &Process) -> Result<Vec<Process>, LabError> {
    process.signal("STOP").map(|()| Vec::new())
}

fn kill(architecture: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    architecture.nodes[at].member.kill();
    Ok(Vec::new())
}

fn pause(architecture: &mut Architecture, at: usize) -> Result<Vec<Process>, LabError> {
    architecture.nodes[at].member.patronictl(&["pause", "--wait"]).map(|_| Vec::new())
}

fn resume(architecture: &mut Architecture, at: usize) -> Result<(), LabError> {
    architecture.nodes[at].member.patronictl(&["resume", "--wait"]).map(drop)
}

fn session(member: &Member, sql: &str) -> Result<Process, LabError> {
    member.start_client("env", &[SESSION, "psql", "-X", "-q", "-d", "postgres", "-c", sql])
}
