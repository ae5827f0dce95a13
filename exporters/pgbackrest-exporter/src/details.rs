//! Runs, stanzas and repositories on the status page.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::Detail;
use jaq_json::Val;
use jq::json::{elements, member, text};
use jq::shorten;

use crate::backup::stop;
use crate::backups::PreparedDocument;
use crate::jobs::{JobState, ProofState, local_time};
use crate::snapshot::{InfoSnapshot, RunTarget};

/// Every run, and the stanzas and repositories of the documents that are not stale.
pub(crate) fn details(snapshot: &InfoSnapshot, proofs: &ProofState, stale: Duration) -> Vec<Detail> {
    let runs = snapshot.targets.iter().map(run);
    let documents = snapshot.documents(stale);
    runs.chain(documents.into_iter().flat_map(stanzas)).chain(verifications(proofs)).chain(drills(proofs)).collect()
}

fn run(target: &RunTarget) -> Detail {
    let name = target.stanza.as_ref().map_or_else(|| "last run".to_owned(), |stanza| format!("last run for {stanza}"));
    let Some(last) = &target.last_run else {
        return Detail { name, state: "has not ended yet".into(), well: true, since: None };
    };
    let took = format!("{:.1} s", last.took.as_secs_f64());
    let state = match &last.error {
        None if last.warnings.is_empty() => format!("succeeded in {took}"),
        None => format!("succeeded in {took} with warnings: {}", last.warnings.join("; ")),
        Some(error) => format!("failed ({}) after {took}: {}", error.reason, shorten(&error.message)),
    };
    Detail { name, state, well: last.error.is_none(), since: Some(last.begun.at) }
}

/// When the repositories are verified next, and what the last run found in each.
fn verifications(proofs: &ProofState) -> Vec<Detail> {
    let job = &proofs.verify;
    let results = job.results.iter().map(|record| Detail {
        name: format!("verify stanza {}, repository {}", record.stanza, record.repo_key),
        state: match &record.message {
            Some(message) => message.clone(),
            None => format!("no error, in {:.1} s", record.duration_seconds),
        },
        well: record.clean,
        since: instant(record.started_timestamp_seconds),
    });
    next_run("verify", job).into_iter().chain(results.filter(|_| job.enabled)).collect()
}

/// When the next drill is, and the sentence about the last one of each stanza.
fn drills(proofs: &ProofState) -> Vec<Detail> {
    let results = proofs.drill.results.iter().map(|record| Detail {
        name: format!("drill of stanza {}", record.stanza),
        state: record.sentence(),
        well: record.success,
        since: instant(record.started_timestamp_seconds),
    });
    next_run("drill", &proofs.drill).into_iter().chain(results).collect()
}

/// When a job runs next, if it has a schedule.
fn next_run<T>(name: &str, job: &JobState<T>) -> Option<Detail> {
    let state = match job.next_timestamp_seconds {
        _ if job.running => "runs now".to_owned(),
        Some(next) => format!("next run at {}", local_time(next)),
        None => "not planned".to_owned(),
    };
    job.enabled.then(|| Detail { name: name.to_owned(), state, well: true, since: None })
}

fn stanzas(document: &PreparedDocument) -> Vec<Detail> {
    let mut newest_of: HashMap<[Option<String>; 2], Vec<&Val>> = HashMap::new();
    for backup in &document.newest {
        newest_of.entry([text(backup, "stanza"), written(backup, "repo_key")]).or_default().push(backup);
    }
    let mut details = Vec::new();
    for stanza in &document.stanzas {
        let stanza_name = text(stanza, "name");
        let name = stanza_name.clone().unwrap_or_default();
        details.push(detail(format!("stanza {name}"), stanza));
        for repository in member(stanza, "repo").map(elements).unwrap_or_default() {
            let key = written(repository, "key");
            let name = format!("stanza {name}, repository {}", key.as_deref().unwrap_or_default());
            details.push(detail(name.clone(), repository));
            let backups = newest_of.get(&[stanza_name.clone(), key]);
            details.extend(backups.into_iter().flatten().map(|backup| newest(&name, backup)));
        }
    }
    details
}

/// A member as JSON.
fn written(object: &Val, name: &str) -> Option<String> {
    member(object, name).map(ToString::to_string)
}

/// The newest backup of a type.
fn newest(repository: &str, backup: &Val) -> Detail {
    let kind = text(backup, "type").unwrap_or_default();
    let label = text(backup, "label").unwrap_or_default();
    let damaged = member(backup, "error") == Some(&Val::Bool(true));
    let state = if damaged { format!("{label}, with page errors") } else { label };
    Detail { name: format!("{repository}, newest {kind}"), state, well: !damaged, since: instant(stop(backup)) }
}

/// The state of a stanza or a repository, as pgBackRest describes it.
fn detail(name: String, object: &Val) -> Detail {
    let status = member(object, "status");
    let state = status.and_then(|status| text(status, "message")).unwrap_or_else(|| "unknown".into());
    let code = status.and_then(|status| member(status, "code")).map(ToString::to_string);
    Detail { name, state: shorten(&state), well: code.as_deref() == Some("0"), since: None }
}

/// A Unix time on the monotonic clock; `None` if that clock does not go back so far.
fn instant(unix_seconds: f64) -> Option<Instant> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Instant::now().checked_sub(Duration::try_from_secs_f64(now - unix_seconds).ok()?)
}
