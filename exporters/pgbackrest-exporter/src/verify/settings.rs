//! How to verify.

use std::time::Duration;

/// How to verify.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VerifySettings {
    /// For each run.
    pub timeout: Duration,
    pub process_max: u16,
}
