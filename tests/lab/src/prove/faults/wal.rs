//! WAL and its archive, checkpoints, temporary files.

use super::fault::{Fault, Place};
use super::steps::{LIMIT, clients, end_sessions, reset, set, signal, sql, write_wal};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresArchiveFailing", "PostgresArchiveStalled", "PostgresWalDirectoryLarge"],
        what: "let archive_command fail under a max_wal_size of 32 MB; write 192 MB",
        place: Place::Primary,
        cause: |lab, at| {
            set(lab, at, "archive_command = 'false'")?;
            set(lab, at, "max_wal_size = '32MB'")?;
            set(lab, at, "wal_keep_size = 0")?;
            write_wal(lab, at, 12)?;
            Ok(Vec::new())
        },
        mend: |lab, at| {
            reset(lab, at, "archive_command")?;
            // A new file wakes the archiver, which waits a minute after it has failed.
            write_wal(lab, at, 1)?;
            // What is archived is removed by the next checkpoint.
            let is_archived = "select count(*) = 0 from pg_ls_archive_statusdir() where name like '%.ready'";
            lab.nodes[at].member.wait_for_query(is_archived, LIMIT)?;
            sql(lab, at, "checkpoint")?;
            reset(lab, at, "max_wal_size")?;
            reset(lab, at, "wal_keep_size")
        },
    },
    Fault {
        alerts: &["PostgresCheckpointPressure"],
        what: "ask for five checkpoints",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, &"checkpoint;\n".repeat(5)),
        mend: |_, _| Ok(()),
    },
    Fault {
        alerts: &["PostgresBackendFsync"],
        what: "freeze the checkpointer, whose queue has room for 2048 files, and fill 3000 tables",
        place: Place::Primary,
        cause: |lab, at| {
            // No exporter reads so many tables for nothing.
            sql(lab, at, "create database many; revoke connect on database many from public")?;
            signal(lab, at, "backend_type = 'checkpointer'", "STOP")?;
            let fill = "do $$ begin
                          for i in 1..3000 loop
                            execute format('create table t%s as select 1 as id', i);
                            if i % 100 = 0 then commit; end if;
                          end loop;
                        end $$";
            lab.nodes[at].member.psql("many", fill).map(|_| Vec::new())
        },
        mend: |lab, at| {
            signal(lab, at, "backend_type = 'checkpointer'", "CONT")?;
            sql(lab, at, "drop database many with (force)").map(drop)
        },
    },
    Fault {
        alerts: &["PostgresTempSpill", "PostgresLoadHigh"],
        what: "spill 25 MB to disk in each statement of 8 sessions",
        place: Place::Primary,
        cause: |lab, at| {
            let script = "with wide as materialized (select repeat('x', 1000) from generate_series(1, 25000))
                          select count(*), pg_sleep(0.5) from wide;\n";
            Ok(vec![clients(&lab.nodes[at].member, "postgres", 8, &script.replace('\n', " "))?])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
];
