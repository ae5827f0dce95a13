//! A network that takes its time: bytes arrive late, but as many at once as were sent.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The near end of a delayed direction.
pub(super) struct Sending {
    way: Sender<(Instant, Vec<u8>)>,
    delay: Duration,
    /// Before this, the connection is still being made.
    ready: Instant,
}

/// The far end; it waits until the bytes have arrived.
pub(super) struct Arriving(Receiver<(Instant, Vec<u8>)>);

/// A direction with that delay. Nothing leaves before `ready`.
pub(super) fn direction(delay: Duration, ready: Instant) -> (Sending, Arriving) {
    let (way, arrival) = mpsc::channel();
    (Sending { way, delay, ready }, Arriving(arrival))
}

impl Sending {
    /// Sends bytes on their way; false once nobody is at the other end.
    pub(super) fn send(&self, bytes: &[u8]) -> bool {
        let due = Instant::now().max(self.ready) + self.delay;
        self.way.send((due, bytes.to_vec())).is_ok()
    }
}

impl Iterator for Arriving {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let (due, bytes) = self.0.recv().ok()?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_in_order_and_not_before_their_time() {
        const DELAY: Duration = Duration::from_millis(30);
        let (sending, arriving) = direction(DELAY, Instant::now());
        let begun = Instant::now();
        let receiver = thread::spawn(move || arriving.map(|bytes| (Instant::now(), bytes)).collect::<Vec<_>>());
        for byte in 0..100 {
            assert!(sending.send(&[byte]));
        }
        let sent = begun.elapsed();
        drop(sending);
        let arrived = receiver.join().unwrap();
        assert!(arrived.iter().all(|(at, _)| *at >= begun + DELAY));
        assert_eq!(arrived.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        // One delay for all of them, not one for each: they travel together.
        assert!(begun.elapsed() < sent + 20 * DELAY);
    }

    #[test]
    fn nothing_leaves_before_the_connection_is_made() {
        let ready = Instant::now() + Duration::from_millis(40);
        let (sending, mut arriving) = direction(Duration::from_millis(20), ready);
        assert!(sending.send(b"a"));
        assert_eq!(arriving.next().unwrap(), b"a");
        assert!(Instant::now() >= ready + Duration::from_millis(20));
    }
}
