//! What is known of a service after its last probe.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::{Detail, Reason};
use pgclient::{LoginStep, LoginTimes};

use super::answer::Answer;
use super::hop::Hop;
use super::judge::{Problem, judge_answer, judge_failure};
use super::primaries::Primaries;
use super::probe::Probed;
use super::service::Service;

/// What is known of a service after its last probe, and what was counted since the start.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub times: LoginTimes,
    pub query: Option<Duration>,
    pub answer: Option<Answer>,
    /// The hop that fails now.
    pub problem: Option<Problem>,
    /// Since when it fails there, or is well.
    since: Instant,
    pub probes: u64,
    pub failures: BTreeMap<Hop, u64>,
    is_pooled: bool,
    primaries: Primaries,
}

impl Report {
    /// The report after a probe. `own_cluster` is the system identifier that is expected, if it is known.
    pub(super) fn after(before: Option<&Self>, service: &Service, probed: Probed, own_cluster: Option<&str>) -> Self {
        let is_pooled = probed.is_pooled.unwrap_or_else(|| before.is_some_and(|before| before.is_pooled));
        let mut primaries = before.map(|before| before.primaries.clone()).unwrap_or_default();
        let (answer, problem) = match probed.result {
            Ok(answer) => {
                let is_split = !answer.in_recovery && primaries.answered(answer.started);
                let problem = judge_answer(service, &answer, own_cluster, is_split);
                (Some(answer), problem)
            }
            Err(failure) => {
                let last = before.and_then(|before| before.problem.clone());
                // It is still the connection of that probe which has no end.
                let goes_on =
                    last.filter(|last| failure.reason == Reason::BackendsNotEnded && !last.hop.is_after_answer());
                (None, Some(goes_on.unwrap_or_else(|| judge_failure(&failure, is_pooled))))
            }
        };
        let hop = |problem: &Option<Problem>| problem.as_ref().map(|problem| problem.hop);
        let same = before.filter(|before| hop(&before.problem) == hop(&problem));
        let mut failures = before.map(|before| before.failures.clone()).unwrap_or_default();
        if let Some(problem) = &problem {
            *failures.entry(problem.hop).or_default() += 1;
        }
        Self {
            since: same.map_or_else(Instant::now, |before| before.since),
            probes: before.map_or(0, |before| before.probes) + 1,
            times: probed.times,
            query: probed.query,
            answer,
            problem,
            failures,
            is_pooled,
            primaries,
        }
    }

    /// Whether a query was answered.
    pub(super) fn is_up(&self) -> bool {
        self.answer.is_some()
    }

    /// How long each completed step took, and the query.
    pub(super) fn steps(&self) -> Vec<(&'static str, Duration)> {
        let word = |step| match step {
            LoginStep::Resolve => "resolve",
            LoginStep::Connect => "connect",
            LoginStep::Tls => "tls",
            LoginStep::Login => "login",
        };
        let steps = self.times.steps.iter().map(|(step, took)| (word(*step), *took));
        steps.chain(self.query.map(|took| ("query", took))).collect()
    }

    /// The way as a row of hops, for a person.
    pub(super) fn detail(&self, service: &Service) -> Detail {
        let step = |(step, took): &(&str, Duration)| format!("{step} {:.1} ms", took.as_secs_f64() * 1e3);
        let mut hops: Vec<String> = self.steps().iter().map(step).collect();
        hops.extend(self.answer.as_ref().map(|answer| match answer.lag_seconds {
            Some(lag) => format!("{}, {lag:.1} s behind", answer.whom()),
            None => answer.whom(),
        }));
        hops.extend(self.problem.as_ref().map(|problem| format!("{}: {}", problem.hop.word(), problem.message)));
        Detail {
            name: format!("service {}", service.name),
            state: hops.join(" → "),
            well: self.problem.is_none(),
            since: Some(self.since),
        }
    }
}
