//! Whether two primaries answer on one service in turn.

use std::collections::VecDeque;

/// How many answers are remembered.
const REMEMBERED: usize = 20;

/// The primaries that answered on a service, the last one at the end; told apart by the time of their start.
///
/// A primary that is demoted has to restart, so one that answers again after another one was never demoted.
#[derive(Debug, Clone, Default)]
pub(super) struct Primaries(VecDeque<f64>);

impl Primaries {
    /// Takes a primary's answer. Returns whether a primary answers again after another one.
    pub(super) fn answered(&mut self, started: f64) -> bool {
        self.0.push_back(started);
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
        let mut runs: Vec<f64> = self.0.iter().copied().collect();
        runs.dedup();
        runs.iter().enumerate().any(|(at, one)| runs[..at].contains(one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switchover_and_back_is_no_split() {
        let mut primaries = Primaries::default();
        // The first one has restarted when it is the primary again.
        assert!([1.0, 1.0, 2.0, 2.0, 3.0].into_iter().all(|started| !primaries.answered(started)));
        assert!(primaries.answered(2.0));
        // As long as it is remembered.
        assert!(primaries.answered(2.0));
        assert!((0..REMEMBERED).any(|_| !primaries.answered(2.0)));
    }
}
