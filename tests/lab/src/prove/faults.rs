//! The faults, each with the alerts that must come of it.

mod backups;
mod etcd;
mod exporter;
mod fault;
mod haproxy;
mod logs;
mod node;
mod patroni;
mod pgbouncer;
mod postgres;
mod proofs;
mod replication;
mod repositories;
mod services;
mod sessions;
mod slots;
mod steps;
mod subscriptions;
mod vacuum;
mod wal;

pub use fault::{Fault, Place};

/// All of them, the harmless ones first: failovers end the series.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    let harmless = [
        sessions::FAULTS,
        logs::FAULTS,
        services::FAULTS,
        vacuum::FAULTS,
        wal::FAULTS,
        pgbouncer::FAULTS,
        exporter::FAULTS,
    ];
    let backups =
        [repositories::FAULTS, backups::FAULTS, proofs::FAULTS, haproxy::FAULTS, node::ON_A_DISK, node::FAULTS];
    let standbys = [replication::FAULTS, slots::FAULTS, subscriptions::FAULTS, patroni::FAULTS, postgres::FAULTS];
    harmless.into_iter().chain(backups).chain(standbys).chain([etcd::FAULTS]).flatten()
}

/// Whether a fault needs a file system that only root can mount.
pub(super) fn needs_disk(fault: &Fault) -> bool {
    node::ON_A_DISK.iter().any(|other| other.alerts == fault.alerts)
}
