//! What became of a collector, in words for a person.

use std::time::Instant;

use reason::Reason;

use super::humanize::duration;
use crate::collector::{Collector, quote};
use crate::exposition::EncodedResult;
use crate::facts::ServerFacts;
use crate::scrape::{CollectorView, Snapshot};

/// What became of a collector; what needs a person comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It was tried and there was no result.
    Failed,
    /// What is shown is from before.
    Held,
    /// Some of its samples were dropped.
    Flawed,
    /// Nothing of it is shown, and that is no fault of its own.
    Absent,
    Ok,
}

/// One line on what became of a collector.
#[derive(Debug)]
pub(super) struct CollectorStatus {
    pub kind: Kind,
    pub text: String,
}

/// The state of a collector, with what to grant if the role is not let at something.
pub(super) fn status(
    collector: &Collector,
    facts: &ServerFacts,
    one: &CollectorView,
    view: &Snapshot,
) -> CollectorStatus {
    let status = outcome(one, view);
    let forbidden = one.state.failure.as_ref().is_some_and(|failure| failure.error.reason == Reason::Permission);
    let Some(grant) = collector.grant.as_deref() else { return status };
    let role = grant.strip_prefix("GRANT ").and_then(|rest| rest.split_once(" TO ")).map(|(role, _)| role);
    // Of a grant that is no membership nobody knows whether it was given, until it is missed.
    let gives_more = role.is_some_and(|role| !role.contains(' ') && !facts.roles.contains(role));
    if forbidden || gives_more {
        let text = format!("{}; to let it see all: {}", status.text, grant.replace("@user@", &quote(&facts.user)));
        CollectorStatus { text, ..status }
    } else {
        status
    }
}

fn outcome(one: &CollectorView, view: &Snapshot) -> CollectorStatus {
    let said = |kind, text: String| CollectorStatus { kind, text };
    if one.state.failure.is_some() {
        return said(Kind::Failed, failed(one));
    }
    if one.state.in_flight {
        return said(Kind::Absent, "running".into());
    }
    if one.withheld {
        return said(Kind::Absent, "withheld: a collector of this database is fatal and has failed".into());
    }
    let trouble = view.up.as_ref().err().or(view.databases[one.database].state.error.as_ref());
    match (&one.result, trouble) {
        (Some(result), _) if one.success => {
            let state = fetched(result);
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
        // Nothing has come yet, and nothing is what is shown.
        (Some(_), Some(error)) if error.reason == Reason::Starting => said(Kind::Absent, format!("not yet: {error}")),
        // The whole message stands above all of them.
        (Some(_), Some(error)) => said(Kind::Held, format!("held: the last run failed ({})", error.reason)),
        (Some(_), None) => said(Kind::Held, "held: there is no newer result".into()),
        (None, Some(error)) => said(Kind::Absent, format!("not shown ({})", error.reason)),
        (None, None) if one.state.last_success.is_some() => said(Kind::Absent, "not shown: no longer fresh".into()),
        (None, None) => said(Kind::Absent, "not run yet".into()),
    }
}

fn failed(one: &CollectorView) -> String {
    let Some(failure) = &one.state.failure else { return String::new() };
    let wait = failure.next_try.saturating_duration_since(Instant::now());
    let next = if wait.is_zero() { "at the next scrape".into() } else { format!("in {} s", wait.as_secs() + 1) };
    let often = if failure.in_a_row == 1 { String::new() } else { format!(" {} times in a row", failure.in_a_row) };
    let shown = one.age.map_or_else(String::new, |age| format!("; the result of {} s ago is shown", age.as_secs()));
    format!("failed{often} ({}): {}{shown}; next try {next}", failure.error.reason, failure.error)
}

fn fetched(result: &EncodedResult) -> CollectorStatus {
    if let Some(reason) = &result.skipped {
        return CollectorStatus { kind: Kind::Ok, text: reason.clone() };
    }
    if result.drops.is_empty() {
        let text = match result.others {
            Some(others) if others > 0 => format!("ok, {others} rows summed into other"),
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
