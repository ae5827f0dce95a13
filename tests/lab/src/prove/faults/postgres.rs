//! Whether a server is there, in its role, and safe.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::fault::{Fault, Place};
use super::steps::{kill, reset, set, sql, start_again};
use crate::LabError;

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
            let member = &lab.nodes[at].member;
            sql(lab, at, "create table torn as select generate_series(1, 100) as id; checkpoint")?;
            let file = member.data_dir().join(member.psql("postgres", "select pg_relation_filepath('torn')")?);
            let damage = || File::options().write(true).open(&file)?.write_all_at(b"damage", 4000);
            damage().map_err(LabError::io(format!("damaging {}", file.display())))?;
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
