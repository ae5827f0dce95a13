//! Vacuum, transaction ids and objects.

use super::fault::{Fault, Place};
use super::steps::{end_sessions, reset, session, set, sql, wait_for_sessions};
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresAutovacuumOff"],
        what: "turn autovacuum off",
        place: Place::Primary,
        cause: |lab, at| set(lab, at, "autovacuum = off"),
        mend: |lab, at| reset(lab, at, "autovacuum"),
    },
    Fault {
        alerts: &["PostgresVacuumFailsafeAge"],
        what: "let vacuum’s failsafe begin at any age",
        place: Place::Primary,
        cause: |lab, at| set(lab, at, "vacuum_failsafe_age = 0"),
        mend: |lab, at| reset(lab, at, "vacuum_failsafe_age"),
    },
    Fault {
        alerts: &["PostgresSequencesUnreadable"],
        what: "take the right to read sequences from the exporter’s role",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, "create sequence hidden; revoke pg_read_all_data from monitor"),
        mend: |lab, at| sql(lab, at, "grant pg_read_all_data to monitor; drop sequence hidden").map(drop),
    },
    Fault {
        alerts: &["PostgresSequenceExhaustion"],
        what: "use up a sequence",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, "create sequence spent maxvalue 100; select setval('spent', 99)"),
        mend: |lab, at| sql(lab, at, "drop sequence spent").map(drop),
    },
    Fault {
        alerts: &["PostgresInvalidIndex"],
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
        alerts: &["PostgresDeadTuples", "PostgresStatisticsStale"],
        what: "delete most of a table that autovacuum leaves alone",
        place: Place::Primary,
        cause: |lab, at| {
            sql(
                lab,
                at,
                "create table worn (id int) with (autovacuum_enabled = off);
                 insert into worn select generate_series(1, 1000);
                 delete from worn where id <= 600",
            )
        },
        mend: |lab, at| sql(lab, at, "drop table worn").map(drop),
    },
    Fault {
        alerts: &["PostgresDefaultPartitionRows"],
        what: "insert a row that has no partition but the default one",
        place: Place::Primary,
        cause: |lab, at| {
            sql(
                lab,
                at,
                "create table parted (id int) partition by list (id);
                 create table parted_rest partition of parted default;
                 insert into parted values (1);
                 analyze parted_rest",
            )
        },
        mend: |lab, at| sql(lab, at, "drop table parted").map(drop),
    },
    Fault {
        alerts: &["PostgresXminHorizonStuck", "PostgresLongTransaction"],
        what: "keep a snapshot while 300 transactions pass",
        place: Place::Primary,
        cause: |lab, at| {
            let member = &lab.nodes[at].member;
            let hold = "begin isolation level repeatable read; select txid_current(); select pg_sleep(600)";
            let holder = session(member, hold)?;
            wait_for_sessions(member, 1)?;
            sql(lab, at, "do $$ begin for i in 1..300 loop perform txid_current(); commit; end loop; end $$")?;
            Ok(vec![holder])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresPreparedTransactionOld"],
        what: "forget a prepared transaction",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, "begin; select txid_current(); prepare transaction 'forgotten'"),
        mend: |lab, at| sql(lab, at, "rollback prepared 'forgotten'").map(drop),
    },
    Fault {
        alerts: &["PostgresXidAge", "PostgresXidExhaustionSoon"],
        what: "use up 500 000 transaction ids",
        place: Place::Primary,
        cause: |lab, at| {
            sql(
                lab,
                at,
                "set synchronous_commit = off;
                 do $$ begin for i in 1..500000 loop perform txid_current(); commit; end loop; end $$",
            )
        },
        mend: freeze_rows,
    },
    Fault {
        alerts: &["PostgresMultixactAge"],
        what: "lock a row in two sessions 5000 times",
        place: Place::Primary,
        cause: |lab, at| {
            sql(lab, at, "create table shared as select 1 as id")?;
            let hold = "begin; select from shared for key share; select pg_sleep(600)";
            let holder = session(&lab.nodes[at].member, hold)?;
            wait_for_sessions(&lab.nodes[at].member, 1)?;
            sql(
                lab,
                at,
                "do $$ begin
                   for i in 1..5000 loop perform from shared for key share; commit; end loop;
                 end $$",
            )?;
            Ok(vec![holder])
        },
        mend: |lab, at| {
            end_sessions(lab, at)?;
            freeze_rows(lab, at)?;
            sql(lab, at, "drop table shared").map(drop)
        },
    },
];

/// Freezes all rows of all databases, those of template0 included.
fn freeze_rows(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    let member = &lab.nodes[at].member;
    sql(lab, at, "alter database template0 allow_connections true")?;
    let databases = member.psql("postgres", "select datname from pg_database where datallowconn")?;
    databases.lines().try_for_each(|database| member.psql(database, "vacuum (freeze)").map(drop))?;
    sql(lab, at, "alter database template0 allow_connections false").map(drop)
}
