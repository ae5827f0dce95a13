//! The results so far: for each target the last document and the outcome of the last run.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::{Reason, SourceError};
use jaq_json::Val;
use jq::json::{elements, int, member, object, string};
use jq::shorten;

use crate::backups::PreparedDocument;
use crate::version::BackrestVersion;

/// The results of all runs so far. Immutable: each collection makes a new one.
#[derive(Debug, Clone, Default)]
pub(crate) struct InfoSnapshot {
    /// The output of `pgbackrest version`.
    pub version: BackrestVersion,
    pub targets: Vec<RunTarget>,
    /// Whether every target has been tried.
    pub complete: bool,
}

/// What one run reads: a stanza, or all of them.
#[derive(Debug, Clone)]
pub(crate) struct RunTarget {
    /// The value of the label `stanza` in the metrics of its runs.
    pub label: String,
    /// The stanza, if it is one.
    pub stanza: Option<String>,
    pub document: Option<LastDocument>,
    pub last_run: Option<LastRun>,
    pub runs: u64,
    pub failures: u64,
}

/// The document of the last successful run.
#[derive(Debug, Clone)]
pub(crate) struct LastDocument {
    pub content: Arc<PreparedDocument>,
    pub bytes: usize,
    pub requested: Timestamp,
}

/// The outcome of the last run.
#[derive(Debug, Clone)]
pub(crate) struct LastRun {
    pub begun: Timestamp,
    pub took: Duration,
    /// `None` if it was killed.
    pub exit_code: Option<i32>,
    pub warnings: Vec<String>,
    pub error: Option<SourceError>,
}

/// A point in time on both clocks: ages are measured on the monotonic one, metrics show the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timestamp {
    pub at: Instant,
    pub unix_seconds: f64,
}

impl Timestamp {
    pub fn now() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: Instant::now(), unix_seconds: unix.as_secs_f64() }
    }
}

impl LastDocument {
    fn age(&self) -> Duration {
        self.requested.at.elapsed()
    }

    fn is_fresh(&self, stale: Duration) -> bool {
        self.age() <= stale
    }
}

impl InfoSnapshot {
    /// The last document of every target, if it is not older than `stale`.
    pub fn documents(&self, stale: Duration) -> Vec<&PreparedDocument> {
        let documents = self.targets.iter().filter_map(|target| target.document.as_ref());
        documents.filter(|document| document.is_fresh(stale)).map(|document| &*document.content).collect()
    }

    /// Why the results are not current: the first collection has not ended, or the last run of a target failed.
    pub fn fault(&self) -> Option<SourceError> {
        if !self.complete {
            return Some(SourceError::new(Reason::Starting, "the first run of pgbackrest info has not ended yet"));
        }
        self.targets.iter().find_map(|target| target.last_run.as_ref()?.error.clone())
    }

    /// `$run`: one object for each target.
    pub fn runs(&self, stale: Duration) -> Val {
        self.targets.iter().map(|target| target.to_json(stale)).collect()
    }

    /// The version, for `$options`.
    pub fn version_options(&self) -> [(&'static str, Val); 2] {
        let known = self.version != BackrestVersion::default();
        let number = if known { int(u64::from(self.version.number())) } else { Val::Null };
        [("version", int(u64::from(self.version.engine_version().0))), ("version_number", number)]
    }
}

impl RunTarget {
    fn to_json(&self, stale: Duration) -> Val {
        let last = self.last_run.as_ref();
        let error = last.and_then(|run| run.error.as_ref());
        let document = self.document.as_ref();
        let age = document.map(LastDocument::age);
        let seconds = |value: Option<f64>| value.map_or(Val::Null, Val::from);
        object([
            ("stanza", string(&self.label)),
            ("success", last.map_or(Val::Null, |run| Val::Bool(run.error.is_none()))),
            ("started_timestamp_seconds", seconds(last.map(|run| run.begun.unix_seconds))),
            ("duration_seconds", seconds(last.map(|run| run.took.as_secs_f64()))),
            ("exit_code", last.and_then(|run| run.exit_code).map_or(Val::Null, |code| Val::from(code as isize))),
            ("warnings", last.map_or(Val::Null, |run| int(run.warnings.len() as u64))),
            ("reason", error.map_or(Val::Null, |error| string(error.reason.as_str()))),
            ("message", error.map_or(Val::Null, |error| string(&shorten(&error.message)))),
            ("last_success_timestamp_seconds", seconds(document.map(|document| document.requested.unix_seconds))),
            ("age_seconds", seconds(age.map(|age| age.as_secs_f64()))),
            ("shown", Val::Bool(document.is_some_and(|document| document.is_fresh(stale)))),
            ("json_bytes", document.map_or(Val::Null, |document| int(document.bytes as u64))),
            // The document of a successful run may report a repository that could not be read.
            ("unreadable", Val::Bool(document.is_some_and(|document| has_unreadable(&document.content.stanzas)))),
            ("backups", document.map_or(Val::Null, |document| int(document.content.backups))),
            ("backups_left_out", document.map_or(Val::Null, |document| int(document.content.omitted))),
            ("runs", int(self.runs)),
            ("failures", int(self.failures)),
        ])
    }
}

/// Whether a repository of these stanzas reports an error (status code 99).
fn has_unreadable(stanzas: &[Val]) -> bool {
    let code = |object: &Val| member(member(object, "status")?, "code").map(ToString::to_string);
    let failed = |object: &Val| code(object).is_some_and(|code| code == "99");
    stanzas.iter().any(|stanza| {
        failed(stanza) || member(stanza, "repo").is_some_and(|repositories| elements(repositories).iter().any(failed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_document_until_it_is_stale() {
        let stanza: Val = serde_json::from_str(r#"{"name": "a", "repo": [{"status": {"code": 99}}]}"#).unwrap();
        let content = Arc::new(PreparedDocument { stanzas: vec![stanza], ..PreparedDocument::default() });
        let document = LastDocument { content, bytes: 1, requested: Timestamp::now() };
        let target = RunTarget {
            label: "a".into(),
            stanza: None,
            document: Some(document),
            last_run: None,
            runs: 1,
            failures: 0,
        };
        assert_eq!(member(&target.to_json(Duration::ZERO), "unreadable"), Some(&Val::Bool(true)));
        let snapshot = InfoSnapshot { targets: vec![target], complete: true, ..InfoSnapshot::default() };
        assert_eq!(snapshot.documents(Duration::from_secs(60)).len(), 1);
        assert_eq!(snapshot.documents(Duration::ZERO).len(), 0);
    }
}
