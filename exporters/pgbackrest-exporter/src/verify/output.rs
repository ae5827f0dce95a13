//! Reads the text that `pgbackrest verify --output=text --verbose` prints, with the ranges of WAL that it logs.
//!
//! pgBackRest has no other form of it. Lines of an unknown form are left out; a text without the stanza's own line is an error.

use crate::verify::report::{FileCounts, VerifiedArchive, VerifiedBackup, VerifyReport, WalRange};

/// How many backups, archives and ranges are kept of one report.
const MAX_LINES: usize = 2000;

/// A text that is no report.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no report in the output of pgbackrest verify (expected a line \"stanza: {stanza}\")")]
pub(crate) struct NoReport {
    pub stanza: String,
}

/// Reads the report of a stanza.
pub(crate) fn report(text: &str, stanza: &str) -> Result<VerifyReport, NoReport> {
    let mut report = VerifyReport::default();
    let title = format!("stanza: {stanza}");
    // The log has the same text, indented; the report itself begins at the start of a line and is the last.
    let start = text.lines().rev().position(|line| line == title);
    let start = start.ok_or_else(|| NoReport { stanza: stanza.to_owned() })?;
    let lines: Vec<&str> = text.lines().collect();
    let (log, body) = lines.split_at(lines.len() - 1 - start);
    report.ranges = log.iter().filter_map(|line| range(line)).take(MAX_LINES).collect();
    let mut counts: Option<&mut FileCounts> = None;
    for line in body.iter().map(|line| line.trim()) {
        if let Some(status) = line.strip_prefix("status: ") {
            report.is_ok = status == "ok";
        } else if let Some(rest) = line.strip_prefix("archiveId: ") {
            report.archives.extend(archive(rest).filter(|_| report.archives.len() < MAX_LINES));
            counts = report.archives.last_mut().map(|archive| &mut archive.files);
        } else if let Some(rest) = line.strip_prefix("backup: ") {
            report.backups.extend(backup(rest).filter(|_| report.backups.len() < MAX_LINES));
            counts = report.backups.last_mut().map(|backup| &mut backup.files);
        } else if line.starts_with("missing: ") {
            // A line like it below another one has nothing to belong to.
            if let Some(counts) = counts.take() {
                faults(line, counts);
            }
        } else if let Some(file) = line.strip_prefix("No usable ") {
            report.errors.extend(unusable(file));
        }
    }
    Ok(report)
}

/// `15-1, total WAL checked: 12, total valid WAL: 12`; `none found` is no archive.
fn archive(rest: &str) -> Option<VerifiedArchive> {
    let (archive_id, rest) = rest.split_once(", ")?;
    let files = FileCounts {
        checked: number(rest, "total WAL checked: ")?,
        valid: number(rest, "total valid WAL: ")?,
        ..FileCounts::default()
    };
    Some(VerifiedArchive { archive_id: archive_id.to_owned(), files })
}

/// `20261130-184612F, status: valid, total files checked: 968, total valid files: 968`.
fn backup(rest: &str) -> Option<VerifiedBackup> {
    let (label, rest) = rest.split_once(", status: ")?;
    let (status, rest) = rest.split_once(", ")?;
    let files = FileCounts {
        checked: number(rest, "total files checked: ")?,
        valid: number(rest, "total valid files: ")?,
        ..FileCounts::default()
    };
    let known = ["valid", "invalid", "manifest missing", "in-progress"];
    let status = known.into_iter().find(|known| *known == status).unwrap_or("unknown");
    Some(VerifiedBackup { label: label.to_owned(), status: status.to_owned(), files, ..VerifiedBackup::default() })
}

/// `missing: 1, checksum invalid: 2, size invalid: 0, other: 0`.
fn faults(line: &str, files: &mut FileCounts) {
    let count = |name| number(line, name).unwrap_or_default();
    files.missing = count("missing: ");
    files.checksum_mismatch = count("checksum invalid: ");
    files.size_mismatch = count("size invalid: ");
    files.other = count("other: ");
}

fn unusable(file: &str) -> Option<String> {
    let known = ["backup.info file", "archive.info file"].into_iter().find(|known| file.starts_with(known))?;
    Some(format!("no usable {known}"))
}

