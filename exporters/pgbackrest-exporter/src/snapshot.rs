//! What is known at a moment: for each target the last good document and what became of the last run.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::{Reason, SourceError, Version};
use jaq_json::Val;

use crate::backups::Prepared;

/// Everything that collections have found so far. A collection makes a new one; it never changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// As `pgbackrest version` tells it.
    pub version: Release,
    pub targets: Vec<Target>,
    /// Whether every target has been tried.
    pub complete: bool,
}

/// A version of pgBackRest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Release {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Release {
    /// Reads `pgBackRest 2.60.0dev`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().strip_prefix("pgBackRest ")?;
        let text = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut parts = text.split('.').map(str::parse::<u32>);
        let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
        Some(Self { major, minor, patch: parts.next().unwrap_or(Ok(0)).ok()? })
    }

    /// As the engine counts: 25501 for 2.55.1. 0 if it is not known.
    pub fn version(self) -> Version {
        Version(self.major * 10_000 + self.minor * 100 + self.patch)
    }

    /// As pgBackRest counts: 2055001 for 2.55.1.
    fn number(self) -> u32 {
        self.major * 1_000_000 + self.minor * 1_000 + self.patch
    }
}

/// One run's subject: a stanza, or all of them.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The value of the label `stanza` in what is told of its runs.
    pub label: String,
    /// The stanza, if it is one.
    pub stanza: Option<String>,
    pub good: Option<Good>,
    pub last: Option<Run>,
    pub runs: u64,
    pub failures: u64,
}

/// A document and when it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub found: Arc<Prepared>,
    pub bytes: usize,
    pub asked: Moment,
}

/// What became of a run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub begun: Moment,
    pub took: Duration,
    /// `None` if it did not end by itself.
    pub exit_code: Option<i32>,
    pub warnings: Vec<String>,
    pub error: Option<SourceError>,
}

/// One moment on both clocks: ages are counted on the one that never jumps, and told by the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub at: Instant,
    pub unix_seconds: f64,
}

impl Moment {
    pub fn now() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: Instant::now(), unix_seconds: unix.as_secs_f64() }
    }
}

impl Snapshot {
    /// What was found for every target whose last good document is not older than `stale`.
    pub fn found(&self, stale: Duration) -> Vec<&Prepared> {
        let good = self.targets.iter().filter_map(|target| target.good.as_ref());
        good.filter(|good| good.asked.at.elapsed() <= stale).map(|good| &*good.found).collect()
    }

    /// Why it is not the answer of now: nothing has been tried yet, or the last run of a target has failed.
    pub fn fault(&self) -> Option<SourceError> {
        if !self.complete {
            return Some(SourceError::new(Reason::Starting, "pgbackrest info has not ended yet for the first time"));
        }
        self.targets.iter().find_map(|target| target.last.as_ref()?.error.clone())
    }

    /// `$run`: one object for each target.
    pub fn runs(&self, stale: Duration) -> Val {
        self.targets.iter().map(|target| target.told(stale)).collect()
    }

