//! When a sampled collector is due, and how it backs off. Pure: time comes in as a value.

use std::time::Duration;

use tokio::time::Instant;

/// A sample that takes more than this part of the time between samples doubles that time.
const SLOW_PART: f64 = 0.1;
/// The most that the time between samples grows.
const LARGEST_FACTOR: u32 = 16;
/// After so many quick samples the time between samples is halved again.
const QUICK_SAMPLES: u32 = 10;
/// A sample stands for at most so many times the time between samples; what is beyond is counted as not sampled.
const LARGEST_GAP: u32 = 10;

/// The pace of one sampled collector.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// The time between samples that its file asks for.
    wanted: Duration,
    /// How many times longer it is now.
    factor: u32,
    /// Quick samples in a row.
    quick: u32,
    pub due: Instant,
}

impl Pace {
    /// Due at once.
    pub fn new(wanted: Duration, now: Instant) -> Self {
        Self { wanted, factor: 1, quick: 0, due: now }
    }

    /// The time between samples now.
    pub fn interval(&self) -> Duration {
        self.wanted * self.factor
    }

    /// The most time that one sample may stand for.
    pub fn largest_gap(&self) -> Duration {
        (self.wanted * LARGEST_GAP).max(self.interval() * 2)
    }

    /// Plans the next sample after one that took so long on the server; `None`: it failed, or there was no answer.
    pub fn sampled(&mut self, took: Option<Duration>, now: Instant) {
        let limit = self.interval().mul_f64(SLOW_PART);
        match took {
            Some(took) if took <= limit => {
                // A quick one at half the time between samples would be so as well.
                self.quick = if took <= limit / 2 { self.quick + 1 } else { 0 };
                if self.quick >= QUICK_SAMPLES && self.factor > 1 {
                    (self.factor, self.quick) = (self.factor / 2, 0);
                }
            }
            _ => (self.factor, self.quick) = ((self.factor * 2).min(LARGEST_FACTOR), 0),
        }
        self.postpone(now);
    }

    /// Plans the next sample in place of one that was not taken.
    pub fn postpone(&mut self, now: Instant) {
        let next = self.due + self.interval();
        // Samples that were missed are not made up for.
        self.due = if next > now { next } else { now + self.interval() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn slow_samples_double_the_interval_and_quick_ones_halve_it_again() {
        let now = Instant::now();
        let mut pace = Pace::new(SECOND, now);
        for expected in [2, 4, 8, 16, 16] {
            pace.sampled(Some(pace.interval().mul_f64(0.2)), now);
            assert_eq!(pace.interval(), SECOND * expected);
        }
        pace.sampled(None, now);
        assert_eq!(pace.interval(), SECOND * 16);
        for expected in [8, 4, 2, 1, 1] {
            (0..QUICK_SAMPLES).for_each(|_| pace.sampled(Some(Duration::from_millis(1)), now));
            assert_eq!(pace.interval(), SECOND * expected);
        }
    }

    #[test]
    fn a_sample_at_the_edge_changes_nothing() {
        let now = Instant::now();
        let mut pace = Pace::new(SECOND, now);
        pace.sampled(None, now);
        for _ in 0..3 * QUICK_SAMPLES {
            pace.sampled(Some(Duration::from_millis(150)), now);
            assert_eq!(pace.interval(), SECOND * 2);
        }
    }

    #[test]
    fn missed_samples_are_not_made_up_for() {
        let now = Instant::now();
        let mut pace = Pace::new(SECOND, now);
        pace.sampled(Some(Duration::ZERO), now + Duration::from_millis(300));
        assert_eq!(pace.due, now + SECOND);
        pace.postpone(now + SECOND * 7);
        assert_eq!(pace.due, now + SECOND * 8);
        assert_eq!(pace.largest_gap(), SECOND * 10);
    }
}
