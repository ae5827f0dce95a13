//! The last scrapes, for the page that people read: how long each took, what it brought, what it lacked.

use std::collections::VecDeque;

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How many scrapes are remembered: a quarter of an hour at the usual interval.
pub(crate) const REMEMBERED: usize = 60;

/// One scrape that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Scrape {
    /// When it was answered.
    pub at: Instant,
    /// The time that it had.
    pub allowed: Duration,
    /// Bytes of the page as it was sent.
    pub bytes: u64,
    pub gzip: bool,
    /// What it brought of each server, in the order of the targets.
    pub servers: Vec<Outcome>,
}

/// What a scrape brought of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Until this server's part was there, or its time was over.
    pub took: Duration,
    pub up: bool,
    /// Collectors, counted in each database.
    pub planned: usize,
    pub failed: usize,
    /// Those that were read now; the others came from the cache.
    pub fetched: usize,
    pub series: usize,
}

/// The last scrapes.
#[derive(Debug, Default)]
pub(crate) struct History {
    scrapes: Mutex<VecDeque<Scrape>>,
}

impl History {
    /// Remembers one more, and forgets the oldest if there are too many.
    pub fn note(&self, scrape: Scrape) {
        let mut scrapes = self.scrapes.lock();
        if scrapes.len() == REMEMBERED {
            scrapes.pop_front();
        }
        scrapes.push_back(scrape);
    }

    /// All that are remembered, the oldest first.
    pub fn scrapes(&self) -> Vec<Scrape> {
        self.scrapes.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let history = History::default();
        for bytes in 0..REMEMBERED as u64 + 5 {
            let (at, allowed) = (Instant::now(), Duration::ZERO);
            history.note(Scrape { at, allowed, bytes, gzip: false, servers: Vec::new() });
        }
        let bytes: Vec<u64> = history.scrapes().iter().map(|scrape| scrape.bytes).collect();
        assert_eq!((bytes.len(), bytes[0], bytes[REMEMBERED - 1]), (60, 5, 64));
    }
}
