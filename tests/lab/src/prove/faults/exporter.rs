//! The exporters themselves.

use std::fs;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Place};
use super::steps::{freeze, kill, sql, start_again};
use crate::{Architecture, LabError, Target};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["ExporterCollectorFailing"],
        what: "take the right to a function away",
        place: Place::Primary,
        cause: |lab, at| sql(lab, at, "revoke execute on function pg_control_checkpoint() from public"),
        mend: |lab, at| sql(lab, at, "grant execute on function pg_control_checkpoint() to public").map(drop),
    },
    Fault {
        alerts: &["ExporterDown"],
        what: "freeze an exporter",
        place: Place::Replica,
        cause: |lab, at| freeze(lab.nodes[at].exporters[0].process()),
        mend: |lab, at| lab.nodes[at].exporters[0].signal("CONT"),
    },
    Fault {
        alerts: &["PostgresMetricsAbsent"],
        what: "take an exporter out of Prometheus’ configuration",
        place: Place::Replica,
        cause: |lab, at| {
            let gone = lab.nodes[at].exporters[0].address().to_string();
            let left: Vec<Target> = lab.targets().into_iter().filter(|target| target.address != gone).collect();
            lab.prometheus.scrape(&left).map(|()| Vec::new())
        },
        mend: |lab, _| lab.prometheus.scrape(&lab.targets()),
    },
    Fault {
        alerts: &["PostgresUnreachable"],
        what: "freeze the exporter of a replica, and kill the replica with its Patroni",
        place: Place::Replica,
        cause: |lab, at| {
            freeze(lab.nodes[at].exporters[0].process())?;
            kill(lab, at)
        },
        mend: |lab, at| {
            lab.nodes[at].exporters[0].signal("CONT")?;
            start_again(lab, at)
        },
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
