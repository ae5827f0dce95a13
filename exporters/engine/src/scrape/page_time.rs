//! How long it takes to make a page and to send it, as the last ones took.

use std::time::Duration;

use parking_lot::Mutex;

/// Each result takes so long before the first page was made.
const AT_FIRST: Duration = Duration::from_micros(200);
/// Of the last pages the slowest counts, a little less with each further one.
const MEMORY: f64 = 0.8;
/// The next page may take longer than the last by this factor.
const SAFETY: f64 = 2.0;
/// Of a smaller page, most of the time is not spent on its results.
const SMALL: usize = 100;
/// So much is within the margin that the deadline of a scrape has.
const WITHIN_MARGIN: Duration = Duration::from_millis(200);
/// No page takes more than this part of the time that its scrape has.
const LARGEST_PART: f64 = 0.5;

/// What one result takes, by the last pages.
#[derive(Debug)]
pub(super) struct PageTime {
    making: Mutex<f64>,
    sending: Mutex<f64>,
}

impl Default for PageTime {
    fn default() -> Self {
        Self { making: Mutex::new(AT_FIRST.as_secs_f64()), sending: Mutex::default() }
    }
}

impl PageTime {
    /// Notes how long it took to make a page of so many results.
    pub fn note_made(&self, results: usize, took: Duration) {
        note(&mut self.making.lock(), results, took);
    }

    /// Notes how long it took to send it.
    pub fn note_sent(&self, results: usize, took: Duration) {
        note(&mut self.sending.lock(), results, took);
    }

    /// The time before the deadline that is kept for a page of so many results, of a scrape that has `allowed`.
    pub fn reserve(&self, results: usize, allowed: Duration) -> Duration {
        let seconds = SAFETY * (*self.making.lock() + *self.sending.lock()) * results as f64;
        let largest = allowed.mul_f64(LARGEST_PART);
        let expected = Duration::try_from_secs_f64(seconds).map_or(largest, |expected| expected.min(largest));
        expected.saturating_sub(WITHIN_MARGIN)
    }
}

fn note(seconds: &mut f64, results: usize, took: Duration) {
    *seconds = (took.as_secs_f64() / results.max(SMALL) as f64).max(*seconds * MEMORY);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Duration = Duration::from_secs(10);

    #[test]
    fn a_small_page_takes_nothing_off_its_scrape() {
        let time = PageTime::default();
        assert_eq!(time.reserve(100, ALLOWED), Duration::ZERO);
        time.note_made(100, Duration::from_millis(20));
        assert_eq!(time.reserve(100, ALLOWED), Duration::ZERO);
    }

    #[test]
    fn the_time_grows_with_the_page_and_follows_the_last_ones() {
        let time = PageTime::default();
        time.note_made(1000, Duration::from_millis(500));
        assert_eq!(time.reserve(2000, ALLOWED).as_millis(), 1800);
        assert_eq!(time.reserve(100_000, ALLOWED).as_millis(), 4800, "half of the time");
        time.note_sent(1000, Duration::from_millis(500));
        assert_eq!(time.reserve(2000, ALLOWED).as_millis(), 3800);
        for _ in 0..30 {
            time.note_sent(1000, Duration::from_millis(1));
            time.note_made(1000, Duration::from_millis(10));
        }
        assert!(time.reserve(2000, ALLOWED).is_zero());
    }
}
