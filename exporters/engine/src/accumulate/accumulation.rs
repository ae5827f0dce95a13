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
    /// Whether something has failed since, so that nobody knows what was in between.
    has_gap: bool,
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

    /// Its totals as they are, if there are some.
    pub fn existing(&mut self) -> Option<&mut Accumulator> {
        self.accumulator.as_mut()
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
        (self.read_at, self.has_gap, self.took, self.failures) = (Some(now), false, took, None);
    }

    /// Notes that it could not be read.
    pub fn failed(&mut self, error: SourceError) {
        let before = self.failures.take().map_or(0, |(count, _)| count);
        self.failures = Some((before.saturating_add(1), error));
        self.has_gap = true;
    }

    /// Notes that there is nothing to be read for a while.
    pub fn interrupted(&mut self) {
        self.has_gap = true;
    }

    /// The time since it was read that a sample of now stands for, `most` at most, and the rest. After a failure it stands
    /// for none of it.
    pub fn since_last(&self, now: Instant, most: Duration) -> (Duration, Duration) {
        let Some(since) = self.read_at.map(|at| now - at) else { return (Duration::ZERO, Duration::ZERO) };
        let counted = if self.has_gap { Duration::ZERO } else { since.min(most) };
        (counted, since - counted)
    }

    /// Why it cannot be read, unless that may pass.
    pub fn failing(&self) -> Option<&SourceError> {
        let (count, error) = self.failures.as_ref()?;
        (*count >= FAILURES || self.read_at.is_none()).then_some(error)
    }
}
