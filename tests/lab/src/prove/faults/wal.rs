//! WAL and its archive, checkpoints.

use super::fault::{Fault, Place};
use super::steps::{reset, set, sql, write_wal};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresArchiveFailing", "PostgresArchiveStalled"],
        what: "let archive_command fail",
        place: Place::Primary,
        cause: |lab, at| {
            set(lab, at, "archive_command = 'false'")?;
            write_wal(lab, at, 1)?;
            Ok(Vec::new())
        },
        mend: |lab, at| {
            reset(lab, at, "archive_command")?;
            // A new file wakes the archiver, which waits a minute after it has failed.
            write_wal(lab, at, 1)
        },
    },
    Fault {
        alerts: &["PostgresCheckpointPressure"],
        what: "ask for five checkpoints",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, &"checkpoint;\n".repeat(5)),
        mend: |_, _| Ok(()),
    },
];
