//! What is known of a service after its last probe.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::Detail;
use pgclient::{LoginStep, LoginTimes};

use super::answer::Answer;
use super::canary::CanaryState;
use super::hop::Hop;
use super::judge::Problem;
use super::probe::Probed;
use super::service::Service;
use super::verdict::Verdict;

/// What is known of a service after its last probe, and what was counted since the start.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub times: LoginTimes,
    pub query: Option<Duration>,
    pub answer: Option<Answer>,
    pub verdict: Verdict,
    pub canary: CanaryState,
    /// Since when it fails at a hop, or is well.
    since: Instant,
    pub probes: u64,
    pub failures: BTreeMap<Hop, u64>,
}

impl Report {
    /// The report after a probe.
    pub(super) fn after(before: Option<&Self>, probed: Probed, verdict: Verdict, canary: CanaryState) -> Self {
        let problem = verdict.problem.as_ref();
        let hop = |problem: Option<&Problem>| problem.map(|problem| problem.hop);
        let same = before.filter(|before| hop(before.problem()) == hop(problem));
        let mut failures = before.map(|before| before.failures.clone()).unwrap_or_default();
        if let Some(problem) = problem {
            *failures.entry(problem.hop).or_default() += 1;
        }
        Self {
            since: same.map_or_else(Instant::now, |before| before.since),
            probes: before.map_or(0, |before| before.probes) + 1,
            times: probed.times,
            query: probed.query,
            answer: probed.result.ok(),
            failures,
            verdict,
            canary,
        }
    }

    /// The hop that fails now.
    pub(super) fn problem(&self) -> Option<&Problem> {
        self.verdict.problem.as_ref()
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
        let write = self.canary.write_took.map(|took| step(&("canary", took)));
        let age = self.canary.age_seconds.map(|age| format!("canary of {age:.1} s ago"));
        hops.extend(write.into_iter().chain(age));
        hops.extend(self.problem().map(|problem| format!("{}: {}", problem.hop.word(), problem.message)));
        Detail {
            name: format!("service {}", service.name),
            state: hops.join(" → "),
            well: self.problem().is_none(),
            since: Some(self.since),
        }
    }
}
