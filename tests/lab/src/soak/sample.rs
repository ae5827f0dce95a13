//! What is seen of the exporter each second.

use std::fmt::Write as _;

/// A second of a soak.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// Since the begin.
    pub second: u64,
    /// Scrapes so far.
    pub scrapes: u64,
    /// Pages so far that say that the server is down.
    pub down: u64,
    /// Scrapes so far without a valid page in time.
    pub failed: u64,
    /// The longest answer within this second.
    pub slowest_ms: f64,
    /// Resident memory of the exporter.
    pub memory_mib: f64,
    /// Its open descriptors.
    pub descriptors: u64,
    /// Its sessions on the server that has more of them.
    pub sessions: u64,
}

/// The seconds as CSV with a header.
pub fn csv(seconds: &[Second]) -> String {
    let mut text = "second,scrapes,down,failed,slowest_ms,memory_mib,descriptors,sessions\n".to_owned();
    for one in seconds {
        let Second { second, scrapes, down, failed, slowest_ms, memory_mib, descriptors, sessions } = one;
        // Writing to a text cannot fail.
        writeln!(text, "{second},{scrapes},{down},{failed},{slowest_ms:.1},{memory_mib:.1},{descriptors},{sessions}")
            .ok();
    }
    text
}

/// The second quarter and the last one: the first is for warming up.
pub fn quarters(seconds: &[Second]) -> (&[Second], &[Second]) {
    let length = seconds.len() / 4;
    (&seconds[length..2 * length], &seconds[seconds.len() - length..])
}

/// The mean of something over some seconds.
pub fn mean(seconds: &[Second], of: fn(&Second) -> f64) -> f64 {
    seconds.iter().map(of).sum::<f64>() / seconds.len().max(1) as f64
}

/// The most of something over some seconds.
pub fn most(seconds: &[Second], of: fn(&Second) -> f64) -> f64 {
    seconds.iter().map(of).fold(0.0, f64::max)
}
