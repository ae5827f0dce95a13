//! Where pgBackRest's log files are on this host.

use std::path::Path;

use engine::{LogLocation, LogProgram};
use logs::{Format, Place};

/// The log files of all stanzas and commands in a folder.
pub(crate) fn locate(path: &Path) -> LogLocation {
    let found = Place::given(path, "*.log").and_then(|place| {
        place.check()?;
        Ok((place, Format::pgbackrest()))
    });
    let advice = "let the exporter's user read it, or give --log.pgbackrest-path";
    let found = found.map_err(|error| format!("cannot read {error} ({advice})"));
    LogLocation { program: LogProgram::Pgbackrest, found, sampling: logs::Sampling::default() }
}
