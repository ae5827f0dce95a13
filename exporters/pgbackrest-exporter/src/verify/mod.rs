//! Runs `pgbackrest verify` for one stanza in one repository after another.
//!
//! `output` reads what it prints, `report` says what that means, `record` is the result. `options`
//! and `settings` say how.

mod options;
mod output;
mod record;
mod report;
mod settings;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use engine::Reason;
use jq::json::{elements, member, number, text};
use jq::shorten;

use crate::command::LOWEST;
use crate::output::failure;
use crate::settings::Settings;
use crate::snapshot::{InfoSnapshot, Timestamp};

pub(crate) use options::VerifyOptions;
use output::report;
pub(crate) use record::VerifyRecord;
use report::{BackupSegments, VerifyReport};
pub(crate) use settings::VerifySettings;

/// The name under which pgBackRest reports repositories that cannot be read, if it knows no stanza.
const NO_STANZA: &str = "[invalid]";

/// A stanza in a repository; 0 before 2.32, which has no more than one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VerifyTarget {
    pub stanza: String,
    pub repo_key: u64,
}

impl VerifyTarget {
    pub fn is_of(&self, record: &VerifyRecord) -> bool {
        (&self.stanza, self.repo_key) == (&record.stanza, record.repo_key)
    }
}

/// The stanzas and repositories that `info` reports, and those of earlier results if it cannot read any.
pub(crate) fn targets(snapshot: &InfoSnapshot, settings: &Settings, known: &[VerifyRecord]) -> Vec<VerifyTarget> {
    let mut targets = Vec::new();
    let mut is_unreadable = false;
    for stanza in snapshot.documents(Duration::MAX).into_iter().flat_map(|document| &document.stanzas) {
        let Some(name) = text(stanza, "name") else { continue };
        if name == NO_STANZA {
            is_unreadable = true;
            continue;
        }
        let repositories = member(stanza, "repo").map(elements).unwrap_or_default();
        let keys: Vec<u64> = repositories.iter().map(|repository| number(repository, "key")).collect();
        let keys = if keys.is_empty() { vec![0] } else { keys };
        targets.extend(keys.into_iter().map(|repo_key| VerifyTarget { stanza: name.clone(), repo_key }));
    }
    if is_unreadable || targets.is_empty() {
        let known =
            known.iter().map(|record| VerifyTarget { stanza: record.stanza.clone(), repo_key: record.repo_key });
        targets.extend(known.filter(|target| !settings.selection.excluded_stanzas.contains(&target.stanza)));
    }
    targets.sort();
    targets.dedup();
    targets
}

/// Verifies one stanza in one repository; `before` is the result of the run before.
pub(crate) async fn verify(
    settings: &Settings,
    target: &VerifyTarget,
    snapshot: &InfoSnapshot,
    before: Option<&VerifyRecord>,
) -> VerifyRecord {
    let begun = Timestamp::now();
    let result = read(settings, target).await.map(|mut report| {
        report.compare_wal(&segments(snapshot, target));
        report
    });
    let mut record = VerifyRecord {
        stanza: target.stanza.clone(),
        repo_key: target.repo_key,
        started_timestamp_seconds: begun.unix_seconds,
        duration_seconds: begun.at.elapsed().as_secs_f64(),
        success: result.is_ok(),
        last_clean_timestamp_seconds: before.and_then(|before| before.last_clean_timestamp_seconds),
        runs: before.map_or(0, |before| before.runs) + 1,
        failures: before.map_or(0, |before| before.failures),
        ..VerifyRecord::default()
    };
    match result {
        Ok(report) => {
            let findings = report.findings();
            record.clean = findings.is_empty();
            if record.clean {
                record.last_clean_timestamp_seconds = Some(begun.unix_seconds);
            } else {
                record.reason = Some("invalid".to_owned());
                record.message = Some(shorten(&findings.join("; ")));
            }
            record.report = Some(report);
        }
        Err((reason, message)) => {
            record.reason = Some(reason.as_str().to_owned());
            record.message = Some(shorten(&message));
        }
    }
    record.failures += u64::from(!record.clean);
    log_outcome(&record, before);
    record
}

async fn read(settings: &Settings, target: &VerifyTarget) -> Result<VerifyReport, (Reason, String)> {
    let program = settings.program.in_background(LOWEST);
    let deadline = Instant::now() + settings.verify.timeout;
    let output = program.run(&arguments(settings, target), deadline).await;
    let output = output.map_err(|error| (error.reason(), format!("pgbackrest verify: {error}")))?;
    if !output.status.success() {
        let error = failure(output);
        return Err((error.reason(), format!("pgbackrest verify: {error}")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    report(&text, &target.stanza).map_err(|error| (Reason::Output, error.to_string()))
}

/// The arguments of one `pgbackrest verify`. Only the detailed log names the ranges of WAL.
fn arguments(settings: &Settings, target: &VerifyTarget) -> Vec<OsString> {
    let levels = ["--log-level-console=detail", "--log-level-stderr=off", "--log-level-file=off", "--log-timestamp"];
    let fixed = ["verify", "--output=text", "--verbose"].into_iter().chain(levels).map(OsString::from);
    let repository = (target.repo_key > 0).then(|| format!("--repo={}", target.repo_key).into());
    let own =
        [format!("--stanza={}", target.stanza).into(), format!("--process-max={}", settings.verify.process_max).into()];
    fixed.chain(settings.config.iter().cloned()).chain(own).chain(repository).collect()
}

/// The WAL that each backup of a target needs.
fn segments(snapshot: &InfoSnapshot, target: &VerifyTarget) -> Vec<BackupSegments> {
    let stanzas = snapshot.documents(Duration::MAX).into_iter().flat_map(|document| &document.stanzas);
    let stanzas = stanzas.filter(|stanza| text(stanza, "name").as_deref() == Some(&target.stanza));
    let backups = stanzas.flat_map(|stanza| member(stanza, "backup").map(elements).unwrap_or_default());
    let in_repository = backups.filter(|backup| {
        member(backup, "database").is_some_and(|database| number(database, "repo-key") == target.repo_key)
    });
    let read = in_repository.filter_map(|backup| {
        let archive = member(backup, "archive")?;
        Some(BackupSegments {
            label: text(backup, "label")?,
            start: text(archive, "start")?,
            stop: text(archive, "stop")?,
        })
    });
    read.collect()
}

/// Logs the outcome; a finding that was there before is logged again, since a run is rare.
fn log_outcome(record: &VerifyRecord, before: Option<&VerifyRecord>) {
    let VerifyRecord { stanza, repo_key, duration_seconds, .. } = record;
    match &record.message {
        Some(message) => tracing::warn!(stanza, repo_key, message, "pgbackrest verify found errors"),
        None if before.is_some_and(|before| !before.clean) => {
            tracing::info!(stanza, repo_key, seconds = duration_seconds, "pgbackrest verify recovered");
        }
        None => tracing::info!(stanza, repo_key, seconds = duration_seconds, "pgbackrest verify found no error"),
    }
}
