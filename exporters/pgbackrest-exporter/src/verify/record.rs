//! The result of a verification.

use serde::{Deserialize, Serialize};

use crate::verify::report::VerifyReport;

/// The last run for a stanza in a repository.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct VerifyRecord {
    pub stanza: String,
    pub repo_key: u64,
    pub started_timestamp_seconds: f64,
    pub duration_seconds: f64,
    /// Whether there is a report.
    pub success: bool,
    /// Whether the report has nothing that a restore would miss.
    pub clean: bool,
    /// When the last run without a finding began, in Unix seconds.
    pub last_clean_timestamp_seconds: Option<f64>,
    /// Why there is no report, or `invalid`.
    pub reason: Option<String>,
    pub message: Option<String>,
    pub runs: u64,
    pub failures: u64,
    pub report: Option<VerifyReport>,
}