/// `… DETAIL: archiveId: 15-1, wal start: 000000010000000000000001, wal stop: 000000010000000000000006`.
fn range(line: &str) -> Option<WalRange> {
    let (_, rest) = line.split_once(" DETAIL: archiveId: ")?;
    let (archive_id, rest) = rest.split_once(", wal start: ")?;
    let (start, stop) = rest.split_once(", wal stop: ")?;
    let is_segment = |name: &str| name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let range = WalRange { archive_id: archive_id.to_owned(), start: start.to_owned(), stop: stop.trim().to_owned() };
    (is_segment(&range.start) && is_segment(&range.stop)).then_some(range)
}

/// The number after a name.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = &text[text.find(name)? + name.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAMAGED: &str = "\
2026-11-30 19:00:54.232 P00   INFO: verify command begin 2.45: --stanza=demo
2026-11-30 19:00:55.322 P00 DETAIL: archiveId: 15-1, wal start: 000000010000000000000001, wal stop: 000000010000000000000006
2026-11-30 19:00:55.322 P00 DETAIL: archiveId: 15-1, wal start: 000000010000000000000008, wal stop: 00000001000000000000000C
2026-11-30 19:00:55.322 P00   INFO: stanza: demo
                                    status: error
                                      backup: 20261130-184612F, status: valid, total files checked: 9, total valid files: 9
stanza: demo
status: error
  archiveId: 15-1, total WAL checked: 11, total valid WAL: 10
    missing: 0, checksum invalid: 0, size invalid: 0, other: 1
  backup: 20261130-184612F, status: invalid, total files checked: 968, total valid files: 965
    missing: 1, checksum invalid: 2, size invalid: 0, other: 0
  backup: 20261130-184612F_20261130-184626D, status: manifest missing, total files checked: 0, total valid files: 0
  backup: 20261130-184612F_20261130-184627I, status: valid, total files checked: 3, total valid files: 3
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
2026-11-30 19:00:55.322 P00   INFO: verify command end: completed successfully (1102ms)
";

    #[test]
    fn reads_every_count() {
        let found = report(DAMAGED, "demo").unwrap();
        assert!(!found.is_ok);
        let archive = FileCounts { checked: 11, valid: 10, other: 1, ..FileCounts::default() };
        assert_eq!(found.archives, [VerifiedArchive { archive_id: "15-1".into(), files: archive }]);
        let statuses: Vec<&str> = found.backups.iter().map(|backup| &*backup.status).collect();
        assert_eq!(statuses, ["invalid", "manifest missing", "valid"]);
        let first = FileCounts { checked: 968, valid: 965, missing: 1, checksum_mismatch: 2, ..FileCounts::default() };
        assert_eq!((found.backups[0].files, found.backups[2].files.checked), (first, 3));
        assert_eq!(found.ranges.len(), 2);
        assert_eq!(found.ranges[1].start, "000000010000000000000008");
    }

    #[test]
    fn reads_unusable_repository_and_rejects_other_text() {
        let text = "stanza: demo\nstatus: error\n  No usable backup.info file\n  No usable s3cr3t\n";
        assert_eq!(report(text, "demo").unwrap().errors, ["no usable backup.info file"]);
        let empty = report("stanza: demo\nstatus: ok\n  archiveId: none found\n", "demo").unwrap();
        assert!(empty.is_ok && empty.archives.is_empty());
        for bad in ["", "P00  ERROR: [055]: x", " stanza: demo\n", "stanza: other\n"] {
            assert!(report(bad, "demo").is_err(), "{bad}");
        }
    }

    #[test]
    fn strange_lines_cost_only_themselves() {
        for line in
            ["backup: ", "backup: ü, status: ", "archiveId: 1, total WAL checked: x", "missing: 99999999999999999999"]
        {
            let text =
                format!("stanza: demo\n{line}\nbackup: a, status: new, total files checked: 1, total valid files: 1\n");
            assert_eq!(report(&text, "demo").unwrap().backups[0].status, "unknown", "{line}");
        }
    }
}
