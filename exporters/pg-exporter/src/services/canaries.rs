//! The writes of canaries that were confirmed, by service: what no failover may lose.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How many writes of a service are remembered. Beyond that every second one is dropped.
const REMEMBERED: usize = 1024;
/// The longest time after which a write is asked for, the largest `max_lag`.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The confirmed writes of all services. Tasks share it.
#[derive(Debug, Default)]
pub(super) struct Canaries(Mutex<BTreeMap<String, Confirmed>>);

/// The confirmed writes of one service, the last one at the end.
#[derive(Debug, Default)]
struct Confirmed {
    /// Of the service as the file described it then: changed settings may lead to another row.
    fingerprint: u64,
    writes: VecDeque<(i64, Instant)>,
}

impl Canaries {
    /// The number of the last write on a service with that fingerprint.
    pub(super) fn last(&self, service: &str, fingerprint: u64) -> Option<i64> {
        let all = self.0.lock();
        let confirmed = all.get(service).filter(|confirmed| confirmed.fingerprint == fingerprint)?;
        confirmed.writes.back().map(|(number, _)| *number)
    }

    /// Records a committed write.
    pub(super) fn confirm(&self, service: &str, fingerprint: u64, number: i64) {
        let mut all = self.0.lock();
        let confirmed = all.entry(service.to_owned()).or_default();
        if confirmed.fingerprint != fingerprint {
            *confirmed = Confirmed { fingerprint, ..Confirmed::default() };
        }
        confirmed.add(number, Instant::now());
    }

    /// Forgets the writes of a service, since they were lost.
    pub(super) fn forget(&self, service: &str) {
        self.0.lock().remove(service);
    }

    /// The number of the newest write on a service that was confirmed at least so long ago.
    pub(super) fn due(&self, service: &str, age: Duration) -> Option<i64> {
        self.0.lock().get(service)?.due(age, Instant::now())
    }
}

impl Confirmed {
    fn add(&mut self, number: i64, now: Instant) {
        self.writes.push_back((number, now));
        if self.writes.len() > REMEMBERED {
            let mut keep = false;
            self.writes.retain(|_| {
                keep = !keep;
                keep
            });
        }
        // Of those that every reader asks for, only the newest one counts.
        while self.writes.get(1).is_some_and(|(_, at)| now.duration_since(*at) > LONGEST) {
            self.writes.pop_front();
        }
    }

    fn due(&self, age: Duration, now: Instant) -> Option<i64> {
        let due = |(_, at): &&(i64, Instant)| now.duration_since(*at) >= age;
        self.writes.iter().rev().find(due).map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_write_is_due_after_its_time_also_while_newer_ones_come() {
        let mut confirmed = Confirmed::default();
        let begin = Instant::now();
        for number in 1..=10 {
            confirmed.add(number, begin + SECOND * u32::try_from(number).unwrap());
        }
        let due = |age: u32, now: u32| confirmed.due(SECOND * age, begin + SECOND * now);
        assert_eq!((due(3, 10), due(0, 10), due(3, 13)), (Some(7), Some(10), Some(10)));
        assert_eq!((due(9, 10), due(10, 10)), (Some(1), None));
    }

    #[test]
    fn many_writes_are_thinned_out_and_old_ones_forgotten() {
        let mut confirmed = Confirmed::default();
        let begin = Instant::now();
        let at = |number: i64| begin + SECOND * u32::try_from(number).unwrap();
        (1..=5_000).for_each(|number| confirmed.add(number, at(number)));
        assert!(confirmed.writes.len() <= REMEMBERED);
        assert_eq!(confirmed.due(Duration::ZERO, at(5_000)), Some(5_000));
        let due = confirmed.due(SECOND * 1_000, at(5_000)).unwrap();
        assert!((3_980..=4_000).contains(&due), "{due}");
        confirmed.add(5_001, at(5_000) + LONGEST * 2);
        assert_eq!(confirmed.writes.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [5_000, 5_001]);
    }

    #[test]
    fn other_settings_begin_again_and_a_loss_is_counted_once() {
        let canaries = Canaries::default();
        canaries.confirm("rw", 1, 7);
        assert_eq!((canaries.last("rw", 1), canaries.last("rw", 2), canaries.last("ro", 1)), (Some(7), None, None));
        assert_eq!(canaries.due("rw", Duration::ZERO), Some(7));
        canaries.confirm("rw", 2, 1);
        assert_eq!((canaries.last("rw", 1), canaries.last("rw", 2)), (None, Some(1)));
        canaries.forget("rw");
        assert_eq!((canaries.last("rw", 2), canaries.due("rw", Duration::ZERO)), (None, None));
    }
}
