//! Tells in which databases something has happened since the last probe. Pure.
//!
//! What changes the result of a collector in a database is done by a session there, or by a background process. Sessions are
//! seen in pg_stat_activity and counted when they start; background processes are seen by their transactions and by the rows
//! that they write. The exporter's own sessions and transactions are counted as well and subtracted, and so are the two
//! transactions of an autovacuum worker that finds nothing to do: one comes to each database once a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::own_work::Counted;

/// The transactions of an autovacuum worker that finds nothing to do. One that vacuums a table has three more.
const IDLE_WORKER_TRANSACTIONS: i64 = 2;
/// With more workers since the last probe, their transactions might be those of a worker that did something.
const MOST_WORKERS: u128 = 3;

/// What the server says of one database beside the main one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Of another database with the same name, it differs.
    pub oid: u32,
    /// Committed and rolled back.
    pub transactions: i64,
    /// Rows inserted, updated and deleted, and the time of the last reset of statistics.
    pub writes: Vec<i64>,
    /// Sessions of clients started so far.
    pub started: i64,
    /// How many sessions of others there are, and when the state of one last changed, in microseconds.
    pub sessions: Option<(i64, i64)>,
    /// Whether one of them is not idle, or its state is unknown.
    pub busy: bool,
}

/// What holds for all databases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServerReading {
    /// Start, reload, role, replayed WAL, roles granted: when it differs, every database has changed.
    pub state: String,
    /// The time between two autovacuum workers in a database.
    pub naptime: Duration,
}

/// What was known of each database at the last probe.
#[derive(Debug, Default)]
pub(super) struct Activity {
    server: ServerReading,
    at: Option<Instant>,
    databases: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    reading: Reading,
    /// The exporter's own work, if the reading includes exactly that.
    own: Option<Counted>,
    changes: u64,
}

impl Activity {
    /// Takes what a probe has read at `at`, with the exporter's own work by database. Returns how often each database has
    /// changed.
    pub(super) fn note(
        &mut self,
        at: Instant,
        server: ServerReading,
        readings: Vec<(String, Reading)>,
        own: &HashMap<String, Option<Counted>>,
    ) -> HashMap<String, u64> {
        let same_server = self.server == server;
        let idle_workers = idle_workers(self.at.map(|before| at - before).unwrap_or_default(), server.naptime);
        (self.at, self.server) = (Some(at), server);
        let mut before = std::mem::take(&mut self.databases);
        for (name, reading) in readings {
            // Without an entry, none of our sessions has been there.
            let own = own.get(&name).copied().unwrap_or(Some(Counted::default()));
            let known = match before.remove(&name) {
                Some(known) => {
                    let is_same = same_server && is_unchanged(&known, &reading, own, idle_workers);
                    Known { reading, own, changes: known.changes + u64::from(!is_same) }
                }
                None => Known { reading, own, changes: 0 },
            };
            self.databases.insert(name, known);
        }
        self.databases.iter().map(|(name, known)| (name.clone(), known.changes)).collect()
    }
}

/// How many autovacuum workers that found nothing to do a database may have had in this time.
fn idle_workers(time: Duration, naptime: Duration) -> i64 {
    let workers = time.as_millis().checked_div(naptime.as_millis()).unwrap_or(u128::MAX).saturating_add(1);
    if workers > MOST_WORKERS { 0 } else { workers as i64 }
}

