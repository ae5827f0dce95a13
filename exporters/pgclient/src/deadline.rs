//! Sharing the time until a deadline.

use tokio::time::Instant;

/// The end of one of `left` equal shares of the time to the deadline, so that a silent server leaves time for the others.
pub(crate) fn share(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn divides_remaining_time() {
        let now = Instant::now();
        let end = share(now + Duration::from_secs(9), 3) - now;
        assert!((Duration::from_millis(2900)..Duration::from_millis(3100)).contains(&end), "{end:?}");
        assert!(share(now, 0) >= now);
    }
}