    /// The part of `$options` that is about the version.
    pub fn version_options(&self) -> [(&'static str, Val); 2] {
        let known = self.version != Release::default();
        let number = if known { int(u64::from(self.version.number())) } else { Val::Null };
        [("version", int(u64::from(self.version.version().0))), ("version_number", number)]
    }
}

impl Target {
    fn told(&self, stale: Duration) -> Val {
        let last = self.last.as_ref();
        let error = last.and_then(|run| run.error.as_ref());
        let good = self.good.as_ref();
        let age = good.map(|good| good.asked.at.elapsed());
        let seconds = |value: Option<f64>| value.map_or(Val::Null, Val::from);
        object([
            ("stanza", string(&self.label)),
            ("success", last.map_or(Val::Null, |run| Val::Bool(run.error.is_none()))),
            ("started_timestamp_seconds", seconds(last.map(|run| run.begun.unix_seconds))),
            ("duration_seconds", seconds(last.map(|run| run.took.as_secs_f64()))),
            ("exit_code", last.and_then(|run| run.exit_code).map_or(Val::Null, |code| Val::from(code as isize))),
            ("warnings", last.map_or(Val::Null, |run| int(run.warnings.len() as u64))),
            ("reason", error.map_or(Val::Null, |error| string(error.reason.as_str()))),
            ("message", error.map_or(Val::Null, |error| string(&crate::output::short(&error.message)))),
            ("last_success_timestamp_seconds", seconds(good.map(|good| good.asked.unix_seconds))),
            ("age_seconds", seconds(age.map(|age| age.as_secs_f64()))),
            ("shown", Val::Bool(age.is_some_and(|age| age <= stale))),
            ("json_bytes", good.map_or(Val::Null, |good| int(good.bytes as u64))),
            // A repository that could not be read is told in the document of a run that succeeded.
            ("unreadable", Val::Bool(good.is_some_and(|good| has_unreadable(&good.found.stanzas)))),
            ("backups", good.map_or(Val::Null, |good| int(good.found.backups))),
            ("backups_left_out", good.map_or(Val::Null, |good| int(good.found.left_out))),
            ("runs", int(self.runs)),
            ("failures", int(self.failures)),
        ])
    }
}

/// Whether a repository of these stanzas answered with an error (status code 99).
fn has_unreadable(stanzas: &[Val]) -> bool {
    let code = |object: &Val| member(member(object, "status")?, "code").map(ToString::to_string);
    let failed = |object: &Val| code(object).is_some_and(|code| code == "99");
    stanzas.iter().any(|stanza| {
        failed(stanza) || member(stanza, "repo").is_some_and(|repositories| elements(repositories).iter().any(failed))
    })
}

/// The elements of an array; none of anything else.
pub(crate) fn elements(value: &Val) -> &[Val] {
    match value {
        Val::Arr(elements) => elements,
        _ => &[],
    }
}

/// A member of an object.
pub(crate) fn member<'a>(value: &'a Val, name: &str) -> Option<&'a Val> {
    match value {
        Val::Obj(object) => object.get(&string(name)),
        _ => None,
    }
}

pub(crate) fn string(text: &str) -> Val {
    Val::utf8_str(text.as_bytes().to_vec())
}

pub(crate) fn int(value: u64) -> Val {
    Val::Num(jaq_json::Num::from_integral(value))
}

pub(crate) fn object<const N: usize>(members: [(&str, Val); N]) -> Val {
    Val::obj(members.into_iter().map(|(name, value)| (string(name), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_and_without_a_patch() {
        for (text, version, number) in [
            ("pgBackRest 2.45\n", 24_500, 2_045_000),
            ("pgBackRest 2.55.1", 25_501, 2_055_001),
            ("pgBackRest 2.60.0dev", 26_000, 2_060_000),
        ] {
            let release = Release::parse(text).unwrap();
            assert_eq!((release.version(), release.number()), (Version(version), number), "{text}");
        }
        for bad in ["", "pgBackRest", "pgBackRest two", "2.45"] {
            assert_eq!(Release::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_document_is_shown_until_it_is_stale() {
        let stanza: Val = serde_json::from_str(r#"{"name": "a", "repo": [{"status": {"code": 99}}]}"#).unwrap();
        let found = Arc::new(Prepared { stanzas: vec![stanza], ..Prepared::default() });
        let good = Good { found, bytes: 1, asked: Moment::now() };
        let target = Target { label: "a".into(), stanza: None, good: Some(good), last: None, runs: 1, failures: 0 };
        assert_eq!(member(&target.told(Duration::ZERO), "unreadable"), Some(&Val::Bool(true)));
        let snapshot = Snapshot { targets: vec![target], complete: true, ..Snapshot::default() };
        assert_eq!(snapshot.found(Duration::from_secs(60)).len(), 1);
        assert_eq!(snapshot.found(Duration::ZERO).len(), 0);
    }
}
