//! When a job runs: at an interval, or at times of day. Pure: the caller has the clock.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Never by itself.
    Off,
    /// So long after the start of the run before; at once if there was none.
    Every(Duration),
    /// At these times of day.
    At(Vec<Time>),
}

/// When each job runs.
#[derive(Debug, Clone)]
pub(crate) struct Schedules {
    pub verify: Schedule,
    pub drill: Schedule,
}

/// A schedule by its two flags, of which one at most is given.
pub(crate) fn schedule(every: Option<Duration>, at: &[TimeOfDay]) -> Schedule {
    match every {
        Some(every) => Schedule::Every(every),
        None if at.is_empty() => Schedule::Off,
        None => Schedule::At(at.iter().map(|at| at.0).collect()),
    }
}

impl Schedule {
    /// The next run after `now`; the run before began at `last`. A time of day that passed while the exporter was stopped
    /// is not made up for; an interval that passed is.
    pub fn next(&self, last: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Off => None,
            Self::Every(every) => {
                let next = last.map_or(now, |last| last.saturating_add(signed(*every)).unwrap_or(Timestamp::MAX));
                // A run in the future means that the clock was set back.
                Some(next.min(now.saturating_add(signed(*every)).unwrap_or(Timestamp::MAX)))
            }
            Self::At(times) => {
                let today = now.to_zoned(zone.clone()).date();
                let days = [Some(today), today.checked_add(1.day()).ok()];
                let candidates = days.into_iter().flatten().flat_map(|day| {
                    times
                        .iter()
                        .filter_map(move |time| Some(day.to_datetime(*time).to_zoned(zone.clone()).ok()?.timestamp()))
                });
                candidates.filter(|next| *next > now).min()
            }
        }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A time of day, as `03:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeOfDay(Time);

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (hour, minute) = text.split_once(':')?;
            let is_number = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number(hour) || !is_number(minute) {
                return None;
            }
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        read().map(Self).ok_or_else(|| "expected a time of day, such as 03:00".to_owned())
    }
}

/// A Unix time in the local time zone, with its offset.
pub(crate) fn local_time(unix_seconds: f64) -> String {
    let duration = SignedDuration::try_from_secs_f64(unix_seconds).unwrap_or_default();
    let zoned = Timestamp::from_duration(duration).unwrap_or_default().to_zoned(TimeZone::system());
    zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// Reads seconds, or a number with one of the units s, m, h and d: `90`, `90s`, `15m`, `24h`, `7d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];
    let unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1.0));
    let found = number.parse::<f64>().ok().map(|number| number * seconds).filter(|seconds| *seconds >= 0.1);
    found
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a duration, such as 90s, 15m, 24h or 7d".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn interval_counts_from_the_last_start() {
        let every = Schedule::Every(Duration::from_secs(3600));
        let now = at("2026-11-30T12:00:00Z");
        for (last, expected) in [
            (None, "2026-11-30T12:00:00Z"),
            (Some("2026-11-30T11:30:00Z"), "2026-11-30T12:30:00Z"),
            (Some("2026-11-29T11:30:00Z"), "2026-11-29T12:30:00Z"),
            (Some("2027-11-30T11:30:00Z"), "2026-11-30T13:00:00Z"),
        ] {
            assert_eq!(every.next(last.map(at), now, &TimeZone::UTC), Some(at(expected)), "{last:?}");
        }
        assert_eq!(Schedule::Off.next(None, now, &TimeZone::UTC), None);
    }

    #[test]
    fn time_of_day_is_local_and_in_the_future() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let times = Schedule::At(["03:00", "15:30"].map(|time| time.parse::<TimeOfDay>().unwrap().0).into());
        for (now, expected) in [
            ("2026-11-30T01:59:59Z", "2026-11-30T02:00:00Z"),
            ("2026-11-30T02:00:00Z", "2026-11-30T14:30:00Z"),
            ("2026-11-30T20:00:00Z", "2026-12-01T02:00:00Z"),
            // Summer time begins: 03:00 is 01:00 UTC.
            ("2026-03-28T20:00:00Z", "2026-03-29T01:00:00Z"),
        ] {
            assert_eq!(times.next(None, at(now), &zone), Some(at(expected)), "{now}");
        }
    }

    #[test]
    fn reads_durations_and_times() {
        for (text, seconds) in
            [("90", 90.0), ("0.5", 0.5), ("15m", 900.0), ("24h", 86_400.0), ("7d", 604_800.0), ("1s", 1.0)]
        {
            assert_eq!(parse_duration(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for bad in ["", "h", "-1h", "0", "1w", "NaN", "inf", "1e300d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for bad in ["", "3:00", "24:00", "03:60", "03:00:00", "+3:00"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
    }
}
