//! The status of a collector, in words.

use reason::Reason;
use tokio::time::Instant;

use super::humanize::duration;
use crate::collector::{Collector, quote};
use crate::exposition::EncodedResult;
use crate::facts::ServerProbe;
use crate::scrape::{CollectorView, Snapshot};

/// Between the status of a collector and the grant that would show more.
pub(super) const TO_SEE_EVERYTHING: &str = "; to see everything: ";

/// The kind of a status; those that need attention come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Its last run failed.
    Failed,
    /// Its result is from an earlier run.
    Stale,
    /// Some of its samples were dropped.
    Flawed,
    /// It has no result, for a reason that is not its own.
    Absent,
    /// Its result is that of the last run.
    Ok,
}

/// The status of a collector in one line.
#[derive(Debug)]
pub(super) struct CollectorStatus {
    pub kind: Kind,
    pub text: String,
}

/// The status of a collector, with the GRANT that is missing, if the role lacks a privilege.
pub(super) fn status(
    collector: &Collector,
    probe: &ServerProbe,
    one: &CollectorView,
    view: &Snapshot,
) -> CollectorStatus {
    let mut status = outcome(one, view);
    if let (Some(sample), Kind::Ok) = (collector.sample, status.kind) {
        status.text.push_str(&format!(", sampled every {} s", sample.as_secs_f64()));
    }
    if let (Some(log), Kind::Ok) = (&collector.log, status.kind) {
        status.text.push_str(&format!(", from the log of {}", log.program.word()));
    }
    let advice = advice(collector, one, view).map(|grant| grant.replace("@user@", &quote(&probe.facts.user)));
    match advice {
        Some(grant) => CollectorStatus { text: format!("{}{TO_SEE_EVERYTHING}{grant}", status.text), ..status },
        None => status,
    }
}

/// The status of a collector of a REST interface.
pub(super) fn rest_status(one: &CollectorView) -> CollectorStatus {
    match &one.result {
        _ if one.state.failure.is_some() => CollectorStatus { kind: Kind::Failed, text: failed(one) },
        Some(result) => fetched(result),
        None => CollectorStatus { kind: Kind::Absent, text: "not run yet".into() },
    }
}

/// The grants that are missing: the one that the server reported, and the one that the collector declares.
fn advice(collector: &Collector, one: &CollectorView, view: &Snapshot) -> Option<String> {
    let error = one.state.failure.as_ref().map(|failure| &failure.error);
    let reported = error.and_then(|error| error.missing_grant.as_ref()).map(|grant| format!("{grant} TO @user@"));
    let forbidden = error.is_some_and(|error| error.reason == Reason::Permission);
    let declared = collector.grant.as_deref().filter(|grant| match membership(grant) {
        Some(role) => {
            let main = view.databases.first().and_then(|main| main.probe.as_deref());
            !main.and_then(|main| main.facts.roles.as_ref()).is_some_and(|roles| roles.contains(role))
        }
        // Whether it was given is not known until a query fails without it.
        None => forbidden && reported.is_none(),
    });
    let grants: Vec<&str> = reported.as_deref().into_iter().chain(declared).collect();
    (!grants.is_empty()).then(|| grants.join("; "))
}

/// The role of `GRANT role TO user`; `None` for a privilege on an object.
fn membership(grant: &str) -> Option<&str> {
    let (role, _) = grant.strip_prefix("GRANT ")?.split_once(" TO ")?;
    (!role.contains(' ')).then_some(role)
}

fn outcome(one: &CollectorView, view: &Snapshot) -> CollectorStatus {
    let new = |kind, text: String| CollectorStatus { kind, text };
    if one.state.failure.is_some() {
        return new(Kind::Failed, failed(one));
    }
    if one.state.in_flight > 0 {
        return new(Kind::Absent, "running".into());
    }
    if one.withheld {
        return new(Kind::Absent, "not exported: a fatal collector of this database failed".into());
    }
    let error = view.up.as_ref().err().or(view.databases[one.database].state.error.as_ref());
    match (&one.result, error) {
        (Some(result), _) if one.success => {
            let state = if one.unchanged { unchanged(result) } else { fetched(result) };
            match &one.state.recovered {
                Some((error, at)) => {
                    let age = duration(at.elapsed());
                    CollectorStatus {
                        text: format!("{}; failed until {age} ago ({}): {error}", state.text, error.reason),
                        ..state
                    }
                }
                None => state,
            }
        }
        (Some(_), None) if one.postponed => new(Kind::Stale, "stale: this scrape had no time for this database".into()),
        // There is no result yet, and the empty one is correct.
        (Some(_), Some(error)) if error.reason == Reason::Starting => new(Kind::Absent, format!("not yet: {error}")),
        // The whole message is shown once for the server.
        (Some(_), Some(error)) => new(Kind::Stale, format!("stale: the last run failed ({})", error.reason)),
        (Some(_), None) => new(Kind::Stale, "stale: there is no newer result".into()),
        (None, Some(error)) => new(Kind::Absent, format!("not exported ({})", error.reason)),
        (None, None) if one.state.last_success.is_some() => {
            new(Kind::Absent, "not exported: the result has expired".into())
        }
        (None, None) => new(Kind::Absent, "not run yet".into()),
    }
}

fn failed(one: &CollectorView) -> String {
    let Some(failure) = &one.state.failure else { return String::new() };
    let wait = failure.next_try.saturating_duration_since(Instant::now());
    let next = if wait.is_zero() { "at the next scrape".into() } else { format!("in {} s", wait.as_secs() + 1) };
    let often = if failure.in_a_row == 1 { String::new() } else { format!(" {} times in a row", failure.in_a_row) };
    let shown = one.age.map_or_else(String::new, |age| format!("; the result of {} s ago is exported", age.as_secs()));
    format!("failed{often} ({}): {}{shown}; next attempt {next}", failure.error.reason, failure.error)
}

fn unchanged(result: &EncodedResult) -> CollectorStatus {
    let state = fetched(result);
    CollectorStatus {
        text: format!("{}; not queried again, since nothing has happened in this database", state.text),
        ..state
    }
}

fn fetched(result: &EncodedResult) -> CollectorStatus {
    if let Some(reason) = &result.skipped {
        return CollectorStatus { kind: Kind::Ok, text: reason.clone() };
    }
    if result.drops.is_empty() {
        let text = match (result.others, result.overflowed) {
            (Some(others), _) if others > 0 => format!("ok, {others} rows aggregated into \"other\""),
            (_, Some(overflowed)) if overflowed > 0 => {
                format!("ok, {overflowed} observations above max_series aggregated into \"other\"")
            }
            _ => "ok".into(),
        };
        return CollectorStatus { kind: Kind::Ok, text };
    }
    let drop = |(why, (count, example)): (&crate::exposition::DropReason, &(u64, String))| {
        format!("{count} {} ({example})", why.word())
    };
    let drops: Vec<String> = result.drops.iter().map(drop).collect();
    CollectorStatus { kind: Kind::Flawed, text: format!("ok, but samples dropped: {}", drops.join(", ")) }
}