fn is_unchanged(known: &Known, now: &Reading, own: Option<Counted>, idle_workers: i64) -> bool {
    let before = &known.reading;
    let (Some(own_before), Some(own)) = (known.own, own) else { return false };
    let ours = |now: u64, before: u64| i64::try_from(now.saturating_sub(before)).unwrap_or(i64::MAX);
    let sessions = now.started - before.started - ours(own.sessions, own_before.sessions);
    let transactions = now.transactions - before.transactions - ours(own.transactions, own_before.transactions);
    let is_idle_worker = transactions % IDLE_WORKER_TRANSACTIONS == 0
        && (0..=idle_workers).contains(&(transactions / IDLE_WORKER_TRANSACTIONS));
    !now.busy
        && now.oid == before.oid
        && now.writes == before.writes
        && now.sessions == before.sessions
        && sessions == 0
        && (transactions == 0 || is_idle_worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> Reading {
        Reading { oid: 5, transactions: 100, writes: vec![1, 2], started: 7, sessions: None, busy: false }
    }

    fn server(state: &str) -> ServerReading {
        ServerReading { state: state.into(), naptime: Duration::from_secs(60) }
    }

    fn own(sessions: u64, transactions: u64) -> Option<Counted> {
        Some(Counted { sessions, transactions })
    }

    /// How often the database has changed after these readings, one each 15 seconds, each with our own work so far.
    fn changes(readings: &[(Reading, Option<Counted>)]) -> u64 {
        let (mut activity, mut at) = (Activity::default(), Instant::now());
        let mut changes = 0;
        for (reading, own) in readings {
            at += Duration::from_secs(15);
            let own = HashMap::from([("app".to_owned(), *own)]);
            changes = activity.note(at, server("up"), vec![("app".into(), reading.clone())], &own)["app"];
        }
        changes
    }

    #[test]
    fn our_own_work_is_no_change() {
        let visited = Reading { transactions: 109, started: 8, ..idle() };
        assert_eq!(changes(&[(idle(), own(0, 0)), (visited.clone(), own(1, 9)), (visited.clone(), own(1, 9))]), 0);
        assert_eq!(changes(&[(idle(), own(0, 0)), (visited.clone(), own(1, 8))]), 1, "one transaction of another");
        assert_eq!(changes(&[(idle(), own(0, 0)), (visited.clone(), own(1, 10))]), 1, "one is not counted yet");
        assert_eq!(changes(&[(idle(), own(0, 0)), (visited, own(0, 9))]), 1, "one session of another");
    }

    #[test]
    fn an_autovacuum_worker_that_finds_nothing_is_no_change() {
        let after = |transactions| changes(&[(idle(), own(0, 0)), (Reading { transactions, ..idle() }, own(0, 0))]);
        assert_eq!([101, 102, 103, 104, 105].map(after), [1, 0, 1, 1, 1]);
        let written = Reading { transactions: 102, writes: vec![1, 3], ..idle() };
        assert_eq!(changes(&[(idle(), own(0, 0)), (written, own(0, 0))]), 1, "an ANALYZE");
    }

    #[test]
    fn after_a_long_time_workers_are_not_told_apart() {
        let minutes = |minutes: u64| idle_workers(Duration::from_secs(60 * minutes), Duration::from_secs(60));
        assert_eq!([0, 1, 2, 3].map(minutes), [1, 2, 3, 0]);
        assert_eq!(idle_workers(Duration::from_secs(1), Duration::ZERO), 0);
    }

    #[test]
    fn each_kind_of_activity_is_a_change() {
        let session = Reading { sessions: Some((1, 7)), ..idle() };
        for (what, before, now) in [
            ("a transaction", idle(), Reading { transactions: 101, ..idle() }),
            ("a reset", idle(), Reading { transactions: 0, ..idle() }),
            ("a session that is gone", idle(), Reading { transactions: 102, started: 8, ..idle() }),
            ("rows", idle(), Reading { writes: vec![1, 3], ..idle() }),
            ("another database of that name", idle(), Reading { oid: 6, ..idle() }),
            ("a new session", idle(), session.clone()),
            ("a session that did something", session.clone(), Reading { sessions: Some((1, 8)), ..idle() }),
            ("a busy session", session.clone(), Reading { busy: true, ..session.clone() }),
            ("a session that goes", session, idle()),
        ] {
            assert_eq!(changes(&[(before, own(0, 4)), (now, own(0, 4))]), 1, "{what}");
        }
        assert_eq!(changes(&[(idle(), own(0, 4)), (idle(), None), (idle(), own(0, 4))]), 2, "our own is not known");
    }

    #[test]
    fn what_happens_to_the_server_changes_every_database() {
        let (mut activity, at) = (Activity::default(), Instant::now());
        let own = HashMap::from([("app".to_owned(), own(0, 3))]);
        let mut note = |state| activity.note(at, server(state), vec![("app".into(), idle())], &own)["app"];
        assert_eq!((note("up"), note("up"), note("restarted"), note("restarted")), (0, 0, 1, 1));
    }
}
