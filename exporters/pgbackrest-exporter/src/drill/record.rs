//! The result of a drill, and the sentence about it.

use serde::{Deserialize, Serialize};

use crate::jobs::local_time;

/// The last drill of a stanza.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DrillRecord {
    pub stanza: String,
    pub repo_key: u64,
    /// Label of the backup; empty if none could be chosen.
    pub backup_name: String,
    pub backup_type: String,
    pub backup_stop_timestamp_seconds: Option<f64>,
    pub started_timestamp_seconds: f64,
    pub duration_seconds: f64,
    pub success: bool,
    /// The step that failed, or none.
    pub reason: Option<String>,
    pub message: Option<String>,
    pub last_success_timestamp_seconds: Option<f64>,
    pub restore_seconds: Option<f64>,
    pub recovery_seconds: Option<f64>,
    /// From the start of the restore to the first query.
    pub rto_seconds: Option<f64>,
    /// From the newest commit in the archive to the end of recovery.
    pub rpo_seconds: Option<f64>,
    pub newest_commit_timestamp_seconds: Option<f64>,
    pub restored_bytes: Option<u64>,
    pub wal_segments: Option<u64>,
    /// Whether pg_amcheck, and pg_checksums, found no error; `None` if it did not run.
    pub amcheck: Option<bool>,
    pub checksums: Option<bool>,
    /// What the user's query returned; a truth value as 1 or 0.
    pub query_result: Option<f64>,
    pub runs: u64,
    pub failures: u64,
}

impl DrillRecord {
    /// One sentence: "the backup of 02:00 restores in 14 minutes and would lose 40 seconds".
    pub fn sentence(&self) -> String {
        let Self { stanza, backup_name, repo_key, .. } = self;
        if !self.success {
            let of = if backup_name.is_empty() { String::new() } else { format!(", backup {backup_name}") };
            let (reason, message) = (self.reason.as_deref(), self.message.as_deref());
            return format!(
                "stanza {stanza}{of}: the drill failed ({}): {}",
                reason.unwrap_or("unknown"),
                message.unwrap_or_default()
            );
        }
        let of = self.backup_stop_timestamp_seconds.map(local_time).unwrap_or_default();
        let rto = self.rto_seconds.map(duration).unwrap_or_default();
        let loss = match self.rpo_seconds {
            Some(seconds) => format!(" and would lose {}", duration(seconds)),
            None => String::new(),
        };
        format!("stanza {stanza}: the backup of {of} ({backup_name}, repository {repo_key}) restores in {rto}{loss}")
    }

    /// The details of it, one in a line.
    pub fn details(&self) -> Vec<String> {
        let seconds = |name: &str, value: Option<f64>| value.map(|value| format!("{name}: {value:.1} s"));
        let check = |name: &str, value: Option<bool>| {
            format!(
                "{name}: {}",
                match value {
                    Some(true) => "no error",
                    Some(false) => "errors",
                    None => "not run",
                }
            )
        };
        let lines = [
            seconds("restore", self.restore_seconds),
            seconds("start and recovery", self.recovery_seconds),
            self.wal_segments.map(|count| format!("WAL segments replayed: {count}")),
            self.newest_commit_timestamp_seconds.map(|time| format!("newest commit: {}", local_time(time))),
            self.restored_bytes.map(|bytes| format!("restored: {:.1} MiB", bytes as f64 / 1_048_576.0)),
            Some(check("pg_amcheck", self.amcheck)),
            Some(check("pg_checksums", self.checksums)),
            self.query_result.map(|value| format!("query: {value}")),
            Some(format!("all of it took {:.1} s", self.duration_seconds)),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// A duration in words, rounded up to what matters.
fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        _ if seconds < 120.0 => (seconds, "seconds"),
        _ if seconds < 7200.0 => (seconds / 60.0, "minutes"),
        _ if seconds < 172_800.0 => (seconds / 3600.0, "hours"),
        _ => (seconds / 86_400.0, "days"),
    };
    let value = if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    format!("{value} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_counts() {
        let mut record = DrillRecord {
            stanza: "demo".into(),
            repo_key: 1,
            backup_name: "a".into(),
            backup_stop_timestamp_seconds: Some(0.0),
            success: true,
            rto_seconds: Some(840.0),
            rpo_seconds: Some(40.0),
            ..DrillRecord::default()
        };
        let told = record.sentence();
        assert!(told.ends_with("(a, repository 1) restores in 14 minutes and would lose 40 seconds"), "{told}");
        record.success = false;
        record.reason = Some("space".into());
        record.message = Some("x".into());
        assert_eq!(record.sentence(), "stanza demo, backup a: the drill failed (space): x");
        assert_eq!([duration(7.25), duration(9000.0), duration(200_000.0)], ["7.2 seconds", "2.5 hours", "2.3 days"]);
    }
}
