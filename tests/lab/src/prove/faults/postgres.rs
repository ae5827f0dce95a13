//! Whether a server is there, in its role, and safe.

use super::backups::damage_page;
use super::fault::{Fault, Place};
use super::steps::{LIMIT, kill, reset, session, set, signal, sql, start_again, wait_for_sessions};
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresUnsafeSettings"],
        what: "turn full_page_writes off",
        place: Place::Primary,
        cause: |lab, at| set(lab, at, "full_page_writes = off"),
        mend: |lab, at| reset(lab, at, "full_page_writes"),
    },
    Fault {
        alerts: &["PostgresChecksumFailure"],
        what: "damage a page of a table on disk",
        place: Place::Primary,
        cause: |lab, at| {
            damage_page(lab, at, "torn")?;
            // Out of the server's memory, and in again.
            sql(
                lab,
                at,
                "create extension pg_buffercache;
                 select pg_buffercache_evict(bufferid) from pg_buffercache where relfilenode = pg_relation_filenode('torn');
                 drop extension pg_buffercache",
            )?;
            if sql(lab, at, "select from torn").is_ok() {
                return Err(LabError::Unexpected("a damaged page that is read".into()));
            }
            Ok(Vec::new())
        },
        mend: |lab, at| sql(lab, at, "drop table torn").map(drop),
    },
    Fault {
        alerts: &["PostgresPendingRestart"],
        what: "change a setting that needs a restart, where Patroni is scraped by another name of the host",
        place: Place::Replica,
        cause: |lab, at| {
            // Without the job its last values would stay for five minutes.
            let mut targets = lab.targets();
            for target in targets.iter_mut().filter(|target| target.job == "patroni") {
                target.address = target.address.replace("127.0.0.1", "localhost");
            }
            lab.prometheus.scrape(&targets)?;
            set(lab, at, "wal_buffers = '1MB'")
        },
        mend: |lab, at| {
            reset(lab, at, "wal_buffers")?;
            lab.prometheus.scrape(&lab.targets())
        },
    },
    Fault {
        alerts: &["PostgresCrashed", "PostgresOutOfMemory", "PostgresCrashLoop"],
        what: "kill a session of a replica by SIGKILL three times",
        place: Place::Replica,
        cause: |lab, at| {
            for _ in 0..3 {
                crash(lab, at)?;
            }
            Ok(Vec::new())
        },
        mend: |_, _| Ok(()),
    },
    Fault {
        alerts: &["PostgresDown", "ExporterScrapeErrors"],
        what: "kill a replica with its Patroni",
        place: Place::Replica,
        cause: kill,
        mend: start_again,
    },
    Fault {
        alerts: &["PostgresRoleChanged", "PostgresRestarted"],
        what: "switch over to a replica",
        place: Place::Replica,
        cause: |lab, at| lab.switch_over(at).map(|()| Vec::new()),
        mend: |_, _| Ok(()),
    },
];

/// Kills a session, which lets the server recover as after a crash, and waits until Prometheus knows.
fn crash(lab: &Architecture, at: usize) -> Result<(), LabError> {
    let member = &lab.nodes[at].member;
    let reset = format!(r#"pg_bgwriter_reset_time{{ins="{}"}}"#, member.name());
    let before = lab.prometheus.wait_for(&reset, LIMIT)?.first().map(|sample| sample.value).unwrap_or_default();
    let victim = session(member, "select pg_sleep(600)")?;
    wait_for_sessions(member, 1)?;
    signal(lab, at, "application_name = 'fault'", "KILL")?;
    victim.wait(LIMIT);
    member.wait_for_query("select true", LIMIT)?;
    lab.prometheus.wait_for(&format!("{reset} > {before}"), LIMIT).map(drop)
}
