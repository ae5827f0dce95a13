//! How scrapers want their pages, so that results are kept in no other way.

use std::sync::atomic::{AtomicU64, Ordering};

/// For how many scrapes lines are kept in a way that none of these has asked for.
const LATELY: u64 = 10;

/// What the last scrapes asked for.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    scrapes: AtomicU64,
    /// The last scrape without and with compression; 0 is none.
    plain: AtomicU64,
    deflated: AtomicU64,
}

/// How lines are to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub plain: bool,
    pub deflated: bool,
}

impl Demand {
    /// Notes a scrape.
    pub fn note(&self, gzip: bool) {
        let scrape = self.scrapes.fetch_add(1, Ordering::Relaxed) + 1;
        let last = if gzip { &self.deflated } else { &self.plain };
        last.fetch_max(scrape, Ordering::Relaxed);
    }

    /// How scrapers have wanted their pages lately.
    pub fn wanted(&self) -> Wanted {
        let scrapes = self.scrapes.load(Ordering::Relaxed);
        let lately = |last: &AtomicU64| match last.load(Ordering::Relaxed) {
            0 => false,
            last => scrapes.saturating_sub(last) < LATELY,
        };
        Wanted { plain: lately(&self.plain), deflated: lately(&self.deflated) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_lately_is_not_wanted() {
        let demand = Demand::default();
        let wanted = || (demand.wanted().plain, demand.wanted().deflated);
        assert_eq!(wanted(), (false, false));
        demand.note(false);
        assert_eq!(wanted(), (true, false));
        for _ in 1..LATELY {
            demand.note(true);
            assert_eq!(wanted(), (true, true));
        }
        demand.note(true);
        assert_eq!(wanted(), (false, true));
        demand.note(false);
        assert_eq!(wanted(), (true, true));
    }
}
