//! A branch with nothing but settings: it changes them in the branch of that name that an earlier file defines.

use std::sync::Arc;
use std::time::Duration;

use super::Collector;
use super::diagnostic::Diagnostics;
use super::fields::Fields;
use super::keys::COLLECTOR;
use super::sample::read_sample;
use super::yaml::{Kind, Node, Position};
use crate::tiers::Tiers;

/// The keys that can be changed without the query being written again.
const SETTINGS: [&str; 6] = ["skip", "ttl", "sample", "timeout", "stale", "max_series"];
/// Those that a collector with `query_of` takes from the other one.
const SHARED: &str = "ttl, sample and timeout";

/// New settings of a branch; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub key: Arc<str>,
    pub position: Position,
    skip: Option<bool>,
    ttl: Option<Duration>,
    sample: Option<Duration>,
    timeout: Option<Duration>,
    stale: Option<Duration>,
    max_series: Option<usize>,
}

impl Change {
    /// Whether a branch has nothing but settings.
    pub(super) fn is_one(body: &Node) -> bool {
        let Kind::Map(entries) = &body.kind else { return false };
        !entries.is_empty() && entries.iter().all(|(key, _)| key.scalar().is_some_and(|key| SETTINGS.contains(&key)))
    }

    /// Reads such a branch; a value that is wrong is told and leaves its setting as it is.
    pub(super) fn read(
        key: &str,
        position: Position,
        body: &Node,
        tiers: &Tiers,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let fields = Fields::read(body, &format!("branch {key}"), &COLLECTOR, diagnostics)?;
        Some(Self {
            key: key.into(),
            position,
            skip: fields.truth("skip"),
            ttl: fields.period("ttl", tiers),
            sample: read_sample(key, &fields, diagnostics),
            timeout: fields.timeout(),
            stale: fields.period("stale", tiers),
            max_series: fields.count("max_series"),
        })
    }

    /// Changes the collector; what it shares with another one's query stays and is named.
    pub fn apply(&self, collector: &mut Collector) -> Result<(), String> {
        collector.skip = self.skip.unwrap_or(collector.skip);
        collector.stale = self.stale.unwrap_or(collector.stale);
        collector.max_series = self.max_series.or(collector.max_series);
        if let (Some(of), true) = (&collector.query_of, self.ttl.or(self.sample).or(self.timeout).is_some()) {
            return Err(format!("branch {} takes {} from branch {of}: change it there", self.key, SHARED));
        }
        match (collector.sample, self.sample) {
            (None, Some(_)) => return Err(format!("branch {} is not sampled: expected ttl", self.key)),
            (Some(_), None) if self.ttl.or(self.stale).is_some() => {
                return Err(format!("branch {} is sampled: expected sample", self.key));
            }
            _ => collector.sample = self.sample.or(collector.sample),
        }
        collector.ttl = self.ttl.unwrap_or(collector.ttl);
        collector.timeout = self.timeout.unwrap_or(collector.timeout);
        Ok(())
    }
}
