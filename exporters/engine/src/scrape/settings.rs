//! What does not change while the exporter runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::build_info::BuildInfo;
use crate::labels::Labels;
use crate::plan::Selection;
use crate::status::ProcessStatus;

/// What does not change while the exporter runs.
#[derive(Debug, Clone)]
pub(crate) struct ScrapeSettings {
    /// Prefix of the exporter's own metrics.
    pub namespace: String,
    pub build: BuildInfo,
    pub selection: Selection,
    pub constant_labels: Labels,
    pub disable_cache: bool,
    /// The most bytes of one result's lines.
    pub most_result_bytes: usize,
    /// How long results of a database are served in which nothing has happened.
    pub unchanged_limit: Duration,
    pub disable_intro: bool,
    /// Where positions in logs and what was counted are saved; `None`: nowhere.
    pub state_directory: Option<PathBuf>,
    pub started: Instant,
    /// What the process knows of itself.
    pub status: ProcessStatus,
}
