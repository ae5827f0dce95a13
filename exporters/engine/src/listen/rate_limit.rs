//! The rate limit: a token bucket for all requests together.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Deserialize;

/// `rate_limit` of the web configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimitSection {
    interval: Option<Interval>,
    burst: Option<u32>,
}

impl RateLimitSection {
    /// The limit, or `None` where the interval is absent or 0, which means no limit.
    ///
    /// # Errors
    /// A limit without a burst, which would refuse every request.
    pub(super) fn limit(&self) -> Result<Option<RateLimit>, String> {
        let Some(Interval(interval)) = self.interval.filter(|Interval(interval)| !interval.is_zero()) else {
            return Ok(None);
        };
        match self.burst {
            None | Some(0) => Err("rate_limit: burst must be 1 or more, otherwise every request is refused".to_owned()),
            Some(burst) => Ok(Some(RateLimit { interval, burst })),
        }
    }
}

/// One request an `interval` in the long run, and up to `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateLimit {
    interval: Duration,
    burst: u32,
}

/// How much of the limit has been used. It knows no limit itself, so a change of the limit applies at once.
///
/// Kept as one instant: when the bucket will be full again.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    /// Takes one token at `now`; `false` if there is none.
    pub(super) fn take(&self, limit: RateLimit, now: Instant) -> bool {
        let mut full_at = self.full_at.lock();
        let full_now_or_later = full_at.map_or(now, |instant| instant.max(now));
        let to_refill = full_now_or_later.duration_since(now);
        if to_refill > limit.interval.saturating_mul(limit.burst - 1) {
            return false;
        }
        let Some(full_then) = full_now_or_later.checked_add(limit.interval) else { return false };
        *full_at = Some(full_then);
        true
    }
}

/// A duration as Go writes it: `1s`, `1m30s`, `1.5h`, `100ms`, `0`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Interval(Duration);

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_duration(&text)
            .map(Interval)
            .ok_or_else(|| format!("`{text}` is not a duration such as 1s, 500ms or 1m30s"))
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, remaining) = after.split_at(unit_end);
        seconds += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = remaining;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_a_burst_and_one_request_per_interval() {
        let bucket = Bucket::default();
        let limit = RateLimit { interval: Duration::from_secs(2), burst: 3 };
        let start = Instant::now();
        let taken = (0..4).map(|_| bucket.take(limit, start)).collect::<Vec<_>>();
        assert_eq!(taken, [true, true, true, false]);
        assert!(!bucket.take(limit, start + Duration::from_millis(1999)));
        assert!(bucket.take(limit, start + Duration::from_secs(2)));
        assert!(!bucket.take(limit, start + Duration::from_secs(2)));
        let later = start + Duration::from_secs(600);
        let taken = (0..4).map(|_| bucket.take(limit, later)).collect::<Vec<_>>();
        assert_eq!(taken, [true, true, true, false]);
    }

    #[test]
    fn parses_durations_as_go_does() {
        for (text, millis) in
            [("1s", 1000), ("500ms", 500), ("1m30s", 90_000), ("1.5h", 5_400_000), ("0", 0), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "1", "s", "1 s", "-1s", "1d", "1.2.3s", "1s2"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
