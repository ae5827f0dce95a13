//! The faults, each with the alerts that must come of it. The files are named as those of the rules.

mod etcd;
mod exporter;
mod fault;
mod haproxy;
mod patroni;
mod pgbackrest;
mod pgbouncer;
mod postgres;
mod replication;
mod sessions;
mod steps;
mod vacuum;
mod wal;

pub use fault::{Fault, Place};

/// All of them, the harmless ones first: failovers end the series.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    let harmless = [sessions::FAULTS, vacuum::FAULTS, wal::FAULTS, pgbouncer::FAULTS, exporter::FAULTS];
    let others = [pgbackrest::FAULTS, haproxy::FAULTS, replication::FAULTS, patroni::FAULTS, postgres::FAULTS];
    harmless.into_iter().chain(others).chain([etcd::FAULTS]).flatten()
}
