//! Subscriptions.

use super::fault::{Fault, Place};
use super::steps::sql;
use crate::architecture::SPARE_SLOT;
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresSubscriptionDown"],
        what: "subscribe to a publisher that does not answer",
        place: Place::Primary,
        cause: |lab, at| {
            sql(
                lab,
                at,
                "create subscription lonely connection 'host=127.0.0.1 port=1' publication none with (connect = false);
                 alter subscription lonely enable",
            )
        },
        mend: |lab, at| unsubscribe(lab, at, "lonely"),
    },
    Fault {
        alerts: &["PostgresSubscriptionErrors"],
        what: "subscribe a table to itself, so that each row comes twice",
        place: Place::Primary,
        cause: |lab, at| {
            let member = &lab.nodes[at].member;
            let connection =
                format!("host={} port={} user=postgres dbname=postgres", member.socket_dir().display(), member.port());
            sql(
                lab,
                at,
                &format!(
                    "create table twice (id int primary key);
                     create publication twice for table twice;
                     select pg_create_logical_replication_slot('{SPARE_SLOT}', 'pgoutput');
                     create subscription twice connection '{connection}' publication twice
                       with (create_slot = false, slot_name = {SPARE_SLOT}, copy_data = false);
                     insert into twice values (1)"
                ),
            )
        },
        mend: |lab, at| {
            unsubscribe(lab, at, "twice")?;
            // Its walsender has yet to see that the subscriber is gone.
            let slot = format!("from pg_replication_slots where slot_name = '{SPARE_SLOT}'");
            sql(
                lab,
                at,
                &format!(
                    "select pg_terminate_backend(active_pid, 10000) {slot} and active;
                     select pg_drop_replication_slot(slot_name) {slot};
                     drop publication twice;
                     drop table twice"
                ),
            )
            .map(drop)
        },
    },
];

/// Drops a subscription, without asking its publisher.
fn unsubscribe(lab: &Architecture, at: usize, name: &str) -> Result<(), LabError> {
    let drop = format!(
        "alter subscription {name} disable;
         alter subscription {name} set (slot_name = none);
         drop subscription {name}"
    );
    sql(lab, at, &drop).map(std::mem::drop)
}
