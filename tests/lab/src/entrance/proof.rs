//! Breaks a hop, waits until the exporter names it, fixes it, and waits until the service is as promised.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use super::broken::Broken;
use super::way::{Entrance, LIMIT, POLL};
use crate::LabError;

/// A broken hop that was named.
pub struct Named {
    pub(super) broken: &'static Broken,
    /// The row of hops on the status page.
    pub row: String,
    /// From the moment that it was broken.
    pub after: Duration,
    /// From the moment that it was fixed until the service was as promised.
    pub well_after: Duration,
    /// The hops at which other probes failed.
    pub others: Vec<String>,
}

/// What the way through a service was like during a clean switchover.
pub struct Switched {
    /// How many probes, one a second, failed at each hop.
    pub failures: BTreeMap<String, f64>,
    /// The first row of hops with one that failed, if there was any.
    pub row: Option<String>,
    /// From the beginning until the service was as promised, with the other primary.
    pub took: Duration,
}

impl Entrance {
    /// Breaks a hop on the host that has the address, until it is named by two probes, and fixes it.
    pub fn prove(&mut self, broken: &'static Broken) -> Result<Named, LabError> {
        self.wait_until_well()?;
        let at = self.holder()?;
        let before = self.failures(broken.service)?;
        (broken.cause)(self, at)?;
        let begin = Instant::now();
        self.wait_for(broken.service, broken.hop, broken.meanwhile)?;
        let (after, row) = (begin.elapsed(), self.row(broken.service)?);
        let count = |failures: &BTreeMap<String, f64>| failures.get(broken.hop).copied().unwrap_or_default();
        self.wait_until(&format!("{} at {} again", broken.service, broken.hop), |it, page| {
            (broken.meanwhile)(it, page)?;
            Ok(count(&page.failures(broken.service)) >= count(&before) + 2.0)
        })?;
        let mended = Instant::now();
        (broken.mend)(self, at)?;
        self.wait_until_well()?;
        let mut others = grown(&before, &self.failures(broken.service)?);
        others.remove(broken.hop);
        let others = others.into_keys().collect();
        Ok(Named { broken, row, after, well_after: mended.elapsed(), others })
    }

    /// Hands the primary's role to the other host, and waits until the address and the service have followed.
    pub fn switch_over(&mut self) -> Result<Switched, LabError> {
        self.wait_until_well()?;
        let from = self.holder()?;
        let before = self.failures(Self::ORDERS)?;
        let begin = Instant::now();
        let end = begin + LIMIT;
        let (row, switched) = thread::scope(|scope| {
            let switching = scope.spawn(|| {
                self.pair.switch_over(from, 1 - from)?;
                self.pair.wait_for(1 - from, LIMIT)
            });
            let mut row = None;
            while row.is_none() && !switching.is_finished() && Instant::now() < end {
                row = self.failing_row();
                thread::sleep(POLL);
            }
            (row, switching.join())
        });
        switched.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        self.wait_until_well()?;
        let failures = grown(&before, &self.failures(Self::ORDERS)?);
        Ok(Switched { failures, row, took: begin.elapsed() })
    }

    /// The row of the service that goes all the way, if a hop of it fails.
    fn failing_row(&self) -> Option<String> {
        let page = self.watch.page(self.hub()).ok()?;
        let fails = page.failing(Self::ORDERS).is_some_and(|hop| !hop.is_empty());
        fails.then(|| self.row(Self::ORDERS).ok()).flatten()
    }
}

/// What has been counted since.
fn grown(before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let more = |(hop, count): (&String, &f64)| (hop.clone(), count - before.get(hop).copied().unwrap_or_default());
    now.iter().map(more).filter(|(_, count)| *count > 0.0).collect()
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, hop, others) = (self.broken.what, self.broken.hop, self.others.join(", "));
        let (after, well) = (self.after.as_secs_f64(), self.well_after.as_secs_f64());
        write!(
            f,
            "{what}: {hop} after {after:.1} s, as promised {well:.1} s after the end; others: {others}\n  {}",
            self.row
        )
    }
}

impl fmt::Display for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, row) = (self.took.as_secs_f64(), self.row.as_deref().unwrap_or("no probe failed"));
        let failures: Vec<String> = self.failures.iter().map(|(hop, count)| format!("{count} at {hop}")).collect();
        write!(f, "clean switchover: {took:.1} s, failed probes: {}\n  {row}", failures.join(", "))
    }
}
