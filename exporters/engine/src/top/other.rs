//! The label sets beside the top N, aggregated into one series.

use super::layout::Layout;
use crate::collector::Fold;
use crate::rows::{Row, Value};

/// What is remembered of an aggregated series.
#[derive(Debug, Default)]
pub(super) struct OtherSeries {
    /// The last result that it was in.
    pub result: u64,
    /// Its labels that are kept.
    pub kept: Vec<Value<'static>>,
    pub counters: Vec<Option<f64>>,
    pub gauges: Vec<Option<f64>>,
}

impl OtherSeries {
    /// Adds a row, whose counters were `before` and are `now`.
    pub fn add(&mut self, layout: &Layout, row: &Row<'_>, before: &[f64], now: &[f64]) {
        for (at, (sum, now)) in self.counters.iter_mut().zip(now).enumerate() {
            if !now.is_nan() {
                *sum.get_or_insert_default() += growth(before.get(at).copied().unwrap_or(f64::NAN), *now);
            }
        }
        for (sum, metric) in self.gauges.iter_mut().zip(&layout.gauges) {
            if let Some(value) = metric.number(row) {
                *sum = Some(match (*sum, metric.fold) {
                    (None, _) => value,
                    (Some(sum), Fold::Sum) => sum + value,
                    (Some(sum), Fold::Max) => sum.max(value),
                    (Some(sum), Fold::Min) => sum.min(value),
                });
            }
        }
    }
}

/// What a counter has grown by; one that fell has been reset and counts anew.
pub(super) fn growth(before: f64, now: f64) -> f64 {
    if now >= before { now - before } else { now }
}
