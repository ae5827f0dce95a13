//! Who scrapes: a new label set begins with 0 for each scraper, also where two of them share collections.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::accumulate::Shown;

/// One that has not come for so many of its intervals has gone.
const GONE_AFTER: u32 = 3;
/// Nobody is waited for longer than this: a person who looked twice would hold label sets at 0.
const LONGEST: Duration = Duration::from_secs(180);
/// More are not distinguished.
const MOST: usize = 32;

/// A scraper by what its requests have in common: address and program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ScraperId(pub String);

/// The scrapes of one server, by number, and who made them.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Scrapers(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The number of the last scrape.
    last: u64,
    known: HashMap<ScraperId, Known>,
}

#[derive(Debug)]
struct Known {
    /// Its last scrape, and the one before: that was answered.
    last: u64,
    answered: u64,
    at: Instant,
    /// Between its last two; `None` for one that came once.
    interval: Option<Duration>,
}

impl Scrapers {
    /// Notes a scrape that begins; by nobody if a page of ours asks.
    pub fn note(&self, scraper: Option<&ScraperId>, now: Instant) {
        let mut inner = self.0.lock();
        inner.last += 1;
        let last = inner.last;
        let Some(scraper) = scraper else { return };
        inner.known.retain(|_, one| {
            let expected = one.interval.map_or(LONGEST, |interval| interval.saturating_mul(GONE_AFTER));
            now < one.at + expected.min(LONGEST)
        });
        if let Some(known) = inner.known.get_mut(scraper) {
            (known.answered, known.interval) = (known.last, Some(now - known.at));
            (known.last, known.at) = (last, now);
        } else if inner.known.len() < MOST {
            inner.known.insert(scraper.clone(), Known { last, answered: 0, at: now, interval: None });
        }
    }

    /// Which scrapes have been seen by all that come again and again.
    pub fn shown(&self) -> Shown {
        let inner = self.0.lock();
        let regular = inner.known.values().filter(|one| one.interval.is_some());
        let before = inner.last.saturating_sub(1);
        Shown { scrape: inner.last, to_all: regular.map(|one| one.answered).fold(before, u64::min) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_rarely_holds_nothing_up_and_takes_no_place() {
        let (scrapers, begun) = (Scrapers::default(), Instant::now());
        for at in 0..100 {
            sees(&scrapers, begun, at * 600, &format!("person {}", at % 2), &mut Some(0));
        }
        assert_eq!(scrapers.0.lock().known.len(), 1);
        let mut first = None;
        assert!(!sees(&scrapers, begun, 60_000, "a", &mut first));
        assert!(sees(&scrapers, begun, 60_015, "a", &mut first));
    }

    /// Whether the scraper sees what was shown in that scrape for the first time as it is, in a scrape at that second.
    fn sees(scrapers: &Scrapers, begun: Instant, seconds: u64, who: &str, first: &mut Option<u64>) -> bool {
        scrapers.note(Some(&ScraperId(who.to_owned())), begun + Duration::from_secs(seconds));
        let shown = scrapers.shown();
        *first.get_or_insert(shown.scrape) <= shown.to_all
    }

    #[test]
    fn one_scraper_sees_the_beginning_once() {
        let (scrapers, begun) = (Scrapers::default(), Instant::now());
        let mut first = None;
        let seen: Vec<bool> = (0..4).map(|at| sees(&scrapers, begun, at * 15, "a", &mut first)).collect();
        assert_eq!(seen, [false, true, true, true]);
    }

    #[test]
    fn each_of_two_scrapers_sees_the_beginning() {
        let (scrapers, begun) = (Scrapers::default(), Instant::now());
        for at in 0..3 {
            for who in ["a", "b"] {
                sees(&scrapers, begun, at * 15, who, &mut Some(0));
            }
        }
        let mut first = None;
        assert!(!sees(&scrapers, begun, 45, "a", &mut first));
        assert!(!sees(&scrapers, begun, 52, "b", &mut first));
        sees(&scrapers, begun, 60, "a", &mut first);
        assert!(sees(&scrapers, begun, 67, "b", &mut first));
        assert!(sees(&scrapers, begun, 75, "a", &mut first));
    }

    #[test]
    fn one_that_is_gone_or_came_once_holds_nothing_up() {
        let (scrapers, begun) = (Scrapers::default(), Instant::now());
        for (at, who) in [(0, "gone"), (15, "gone"), (20, "person"), (60, "a"), (75, "a")] {
            sees(&scrapers, begun, at, who, &mut Some(0));
        }
        let mut first = None;
        assert!(!sees(&scrapers, begun, 90, "a", &mut first));
        assert!(sees(&scrapers, begun, 105, "a", &mut first));
    }
}
