//! The canary of a service in one probe: written through it and read back later, or read through another service.

use std::time::Duration;

use pgclient::Connection;

use super::canaries::Canaries;
use super::canary_row::{self, unix_now};
use super::hop::Hop;
use super::judge::Problem;
use super::judge_canary::{CanaryStep, judge_canary_failure, judge_loss, judge_visibility};
use super::service::{Canary, Service};
use super::table_name::TableName;

/// When a committed write has to be visible through other services, unless they have a `max_lag`.
const DEFAULT_MAX_LAG: Duration = Duration::from_secs(30);

/// What is known of a canary after a probe, and what was counted since the start.
#[derive(Debug, Clone, Default)]
pub(super) struct CanaryState {
    pub writes: u64,
    pub lost: u64,
    /// How long the last write took with its commit, or was waited for.
    pub write_took: Option<Duration>,
    /// Seconds since the row that is visible was written.
    pub age_seconds: Option<f64>,
    /// What this probe found to be lost, in words.
    pub loss: Option<String>,
}

/// Whether the canary is used after this verdict: only on the server that the service promises. A standby that is behind is
/// one, and its canary says how far.
pub(super) fn is_used(service: &Service, problem: Option<&Problem>) -> bool {
    match (&service.canary, problem) {
        (Some(_), None) => true,
        (Some(Canary::Reads { .. }), Some(problem)) => problem.hop == Hop::Lag,
        _ => false,
    }
}

impl CanaryState {
    /// What was counted so far, of a probe that did not use the canary.
    pub(super) fn unused(before: Option<&Self>) -> Self {
        let (writes, lost) = before.map_or((0, 0), |before| (before.writes, before.lost));
        Self { writes, lost, ..Self::default() }
    }

    /// Uses the canary of a service on its connection. Returns what is wrong, if anything is.
    pub(super) async fn probe(
        &mut self,
        service: &Service,
        canaries: &Canaries,
        connection: &Connection,
    ) -> Option<Problem> {
        match &service.canary {
            None => None,
            Some(Canary::Writes(table)) => self.write(service, table, canaries, connection).await,
            Some(Canary::Reads { of, table }) => {
                let limit = service.max_lag.unwrap_or(DEFAULT_MAX_LAG);
                // Before the row is read, so that no write is due that comes meanwhile.
                let due = canaries.due(of, limit);
                match canary_row::read(connection, table, of, service.timeout).await {
                    Err(failure) => Some(judge_canary_failure(CanaryStep::Read, table, &failure)),
                    Ok(found) => {
                        // Clocks are set back, too.
                        self.age_seconds = found.map(|row| (unix_now() - row.written).max(0.0));
                        judge_visibility(of, due, limit, found)
                    }
                }
            }
        }
    }

    async fn write(
        &mut self,
        service: &Service,
        table: &TableName,
        canaries: &Canaries,
        connection: &Connection,
    ) -> Option<Problem> {
        let (name, fingerprint, limit) = (service.name.as_str(), service.fingerprint, service.timeout);
        let found = match canary_row::read(connection, table, name, limit).await {
            Err(failure) => return Some(judge_canary_failure(CanaryStep::Read, table, &failure)),
            Ok(found) => found,
        };
        let last = canaries.last(name, fingerprint);
        self.loss = judge_loss(last, found);
        if self.loss.is_some() {
            self.lost += 1;
            canaries.forget(name);
        }
        let next = last.max(found.map(|row| row.number)).map_or(1, |number| number.saturating_add(1));
        let write = canary_row::write(connection, table, name, next, limit).await;
        self.write_took = Some(write.took);
        match write.result {
            Err(failure) => Some(judge_canary_failure(CanaryStep::Write, table, &failure)),
            Ok(row) => {
                self.writes += 1;
                canaries.confirm(name, fingerprint, row.number);
                None
            }
        }
    }
}
