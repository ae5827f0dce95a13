//! Times to live by name.

use std::time::Duration;

/// The times to live that collector files name by word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    fast: Duration,
    norm: Duration,
    slow: Duration,
    slowest: Duration,
}

impl Default for Tiers {
    fn default() -> Self {
        let [fast, norm, slow, slowest] = [1, 10, 60, 300].map(Duration::from_secs);
        Self { fast, norm, slow, slowest }
    }
}

impl Tiers {
    /// Reads four numbers of seconds, separated by commas.
    ///
    /// # Errors
    /// Other than four, or a negative one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let seconds: Option<Vec<Duration>> = text
            .split(',')
            .map(|part| part.trim().parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()))
            .collect();
        match seconds.as_deref() {
            Some(&[fast, norm, slow, slowest]) => Ok(Self { fast, norm, slow, slowest }),
            _ => Err("expected four numbers of seconds, for fast, norm, slow and slowest".into()),
        }
    }

    /// The longest of them.
    pub(crate) fn slowest(&self) -> Duration {
        self.slowest
    }

    /// The time to live of a tier.
    pub(crate) fn by_name(&self, name: &str) -> Option<Duration> {
        match name {
            "fast" => Some(self.fast),
            "norm" => Some(self.norm),
            "slow" => Some(self.slow),
            "slowest" => Some(self.slowest),
            _ => None,
        }
    }
}
