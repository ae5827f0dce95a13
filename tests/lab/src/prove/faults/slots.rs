//! Slots and walsenders.

use super::fault::{Fault, Place};
use super::steps::{
    LIMIT, SESSION, end_sessions, kill, primary, reset, session, set, sql, start_again, wait_for_sessions, write_wal,
};
use crate::architecture::SPARE_SLOT;
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresWalSendersHigh"],
        what: "open 7 replication connections beside the replicas’, of 10",
        place: Place::Primary,
        cause: |lab, at| {
            let open = "for i in 1 2 3 4 5 6 7; do
                psql -X -q -d 'dbname=postgres replication=database' -c 'select pg_sleep(600)' & done; wait";
            let sessions = lab.nodes[at].member.start_client("env", &[SESSION, "sh", "-c", open])?;
            wait_for_sessions(&lab.nodes[at].member, 7)?;
            Ok(vec![sessions])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresSlotsHigh"],
        what: "create 7 temporary slots beside the replicas’, of 10",
        place: Place::Primary,
        cause: |lab, at| {
            let create = "select pg_create_physical_replication_slot('spare_' || i, false, true)
                          from generate_series(1, 7) as i; select pg_sleep(600)";
            Ok(vec![session(&lab.nodes[at].member, create)?])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresSlotInactive"],
        what: "kill a replica, whose slot stays; write 48 MB",
        place: Place::Replica,
        cause: |lab, at| {
            kill(lab, at)?;
            write_wal(lab, primary(lab)?, 3).map(|()| Vec::new())
        },
        mend: start_again,
    },
    Fault {
        alerts: &["PostgresSlotRetentionHigh", "PostgresSlotNearlyLost"],
        what: "write 96 MB past a slot without a consumer, which may keep as much",
        place: Place::Primary,
        cause: |lab, at| {
            create_slot(lab, at)?;
            write_wal(lab, at, 6).map(|()| Vec::new())
        },
        mend: drop_slot,
    },
    Fault {
        alerts: &["PostgresSlotLost"],
        what: "write more than a slot without a consumer may keep",
        place: Place::Primary,
        cause: |lab, at| {
            create_slot(lab, at)?;
            write_wal(lab, at, 8)?;
            // It invalidates the slot.
            sql(lab, at, "checkpoint")?;
            let is_lost =
                format!("select wal_status = 'lost' from pg_replication_slots where slot_name = '{SPARE_SLOT}'");
            lab.nodes[at].member.wait_for_query(&is_lost, LIMIT)?;
            Ok(Vec::new())
        },
        mend: drop_slot,
    },
];

/// A slot that may keep 96 MB, and keeps WAL from now on.
fn create_slot(lab: &Architecture, at: usize) -> Result<(), LabError> {
    set(lab, at, "max_slot_wal_keep_size = '96MB'")?;
    // It lets a slot keep more.
    set(lab, at, "wal_keep_size = 0")?;
    lab.nodes[at].member.wait_for_query("select current_setting('wal_keep_size') = '0'", LIMIT)?;
    sql(lab, at, &format!("select pg_create_physical_replication_slot('{SPARE_SLOT}', true)")).map(drop)
}

fn drop_slot(lab: &mut Architecture, at: usize) -> Result<(), LabError> {
    let drop = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name";
    sql(lab, at, &format!("{drop} = '{SPARE_SLOT}'"))?;
    reset(lab, at, "max_slot_wal_keep_size")?;
    reset(lab, at, "wal_keep_size")
}
