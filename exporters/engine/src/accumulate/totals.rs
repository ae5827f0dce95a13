//! The totals of one label set, and all of them as they are saved.

use serde::{Deserialize, Serialize};

/// The totals of one label set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// One for each COUNTER column.
    pub(super) counters: Vec<f64>,
    /// One for each HISTOGRAM column.
    pub(super) histograms: Vec<HistogramTotals>,
}

/// The observations of one histogram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HistogramTotals {
    /// How much was observed up to each bound and not the one before, then above the last.
    pub counts: Vec<f64>,
    pub sum: f64,
}

impl HistogramTotals {
    /// Adds a value, observed so many times.
    pub fn observe(&mut self, value: f64, times: f64, bounds: &[f64]) {
        if let Some(count) = self.counts.get_mut(bounds.partition_point(|bound| *bound < value)) {
            *count += times;
            self.sum += value * times;
        }
    }
}

/// The totals of an accumulator as they are saved, and of which columns they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedTotals {
    /// The names of labels, counters and the cells of histograms.
    pub(super) shape: Vec<String>,
    /// The bounds of each histogram.
    pub(super) bounds: Vec<Vec<f64>>,
    /// By labels as one text.
    pub(super) series: Vec<(String, Totals)>,
    pub(super) others: Vec<(String, Totals)>,
}
