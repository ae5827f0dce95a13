//! What `pgbackrest verify` found in a repository, and what that means.

use serde::{Deserialize, Serialize};

/// Files of a backup or of an archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileCounts {
    pub checked: u64,
    pub valid: u64,
    pub missing: u64,
    pub checksum_mismatch: u64,
    pub size_mismatch: u64,
    pub other: u64,
}

/// A backup of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VerifiedBackup {
    pub label: String,
    /// `valid`, `invalid`, `manifest missing`, `in-progress` or `unknown`.
    pub status: String,
    pub files: FileCounts,
    /// Whether all WAL from its start to its stop is archived; `None` if that is not known.
    pub wal_complete: Option<bool>,
    /// Whether the WAL after it has no gap up to the end of its timeline.
    pub wal_continuous: Option<bool>,
}

/// The WAL of a cluster in the history of a stanza.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VerifiedArchive {
    pub archive_id: String,
    pub files: FileCounts,
}

/// Segments without a gap, the first and the last included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WalRange {
    pub archive_id: String,
    pub start: String,
    pub stop: String,
}

/// A report on one stanza in one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VerifyReport {
    /// What pgBackRest calls `status: ok`. It also does with a missing manifest, and with missing WAL.
    pub is_ok: bool,
    pub backups: Vec<VerifiedBackup>,
    pub archives: Vec<VerifiedArchive>,
    pub ranges: Vec<WalRange>,
    pub errors: Vec<String>,
}

/// The WAL segments that a backup needs, as `info` reports them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupSegments {
    pub label: String,
    pub start: String,
    pub stop: String,
}

impl VerifyReport {
    /// Fills in for each backup whether the ranges have the WAL that it needs. The ranges of all clusters of a stanza are
    /// searched: a range of another one has other names only by accident, and then hides a gap, never invents one.
    pub fn compare_wal(&mut self, needed: &[BackupSegments]) {
        if self.ranges.is_empty() && self.archives.iter().any(|archive| archive.files.checked > 0) {
            // Nothing is known: this version logs no ranges.
            return;
        }
        for backup in &mut self.backups {
            let Some(needed) = needed.iter().find(|needed| needed.label == backup.label) else { continue };
            let range = self.ranges.iter().find(|range| range.start <= needed.start && needed.start <= range.stop);
            backup.wal_complete = Some(range.is_some_and(|range| needed.stop <= range.stop));
            let on_timeline = |range: &&WalRange| range.start.get(..8) == needed.stop.get(..8);
            let last = self.ranges.iter().filter(on_timeline).max_by(|a, b| a.stop.cmp(&b.stop));
            backup.wal_continuous = Some(last.is_some_and(|last| last.start <= needed.stop));
        }
    }

    /// What is wrong, as short sentences; empty if a restore finds all that it needs.
    pub fn findings(&self) -> Vec<String> {
        let mut findings = self.errors.clone();
        for backup in self.backups.iter().filter(|backup| backup.status != "in-progress") {
            let label = &backup.label;
            if backup.status != "valid" {
                findings.push(format!("backup {label}: {}{}", backup.status, backup.files.faults()));
            }
            if backup.wal_complete == Some(false) {
                findings.push(format!("backup {label}: WAL that it needs is missing"));
            }
        }
        // Expiration leaves gaps between older backups on purpose (repo-retention-archive), but none after the newest one.
        let newest = self.backups.iter().rfind(|backup| backup.status != "in-progress");
        if let Some(backup) = newest.filter(|backup| backup.wal_continuous == Some(false)) {
            findings.push(format!("archive: a gap in the WAL after backup {}", backup.label));
        }
        for archive in self.archives.iter().filter(|archive| archive.files.valid < archive.files.checked) {
            findings.push(format!("archive {}: invalid WAL{}", archive.archive_id, archive.files.faults()));
        }
        if findings.is_empty() && !self.is_ok {
            findings.push("pgbackrest verify reports an error".to_owned());
        }
        findings
    }
}

impl FileCounts {
    /// ` (1 missing, 2 checksum mismatches)`; empty without any.
    fn faults(&self) -> String {
        let counts = [
            (self.missing, "missing"),
            (self.checksum_mismatch, "with another checksum"),
            (self.size_mismatch, "with another size"),
            (self.other, "unreadable"),
        ];
        let faults: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        if faults.is_empty() { String::new() } else { format!(" ({})", faults.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: u32) -> String {
        format!("00000001{number:016X}")
    }

    fn with_ranges(ranges: &[(u32, u32)]) -> VerifyReport {
        let backup = VerifiedBackup { label: "a".into(), status: "valid".into(), ..VerifiedBackup::default() };
        let range = |(start, stop): &(u32, u32)| WalRange {
            archive_id: "15-1".into(),
            start: segment(*start),
            stop: segment(*stop),
        };
        let mut report = VerifyReport {
            is_ok: true,
            backups: vec![backup],
            ranges: ranges.iter().map(range).collect(),
            ..VerifyReport::default()
        };
        report.compare_wal(&[BackupSegments { label: "a".into(), start: segment(4), stop: segment(6) }]);
        report
    }

    #[test]
    fn finds_gaps_that_matter() {
        for (ranges, expected) in [
            (&[(1, 12)][..], &[][..]),
            (&[(1, 2), (4, 12)], &[]),
            (&[(1, 4), (6, 12)], &["backup a: WAL that it needs is missing"]),
            (&[(1, 8), (10, 12)], &["archive: a gap in the WAL after backup a"]),
            (&[(7, 12)], &["backup a: WAL that it needs is missing", "archive: a gap in the WAL after backup a"]),
        ] {
            assert_eq!(with_ranges(ranges).findings(), expected, "{ranges:?}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let mut report = with_ranges(&[(1, 12)]);
        report.backups[0].status = "invalid".into();
        report.backups[0].files = FileCounts { missing: 1, checksum_mismatch: 2, ..FileCounts::default() };
        assert_eq!(report.findings(), ["backup a: invalid (1 missing, 2 with another checksum)"]);
        report.backups[0].status = "in-progress".into();
        assert_eq!(report.findings(), [""; 0]);
        report.is_ok = false;
        assert_eq!(report.findings(), ["pgbackrest verify reports an error"]);
    }
}
