//! The exporters themselves.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::fault::{Fault, Place};
use super::steps::{freeze, kill, reset, set, sql, start_again};
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
        alerts: &["ExporterReloadFailed"],
        what: "write an unknown key into an exporter’s web configuration",
        place: Place::Replica,
        cause: |lab, at| write(&lab.nodes[at].web_config, "unknown: true\n").map(|()| Vec::new()),
        mend: |lab, at| write(&lab.nodes[at].web_config, ""),
    },
    Fault {
        alerts: &["TlsCertificateExpiring"],
        what: "turn TLS on with a certificate that expired in 2025",
        place: Place::Replica,
        cause: |lab, at| {
            let (certificate, key) = expired_certificate()?;
            for (file, pem) in [("server.crt", certificate), ("server.key", key)] {
                sql(
                    lab,
                    at,
                    &format!(
                        "copy (select regexp_split_to_table('{pem}', E'\\n'))
                         to program 'umask 077; cat > {file}'"
                    ),
                )?;
            }
            set(lab, at, "ssl = on")?;
            end_scrapes(lab, at).map(|()| Vec::new())
        },
        mend: |lab, at| {
            reset(lab, at, "ssl")?;
            end_scrapes(lab, at)
        },
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
        alerts: &["RuleEvaluationFailing"],
        what: "load a rule that finds several series where one may be",
        place: Place::Primary,
        cause: |lab, _| {
            let own = Target::new("prometheus", lab.prometheus.address());
            lab.prometheus.scrape(&[lab.targets(), vec![own]].concat())?;
            lab.prometheus.load_rules(Some(
                "groups: [{ name: ambiguous, rules: [{ record: ambiguous, expr: 'up * on (job) up' }] }]",
            ))?;
            Ok(Vec::new())
        },
        mend: |lab, _| {
            lab.prometheus.load_rules(None)?;
            lab.prometheus.scrape(&lab.targets())
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

/// A certificate and its key, in PEM.
fn expired_certificate() -> Result<(String, String), LabError> {
    let made = || {
        let mut params = CertificateParams::new(["localhost".to_owned()])?;
        params.not_after = date_time_ymd(2025, 1, 1);
        let key = KeyPair::generate()?;
        Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
    };
    made().map_err(|error: rcgen::Error| LabError::Unexpected(format!("making a certificate: {error}")))
}

/// Lets the exporter connect anew.
fn end_scrapes(lab: &Architecture, at: usize) -> Result<(), LabError> {
    sql(lab, at, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'").map(drop)
}

/// pgBackRest's configuration file, and where it is kept meanwhile.
pub(super) fn config(lab: &Architecture) -> (PathBuf, PathBuf) {
    let config = lab.backrest.config();
    let aside = config.with_extension("aside");
    (config, aside)
}

fn write(file: &Path, text: &str) -> Result<(), LabError> {
    fs::write(file, text).map_err(LabError::io(format!("writing {}", file.display())))
}
