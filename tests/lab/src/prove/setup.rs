//! The architecture that a proof runs on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::scale::{CACHE_TTLS, INTERVAL, SCALE};
use crate::{Architecture, LabError, Plan, Ports, rule_files};

/// How long an alert may take to arrive, or to be resolved, and a cluster to be well, on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// An architecture under the scaled rules of a folder, every target of which is scraped.
pub fn start(programs: &Path, alerts: &Path) -> Result<Architecture, LabError> {
    let plan = Plan {
        programs: programs.to_owned(),
        ports: Ports::Free,
        interval: INTERVAL,
        rules: rules(alerts)?,
        scale: Some(SCALE),
        small_disk: true,
        exporter_args: vec![CACHE_TTLS.to_owned()],
    };
    let architecture = Architecture::start(&plan)?;
    wait_for_targets(&architecture)?;
    Ok(architecture)
}

/// The rule files of a folder.
pub(super) fn rules(alerts: &Path) -> Result<Vec<PathBuf>, LabError> {
    let rules = rule_files(alerts);
    if rules.is_empty() {
        return Err(LabError::Unexpected(format!("no rule files in {}", alerts.display())));
    }
    Ok(rules)
}

/// Waits until every target is scraped.
pub(super) fn wait_for_targets(architecture: &Architecture) -> Result<(), LabError> {
    let count = architecture.targets().len();
    architecture.prometheus.wait_for(&format!("count(up == 1) == {count}"), LIMIT).map(drop)
}
