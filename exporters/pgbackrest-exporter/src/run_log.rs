//! Logs the outcomes of runs.

use crate::snapshot::{LastRun, RunTarget};

/// Logs the outcome of a run if it differs from the previous one.
pub(crate) fn log_outcome(target: &RunTarget, run: &LastRun) {
    let stanza = &*target.label;
    let before = target.last_run.as_ref();
    let reason = |run: &LastRun| run.error.as_ref().map(|error| error.reason);
    match (&run.error, before.map(reason)) {
        (Some(error), before) if before != Some(Some(error.reason)) => {
            tracing::warn!(stanza, reason = %error.reason, %error, "pgbackrest info failed");
        }
        (Some(error), _) => tracing::debug!(stanza, reason = %error.reason, %error, "pgbackrest info still fails"),
        (None, Some(Some(_))) => tracing::info!(stanza, "pgbackrest info recovered"),
        (None, _) => tracing::debug!(stanza, seconds = run.took.as_secs_f64(), "pgbackrest info succeeded"),
    }
    for warning in &run.warnings {
        if !before.is_some_and(|before| before.warnings.contains(warning)) {
            tracing::warn!(stanza, warning, "pgbackrest info printed a warning");
        }
    }
}
