//! What is remembered of an accumulated collector: its totals, and how they were last read.

use std::time::Duration;

use tokio::time::Instant;

use super::Accumulator;
use crate::collector::Collector;
use crate::error::SourceError;
use crate::facts::Version;

/// After so many failures in a row its totals are no longer those of now.
const FAILURES: u32 = 3;

/// What is remembered of an accumulated collector in a database.
#[derive(Debug, Default)]
pub(crate) struct Accumulation {
    accumulator: Option<Accumulator>,
    /// When it was last read.
    read_at: Option<Instant>,
    /// How long the source worked on that.
    took: Duration,
    /// The failures since, and the last one.
    failures: Option<(u32, SourceError)>,
}

impl Accumulation {
    /// Its totals; new ones if the columns are others than before, as after an upgrade.
    pub fn accumulator(&mut self, collector: &Collector, version: Version) -> &mut Accumulator {
        let fitting = self.accumulator.take().filter(|accumulator| accumulator.fits(collector, version));
        self.accumulator.insert(fitting.unwrap_or_else(|| Accumulator::new(collector, version)))
    }

    /// When it was last read.
    pub fn read_at(&self) -> Option<Instant> {
        self.read_at
    }

    /// How long the source worked on that.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Notes that it was read.
    pub fn succeeded(&mut self, now: Instant, took: Duration) {
        (self.read_at, self.took, self.failures) = (Some(now), took, None);
    }

    /// Notes that it could not be read. Returns whether that is news.
    pub fn failed(&mut self, error: SourceError) -> bool {
        let before = self.failures.take();
        let news = before.as_ref().is_none_or(|(_, before)| before.reason != error.reason);
        self.failures = Some((before.map_or(1, |(count, _)| count.saturating_add(1)), error));
        news
    }

    /// Why it cannot be read, unless that may pass.
    pub fn failing(&self) -> Option<&SourceError> {
        let (count, error) = self.failures.as_ref()?;
        (*count >= FAILURES || self.read_at.is_none()).then_some(error)
    }
}
