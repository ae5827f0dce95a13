//! A backup of a document: what is needed to sort and to summarize, and the rest as text.

use jaq_json::Val;
use jq::json::{int, member, number, string, text, with};
use serde_json::value::RawValue;

use crate::document::value;
use crate::shape::BACKUP;

/// What is needed of a backup before it is known whether it is exported individually.
pub(crate) struct Backup<'a> {
    raw: &'a RawValue,
    /// Its position in the document.
    pub position: usize,
    /// Its rank among those of its type in its repository, 0 for the newest.
    pub rank: usize,
    /// `full`, `diff`, `incr`, or nothing if it is unknown.
    pub kind: &'static str,
    pub stop: f64,
    pub repo_key: u64,
    pub database_id: u64,
    pub has_page_errors: bool,
    pub start_lsn: Option<String>,
    pub start_segment: Option<String>,
    pub stop_segment: Option<String>,
}

impl<'a> Backup<'a> {
    /// `None` if it is not an object.
    pub fn read(raw: &'a RawValue, position: usize) -> Option<Self> {
        let value = Some(BACKUP.fit(value(raw)?)).filter(|value| matches!(value, Val::Obj(_)))?;
        let kind = text(&value, "type").unwrap_or_default();
        Some(Self {
            raw,
            position,
            rank: 0,
            kind: ["full", "diff", "incr"].into_iter().find(|known| *known == kind).unwrap_or_default(),
            stop: stop(&value),
            repo_key: in_database(&value, "repo-key"),
            database_id: in_database(&value, "id"),
            has_page_errors: member(&value, "error") == Some(&Val::Bool(true)),
            start_lsn: within(&value, "lsn", "start"),
            start_segment: within(&value, "archive", "start"),
            stop_segment: within(&value, "archive", "stop"),
        })
    }

    /// All of it.
    pub fn value(&self) -> Option<Val> {
        value(self.raw).map(|value| BACKUP.fit(value))
    }

    /// The backup as filters see it in `$backups`, with members for labels.
    pub fn to_json(&self, value: &Val, stanza: &str) -> Val {
        let repository = member(value, "info").and_then(|info| member(info, "repository"));
        let has = |name| repository.and_then(|repository| member(repository, name)).is_some_and(is_number);
        with(
            value,
            [
                ("stanza", string(stanza)),
                ("repo_key", int(self.repo_key)),
                ("rank", int(self.rank as u64)),
                ("block_incr", string(if has("size-map") && has("delta-map") { "y" } else { "n" })),
            ],
        )
    }
}

fn is_number(value: &Val) -> bool {
    matches!(value, Val::Num(_))
}

/// When a backup ended, in Unix seconds; 0 if unknown.
pub(crate) fn stop(backup: &Val) -> f64 {
    let stop = member(backup, "timestamp").and_then(|times| member(times, "stop"));
    stop.and_then(|stop| stop.to_string().parse().ok()).unwrap_or_default()
}

/// A number in `database`; 0 before 2.32, which does not report it.
pub(crate) fn in_database(backup: &Val, name: &str) -> u64 {
    member(backup, "database").map(|database| number(database, name)).unwrap_or_default()
}

fn within(value: &Val, outer: &str, inner: &str) -> Option<String> {
    text(member(value, outer)?, inner)
}
