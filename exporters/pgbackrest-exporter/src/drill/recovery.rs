//! Reads the log of the scratch server: what was replayed, and why it ended. Pure.

use crate::redact;

/// What the log says about recovery.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Recovery {
    /// WAL segments that came out of the archive.
    pub segments: u64,
    /// The last of them.
    pub last_segment: Option<String>,
    /// When redo ended, in Unix seconds.
    pub ended_unix_seconds: Option<f64>,
    /// The first reason for an end before its time.
    pub error: Option<String>,
}

/// Reads a log whose lines begin with Unix time and process id (`%n [%p] `); other lines are pgBackRest's.
pub(crate) fn read(log: &str) -> Recovery {
    let mut recovery = Recovery::default();
    for line in log.lines() {
        let Some((time, text)) = split(line) else {
            let level = ["ERROR:", "WARN:"].iter().filter_map(|level| line.find(level)).min();
            let shown = level.and_then(|at| redact::line(&line[at..]));
            // Of what pgBackRest says, the last error counts: it tries again.
            if shown.as_ref().is_some_and(|shown| shown.starts_with("ERROR")) {
                recovery.error = shown.map(|shown| format!("pgbackrest archive-get: {shown}"));
            }
            continue;
        };
        if let Some(name) = text.strip_prefix("LOG:  restored log file \"") {
            let name = name.split('"').next().unwrap_or_default();
            if name.len() == 24 {
                recovery.segments += 1;
                recovery.last_segment = Some(name.to_owned());
            }
        } else if text.starts_with("LOG:  redo done at ") {
            recovery.ended_unix_seconds = Some(time);
        } else if let Some(error) = ["FATAL:  ", "PANIC:  "].iter().find_map(|level| text.strip_prefix(level)) {
            // Sessions that are turned away during recovery say nothing about it.
            let is_turned_away = error.starts_with("the database system is");
            if !is_turned_away {
                recovery.error.get_or_insert_with(|| error.to_owned());
            }
        }
    }
    recovery
}

/// Time and text of a line of PostgreSQL.
fn split(line: &str) -> Option<(f64, &str)> {
    let (time, rest) = line.split_once(" [")?;
    let (_, text) = rest.split_once("] ")?;
    Some((time.parse().ok()?, text))
}

impl Recovery {
    /// The segment in the archive that recovery did not reach although it is on the same timeline: one before it is missing.
    pub fn unreached<'a>(&self, last_in_archive: Option<&'a str>) -> Option<&'a str> {
        let (reached, last) = (self.last_segment.as_deref()?, last_in_archive?);
        (reached.get(..8) == last.get(..8) && reached < last).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
1795403423.100 [7] LOG:  starting archive recovery
1795403423.200 [7] LOG:  restored log file \"00000002.history\" from archive
1795403423.300 [7] LOG:  restored log file \"000000020000000000000005\" from archive
1795403424.500 [7] LOG:  redo done at 0/5000100 system usage: CPU: user: 0.00 s
1795403424.600 [9] FATAL:  the database system is not yet accepting connections
";

    #[test]
    fn reads_segments_and_end() {
        let found = read(LOG);
        assert_eq!((found.segments, found.last_segment.as_deref()), (1, Some("000000020000000000000005")));
        assert_eq!((found.ended_unix_seconds, found.error.as_deref()), (Some(1_795_403_424.5), None));
        for (last, expected) in [
            (None, None),
            (Some("000000020000000000000005"), None),
            (Some("000000020000000000000007"), Some("000000020000000000000007")),
            // Of a timeline that recovery does not follow.
            (Some("000000010000000000000009"), None),
        ] {
            assert_eq!(found.unreached(last), expected, "{last:?}");
        }
    }

    #[test]
    fn tells_errors_without_quotations() {
        let log = "2026-11-30 19:00:54.232 P00  ERROR: [099]: s3cr3t\n";
        assert!(read(log).error.unwrap().starts_with("pgbackrest archive-get: ERROR: [099]: text omitted"));
        let log =
            format!("{LOG}1795403424.700 [7] FATAL:  recovery ended before configured recovery target was reached\n");
        assert_eq!(read(&log).error.as_deref(), Some("recovery ended before configured recovery target was reached"));
        assert_eq!(read("ü [\nx [1] FATAL:  no\n"), Recovery::default());
    }
}
