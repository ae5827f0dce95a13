//! Health for load balancers: what the server answered at most a second ago.

use std::time::Duration;

use reason::Reason;

use super::server::ProbeResult;
use crate::error::SourceError;
use crate::facts::{Health, Role};
use crate::source::Source;
use crate::store::Results;

/// How old an answer of the server may be for a health endpoint.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The last answers, by whether the lag was asked for. Concurrent requests share one.
pub(super) struct HealthCache {
    answers: Results<bool, Health>,
}

impl HealthCache {
    pub fn new() -> Self {
        Self { answers: Results::new() }
    }

    /// The health now or at most a second ago; fails when it is not known within `timeout`.
    pub async fn get<S: Source>(&self, source: &S, timeout: Duration, with_lag: bool) -> Result<Health, SourceError> {
        let health = self.answers.get_or_fetch(with_lag, MAX_AGE, source.health(with_lag));
        tokio::time::timeout(timeout, health).await.unwrap_or_else(|_| {
            let message = format!("no answer from {} within {} s", source.target(), timeout.as_secs_f64());
            Err(SourceError::new(Reason::Timeout, message))
        })
    }

    /// Takes over what a scrape has just found.
    pub async fn keep(&self, found: &ProbeResult) {
        let health = found.as_ref().ok().filter(|found| found.fault.is_none()).map(|found| found.health());
        for with_lag in [false, true] {
            match health {
                // A lag that is not known may be known to a probe that asks for nothing else.
                Some(health) if !with_lag || health.role != Role::Standby || health.lag_seconds.is_some() => {
                    self.answers.keep(with_lag, health, MAX_AGE).await;
                }
                _ => self.answers.forget(&with_lag).await,
            }
        }
    }

    /// Lets the answers expire.
    #[cfg(test)]
    pub async fn expire(&self) {
        for with_lag in [false, true] {
            self.answers.forget(&with_lag).await;
        }
    }
}
