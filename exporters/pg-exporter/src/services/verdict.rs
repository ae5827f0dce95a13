//! What a probe says of a service, in the light of those before it.

use engine::Reason;

use super::judge::{Problem, judge_answer, judge_failure};
use super::primaries::Primaries;
use super::probe::Probed;
use super::service::Service;

/// What a probe says of a service, and what the next one has to know.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    /// The hop that fails now.
    pub problem: Option<Problem>,
    is_pooled: bool,
    primaries: Primaries,
}

impl Verdict {
    /// The verdict on a probe. `own_cluster` is the system identifier that is expected, if it is known.
    pub(super) fn after(before: Option<&Self>, service: &Service, probed: &Probed, own_cluster: Option<&str>) -> Self {
        let is_pooled = probed.is_pooled.unwrap_or_else(|| before.is_some_and(|before| before.is_pooled));
        let mut primaries = before.map(|before| before.primaries.clone()).unwrap_or_default();
        let problem = match &probed.result {
            Ok(answer) => {
                let is_split = !answer.in_recovery && primaries.answered(answer.started);
                judge_answer(service, answer, own_cluster, is_split)
            }
            Err(failure) => {
                let last = before.and_then(|before| before.problem.clone());
                // It is still the connection of that probe which has no end.
                let goes_on =
                    last.filter(|last| failure.reason == Reason::BackendsNotEnded && last.hop.may_keep_session());
                Some(goes_on.unwrap_or_else(|| judge_failure(failure, is_pooled)))
            }
        };
        Self { problem, is_pooled, primaries }
    }
}
