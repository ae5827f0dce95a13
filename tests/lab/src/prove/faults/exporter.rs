//! The exporters themselves.

use std::fs;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Place};
use super::steps::{freeze, sql};
use crate::{Architecture, LabError};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["ExporterCollectorFailing"],
        what: "take the right to a function away",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, "revoke execute on function pg_control_checkpoint() from public"),
        mend: |lab, at| sql(lab, at, "grant execute on function pg_control_checkpoint() to public").map(drop),
    },
    Fault {
        alerts: &["ExporterDown", "PostgresMetricsAbsent"],
        what: "freeze an exporter",
        place: Place::Replica,
        cause: |lab, at| freeze(lab.nodes[at].exporters[0].process()),
        mend: |lab, at| lab.nodes[at].exporters[0].signal("CONT"),
    },
    Fault {
        alerts: &["BackrestExporterFailing"],
        what: "damage pgBackRest’s configuration",
        place: Place::Primary,
        cause: |lab, _| {
            let (config, aside) = config(lab);
            fs::copy(&config, &aside).map_err(LabError::io(format!("copying {}", config.display())))?;
            write(&config, "no section\n").map(|()| Vec::new())
        },
        mend: |lab, _| {
            let (config, aside) = config(lab);
            fs::rename(&aside, &config).map_err(LabError::io(format!("restoring {}", config.display())))
        },
    },
];

/// pgBackRest's configuration file, and where it is kept meanwhile.
fn config(lab: &Architecture) -> (PathBuf, PathBuf) {
    let config = lab.backrest.config();
    let aside = config.with_extension("aside");
    (config, aside)
}

fn write(file: &Path, text: &str) -> Result<(), LabError> {
    fs::write(file, text).map_err(LabError::io(format!("writing {}", file.display())))
}
