//! Alerts arrive at a webhook and are resolved there: a part of the faults of `make prove`, caused all at once.

use lab::prove::{self, Fault, Outcome};
use support::{one_at_a_time, path, programs};

/// The first alert of each fault that is caused: none of them hides what another one shows.
const CHOSEN: [&str; 11] = [
    "PostgresIdleInTransaction",
    "PostgresLockTableFilling",
    "PostgresAutovacuumOff",
    "PostgresSequenceExhaustion",
    "PostgresInvalidIndex",
    "PostgresPreparedTransactionOld",
    "PgbouncerPoolSaturated",
    "ExporterCollectorFailing",
    "BackupStanzaAbsent",
    "HaproxyDown",
    "PostgresReplayPaused",
];

#[test]
fn faults_fire_their_alerts() {
    let _turn = one_at_a_time();
    let chosen: Vec<&Fault> = prove::faults().filter(|fault| CHOSEN.contains(&fault.alerts[0])).collect();
    assert_eq!(chosen.len(), CHOSEN.len());
    let mut architecture = prove::start(programs(), &path("alerts")).unwrap();
    let outcomes = prove::prove(&mut architecture, &chosen).unwrap();
    outcomes.iter().for_each(|outcome| println!("{outcome}"));
    let missing: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.arrivals.is_err()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
