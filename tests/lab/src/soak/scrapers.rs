//! Scrapers without a pause, and what they got.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use lab::chaos::{Answer, DEADLINE};

use super::sample::Second;

/// More than one, so that there is always one that asks while another one reads its answer.
const SCRAPERS: usize = 4;

/// Failures that are told.
const TOLD: usize = 5;

/// What all scrapers got so far.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    stopped: bool,
    so_far: Second,
    budget: u64,
    failures: Vec<String>,
}

/// Starts them; they end with [`Tally::stop`].
pub fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    exporter: SocketAddr,
    tally: &'scope Tally,
) -> Vec<ScopedJoinHandle<'scope, ()>> {
    let scrape = move || {
        while !tally.is_stopped() {
            tally.count(&Answer::of(exporter));
        }
    };
    (0..SCRAPERS).map(|_| scope.spawn(scrape)).collect()
}

impl Tally {
    /// Lets the scrapers end.
    pub fn stop(&self) {
        self.counts().stopped = true;
    }

    /// Whether they end.
    pub fn is_stopped(&self) -> bool {
        self.counts().stopped
    }

    /// The scrapes so far, with the slowest since this was last asked.
    pub fn so_far(&self) -> Second {
        let mut counts = self.counts();
        let so_far = counts.so_far.clone();
        counts.so_far.slowest_ms = 0.0;
        so_far
    }

    /// The most sessions that the exporter allowed itself.
    pub fn budget(&self) -> u64 {
        self.counts().budget
    }

    /// The first failures.
    pub fn failures(&self) -> Vec<String> {
        self.counts().failures.clone()
    }

    fn count(&self, answer: &Answer) {
        let mut counts = self.counts();
        counts.so_far.scrapes += 1;
        counts.so_far.slowest_ms = counts.so_far.slowest_ms.max(answer.elapsed.as_secs_f64() * 1e3);
        let failure = match (&answer.page, answer.status) {
            (Ok(page), Some(200)) if answer.elapsed < DEADLINE => {
                counts.so_far.down += u64::from(!page.is_up());
                let budget = page.value("pg_exporter_connections_budget").unwrap_or_default() as u64;
                counts.budget = counts.budget.max(budget);
                return;
            }
            (Ok(_), status) => format!("status {status:?} after {:?}", answer.elapsed),
            (Err(error), _) => error.clone(),
        };
        counts.so_far.failed += 1;
        if counts.failures.len() < TOLD {
            counts.failures.push(failure);
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
